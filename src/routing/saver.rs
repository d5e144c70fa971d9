//! Writes what all actions have come to, in one transaction, about every 100 ms. A save that fails is kept and written with
//! the next, so that nothing of it is lost while the program runs.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::runner::{Common, Runner};
use super::supervisor::Runners;
use crate::domain::ids::ActionKey;
use crate::lifecycle::pause;
use crate::storage::{ActionSave, NewLetter, Result};

/// Saves for all actions.
pub(super) struct Saver {
    pub(super) common: Arc<Common>,
    pub(super) runners: Arc<Runners>,
    pub(super) interval: Duration,
    pub(super) keep_attempts: u32,
    pub(super) failed: HashMap<ActionKey, ActionSave>,
    /// Whether the last save failed: it may have been made all the same, and only its answer was lost.
    pub(super) in_doubt: bool,
}

impl Saver {
    /// Runs until every action has ended after `stop`.
    pub(super) async fn run(mut self, stop: tokio_util::sync::CancellationToken) {
        loop {
            let stopping = stop.is_cancelled();
            if stopping {
                for runner in self.runners.all() {
                    runner.ended.cancelled().await;
                }
            }
            // What another node may run by now is that node's to save.
            if self.common.gate.is_open() {
                match self.save().await {
                    Ok(()) => self.common.saves.send_modify(|rounds| *rounds += 1),
                    Err(error) => {
                        tracing::warn!(%error, "what actions came to was not saved, it will be tried again");
                    }
                }
            }
            if stopping {
                for runner in self.runners.all() {
                    let action = runner.setting().action.action_id.clone();
                    self.common.metrics.forwarding.forget(action.as_str());
                }
                self.runners.end();
                return;
            }
            tokio::select! {
                _ = pause(&stop, self.interval) => {}
                () = self.common.save_soon.notified() => {}
            }
        }
    }

    async fn save(&mut self) -> Result<()> {
        self.settle_doubts().await?;
        let runners = self.runners.all();
        for runner in &runners {
            let (key, unsaved) = {
                let mut dispatcher = runner.dispatcher();
                (dispatcher.action(), dispatcher.take_unsaved())
            };
            if let Some(unsaved) = unsaved {
                let whole = match self.failed.remove(&key) {
                    Some(older) => older.followed_by(unsaved),
                    None => unsaved,
                };
                self.failed.insert(key, whole);
            }
        }
        let known: Vec<_> = runners
            .iter()
            .map(|runner| runner.dispatcher().action())
            .collect();
        self.failed.retain(|key, _| known.contains(key));
        if self.failed.is_empty() {
            return Ok(());
        }
        for runner in &runners {
            self.complete(runner).await?;
        }
        let saves: Vec<_> = self
            .failed
            .iter()
            .map(|(key, save)| (*key, save.clone()))
            .collect();
        let begun = Instant::now();
        let outcome = self.common.actions.save_actions(&saves, self.keep_attempts).await;
        let forwarding = &self.common.metrics.forwarding;
        forwarding.saved(begun.elapsed(), outcome.is_ok());
        self.in_doubt = outcome.is_err();
        outcome?;
        let forwarded = self.has_forwarded();
        self.failed.clear();
        for runner in &runners {
            if runner.dispatcher().was_saved() {
                runner.wake.notify_one();
            }
        }
        if forwarded {
            self.tell_of_letters();
        }
        Ok(())
    }

    /// Whether letters are among what is saved that another action is to deliver.
    fn has_forwarded(&self) -> bool {
        let mut letters = self.failed.values().flat_map(|save| &save.letters);
        letters.any(|letter| letter.replaying)
    }

    fn tell_of_letters(&self) {
        for runner in self.runners.all() {
            runner.dispatcher().look_for_letters();
            runner.wake.notify_one();
        }
    }

    /// What a save adds must not be added again if it was made: letters, and the attempts that come with them. Each letter
    /// of an action raises its count of the dead, in the same transaction.
    async fn settle_doubts(&mut self) -> Result<()> {
        if !self.in_doubt {
            return Ok(());
        }
        let with_letters = |(_, save): &(&ActionKey, &ActionSave)| !save.letters.is_empty();
        let found = self.failed.iter().find(with_letters);
        if let Some((key, save)) = found
            && let Some(stored) = self.common.actions.load_action(*key).await?
            && stored.counters.dead >= save.counters.dead
        {
            let forwarded = self.has_forwarded();
            for save in self.failed.values_mut() {
                save.letters.clear();
                save.attempts.clear();
            }
            if forwarded {
                self.tell_of_letters();
            }
        }
        self.in_doubt = false;
        Ok(())
    }

    /// Letters of events that were set aside get what went out; those that go to another action are written for it too.
    async fn complete(&mut self, runner: &Runner) -> Result<()> {
        let key = runner.dispatcher().action();
        let Some(save) = self.failed.get_mut(&key) else {
            return Ok(());
        };
        let setting = runner.setting();
        let absent: Vec<_> = save
            .letters
            .iter()
            .filter(|letter| letter.body.is_none())
            .map(|letter| letter.position)
            .collect();
        if !absent.is_empty() {
            let events = self.common.tail.events(&absent).await?;
            for letter in save.letters.iter_mut().filter(|letter| letter.body.is_none()) {
                let event = events
                    .iter()
                    .find(|event| event.stored.position == letter.position);
                if let Some(taken) = event.and_then(|event| setting.judge.again(event, 0)) {
                    letter.device_id = taken.outgoing.device_id;
                    letter.product_id = taken.outgoing.product_id;
                    letter.app_id = taken.outgoing.app_id;
                    letter.body = Some(taken.outgoing.body);
                }
            }
        }
        let Some(other) = setting.action.dead_letter_action.clone() else {
            return Ok(());
        };
        let Some(other) = self.runners.key_of(&other).filter(|other| *other != key) else {
            return Ok(());
        };
        // Once for each letter: one that waits for a save that failed was told already. Letters that are given up again are
        // marked where they stand and make no new one, so what came from another action goes no further.
        let own: Vec<_> = save
            .letters
            .iter()
            .filter(|letter| letter.action == key)
            .collect();
        let told: Vec<_> = save
            .letters
            .iter()
            .filter(|letter| letter.action == other)
            .map(|letter| letter.position)
            .collect();
        let news: Vec<_> = own
            .into_iter()
            .filter(|letter| !told.contains(&letter.position))
            .map(|letter| forwarded(letter, other, &setting.action))
            .collect();
        save.letters.extend(news);
        Ok(())
    }
}

/// What the dead letter's action gets, as the documented platform sends it.
fn forwarded(letter: &NewLetter, to: ActionKey, from: &crate::storage::Action) -> NewLetter {
    let body = letter.body.clone().unwrap_or_default();
    let request_id = serde_json::from_slice::<serde_json::Value>(&body)
        .ok()
        .and_then(|event| event.get("request_id").cloned());
    let told = serde_json::json!({
        "request_id": request_id,
        "rule_id": from.rule_id,
        "action_id": from.action_id,
        "channel": from.channel,
        "base64_original_payload": STANDARD.encode(&body),
        "error": letter.reason,
    });
    NewLetter {
        action: to,
        body: Some(told.to_string().into()),
        forwarded: true,
        replaying: true,
        ..letter.clone()
    }
}
