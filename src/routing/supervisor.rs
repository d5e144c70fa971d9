//! Keeps one task running for each action that there is: it hears of changes to rules, actions, policies and certificates,
//! and starts, changes and ends tasks without a restart.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::dispatcher::{Backlog, Dispatcher, Limits};
use super::judge::Judge;
use super::runner::{Common, Runner, Setting};
use super::ways::{Closed, WaysOut};
use crate::domain::ids::{ActionId, ActionKey, CertificateId, Position};
use crate::lifecycle::Lifecycle;
use crate::storage::{
    Action, BacklogPolicy, PageRequest, PolicyFilter, Result, RoutingStore, RuleVersion, StoreError,
};

/// How often what is set is looked at although no change was heard of: another process may have made one.
const LOOK: Duration = Duration::from_secs(5);

/// The tasks that run.
#[derive(Default)]
pub(super) struct Runners {
    held: Mutex<HashMap<ActionKey, Arc<Runner>>>,
    here: AtomicBool,
}

impl Runners {
    fn held(&self) -> std::sync::MutexGuard<'_, HashMap<ActionKey, Arc<Runner>>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn begin(&self) {
        self.held().clear();
        self.here.store(true, Ordering::SeqCst);
    }

    /// All have ended: another node may run them now.
    pub(super) fn end(&self) {
        self.here.store(false, Ordering::SeqCst);
        self.held().clear();
    }

    pub(super) fn are_here(&self) -> bool {
        self.here.load(Ordering::SeqCst)
    }

    pub(super) fn all(&self) -> Vec<Arc<Runner>> {
        self.held().values().cloned().collect()
    }

    pub(super) fn of(&self, action: &ActionId) -> Option<Arc<Runner>> {
        self.all()
            .into_iter()
            .find(|runner| runner.setting().action.action_id == *action)
    }

    pub(super) fn key_of(&self, action: &ActionId) -> Option<ActionKey> {
        self.of(action).map(|runner| runner.dispatcher().action())
    }
}

/// Starts and ends actions' tasks.
pub(super) struct Supervisor {
    pub(super) routing: Arc<dyn RoutingStore>,
    pub(super) common: Arc<Common>,
    pub(super) runners: Arc<Runners>,
    pub(super) ways: Arc<dyn WaysOut>,
    pub(super) limits: Limits,
    pub(super) lifecycle: Lifecycle,
    /// What each action was set up from.
    pub(super) known: HashMap<ActionKey, String>,
    /// Those that all others' remains were cleared away for.
    pub(super) kept: Option<Vec<ActionKey>>,
}

impl Supervisor {
    /// Runs until told to stop.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        loop {
            if let Err(error) = self.look(&stop).await {
                tracing::warn!(%error, "rules and actions could not be read, it will be tried again");
            }
            tokio::select! {
                biased;
                () = stop.cancelled() => return,
                () = self.common.changed.notified() => {}
                () = tokio::time::sleep(LOOK) => {}
            }
        }
    }

    async fn look(&mut self, stop: &CancellationToken) -> Result<()> {
        // First: what is read after it holds every change up to it.
        let known = self.common.log.bounds().await?.last;
        let actions = self.routing.actions().await?;
        let versions = self.routing.rule_versions().await?;
        let all = PageRequest {
            before: i64::MAX,
            offset: 0,
            limit: u32::MAX,
        };
        let filter = PolicyFilter::default();
        let flow = self.routing.list_flow_controls(&filter, all).await?;
        self.common.flow.set(flow.items);
        let backlog = backlog(&self.routing.list_backlogs(&filter, all).await?.items);
        for action in &actions {
            self.set_up(action, &versions, (backlog, known), stop).await?;
        }
        let gone: Vec<_> = self
            .runners
            .held()
            .keys()
            .copied()
            .filter(|key| !actions.iter().any(|action| action.key == *key))
            .collect();
        for key in gone {
            self.end(key);
        }
        let keys: Vec<_> = actions.iter().map(|action| action.key).collect();
        if self.kept.as_ref() != Some(&keys) {
            self.common.actions.keep_actions(&keys).await?;
            self.kept = Some(keys);
        }
        Ok(())
    }

    async fn set_up(
        &mut self,
        action: &Action,
        versions: &[RuleVersion],
        (backlog, known): (Backlog, Position),
        stop: &CancellationToken,
    ) -> Result<()> {
        let rule: Vec<_> = versions
            .iter()
            .filter(|version| version.rule_id == action.rule_id)
            .cloned()
            .collect();
        let ca = self.certificate(action).await?;
        let now = self.common.clock.now();
        let running = self.runners.held().get(&action.key).cloned();
        if let Some(runner) = &running {
            let mut dispatcher = runner.dispatcher();
            dispatcher.set_backlog(backlog);
            dispatcher.set_paused(action.paused, now);
        }
        let target = format!("{:?}", (&action.channel, &action.detail, &ca));
        let secrets = [
            action
                .credentials
                .as_ref()
                .map(crate::auth::secret::Secret::expose),
            Some(action.signing.current.expose()),
            action
                .signing
                .previous
                .as_ref()
                .map(|(previous, _)| previous.expose()),
        ];
        let told = format!("{target} {secrets:?}");
        let digest = format!("{rule:?} {:?} {:?}", action.dead_letter_action, digest(&told));
        if self.known.get(&action.key) == Some(&digest) {
            if let Some(runner) = running {
                runner.set(Setting {
                    action: action.clone(),
                    known,
                    ..Setting::clone(&runner.setting())
                });
            }
            return Ok(());
        }
        let channel = self.ways.open(action, ca.as_ref()).unwrap_or_else(|reason| {
            tracing::warn!(action_id = %action.action_id, reason, "an action has no way out");
            Arc::new(Closed(reason))
        });
        let judge = Judge::new(rule)
            .map_err(|fault| StoreError::Corrupt(format!("the SQL of rule {}: {fault}", action.rule_id)))?;
        let setting = Setting {
            action: action.clone(),
            judge: Arc::new(judge),
            channel,
            known,
        };
        match running {
            Some(runner) => {
                runner.dispatcher().renew_target(now);
                runner.set(setting);
            }
            None => self.start(setting, backlog, stop).await?,
        }
        self.known.insert(action.key, digest);
        Ok(())
    }

    async fn certificate(&self, action: &Action) -> Result<Option<crate::storage::CaCertificate>> {
        let named = self.ways.certificate_id(action);
        match named.and_then(|id| CertificateId::parse(&id).ok()) {
            Some(id) => self.routing.certificate(&id).await,
            None => Ok(None),
        }
    }

    async fn start(&self, setting: Setting, backlog: Backlog, stop: &CancellationToken) -> Result<()> {
        let action = setting.action.clone();
        let now = self.common.clock.now();
        let mut dispatcher = match self.common.actions.load_action(action.key).await? {
            Some(saved) => Dispatcher::restore(action.key, saved, self.limits, now),
            None => Dispatcher::new(action.key, action.after, self.limits, now),
        };
        let last = self.common.log.bounds().await?.last;
        if dispatcher.scans_after() > last {
            tracing::warn!(action_id = %action.action_id, "the action is ahead of the log, it goes on from the log's end");
            dispatcher.fall_back(last);
        }
        dispatcher.set_backlog(backlog);
        dispatcher.set_paused(action.paused, now);
        let runner = Arc::new(Runner::new(dispatcher, setting, stop.child_token()));
        self.runners.held().insert(action.key, runner.clone());
        self.lifecycle.spawn("action", runner.run(self.common.clone()));
        tracing::info!(action_id = %action.action_id, channel = action.channel, "an action runs");
        Ok(())
    }

    /// What is on its way to a slow target is waited for aside: others go on meanwhile.
    fn end(&mut self, key: ActionKey) {
        self.known.remove(&key);
        let Some(runner) = self.runners.held().remove(&key) else {
            return;
        };
        runner.stop.cancel();
        let metrics = self.common.metrics.clone();
        self.lifecycle.spawn("action's end", async move {
            runner.ended.cancelled().await;
            let action = &runner.setting().action.action_id;
            metrics.forwarding.forget(action.as_str());
            tracing::info!(action_id = %action, "an action was deleted");
        });
    }
}

/// A text that is compared and not kept, since there are secrets in it.
fn digest(text: &str) -> [u8; 32] {
    let mut digest = [0; 32];
    digest.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, text.as_bytes()).as_ref());
    digest
}

/// The tightest of each bound.
fn backlog(policies: &[BacklogPolicy]) -> Backlog {
    let sizes = policies.iter().map(|policy| policy.text.size_bytes);
    let times = policies.iter().map(|policy| policy.text.time_seconds);
    Backlog {
        bytes: sizes.min().map(|bytes| u64::try_from(bytes).unwrap_or(0)),
        age_ms: times.min().map(|seconds| seconds.saturating_mul(1000)),
    }
}
