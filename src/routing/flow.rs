//! Flow control: how many events a second may go out, by action, rule, channel and in all. It delays, it never drops.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::domain::clock::Timestamp;
use crate::domain::ids::PolicyId;
use crate::storage::{Action, FlowControlPolicy};

/// What a policy has left: a second's worth at most.
#[derive(Debug)]
struct Bucket {
    limit: u64,
    thousandths: u64,
    filled: Timestamp,
}

/// All policies, shared by the actions.
#[derive(Debug, Default)]
pub struct FlowControl {
    policies: Mutex<(Vec<FlowControlPolicy>, HashMap<PolicyId, Bucket>)>,
}

impl FlowControl {
    /// These hold from now on.
    pub fn set(&self, policies: Vec<FlowControlPolicy>) {
        let mut held = self.policies.lock().unwrap_or_else(PoisonError::into_inner);
        held.1
            .retain(|id, _| policies.iter().any(|policy| policy.policy_id == *id));
        held.0 = policies;
    }

    /// How many of `most` events an action may send now; they count as sent.
    pub fn take(&self, action: &Action, most: usize, now: Timestamp) -> usize {
        let mut held = self.policies.lock().unwrap_or_else(PoisonError::into_inner);
        let (policies, buckets) = &mut *held;
        let most = u64::try_from(most).unwrap_or(u64::MAX);
        let mut granted = most;
        let fitting: Vec<_> = policies
            .iter()
            .filter(|policy| concerns(policy, action))
            .collect();
        for policy in &fitting {
            let limit = u64::try_from(policy.text.limit).unwrap_or(1).max(1);
            let bucket = buckets.entry(policy.policy_id.clone()).or_insert(Bucket {
                limit,
                thousandths: limit * 1000,
                filled: now,
            });
            bucket.limit = limit;
            let passed = u64::try_from(now.0.saturating_sub(bucket.filled.0))
                .unwrap_or(0)
                .min(1000);
            bucket.thousandths = (bucket.thousandths + passed * limit).min(limit * 1000);
            bucket.filled = now;
            granted = granted.min(bucket.thousandths / 1000);
        }
        for policy in fitting {
            if let Some(bucket) = buckets.get_mut(&policy.policy_id) {
                bucket.thousandths -= granted * 1000;
            }
        }
        usize::try_from(granted).unwrap_or(0)
    }

    /// Some of what was taken was not sent after all.
    pub fn give_back(&self, action: &Action, unused: usize) {
        if unused == 0 {
            return;
        }
        let mut held = self.policies.lock().unwrap_or_else(PoisonError::into_inner);
        let (policies, buckets) = &mut *held;
        let unused = u64::try_from(unused).unwrap_or(0) * 1000;
        for policy in policies.iter().filter(|policy| concerns(policy, action)) {
            if let Some(bucket) = buckets.get_mut(&policy.policy_id) {
                bucket.thousandths = (bucket.thousandths + unused).min(bucket.limit * 1000);
            }
        }
    }
}

fn concerns(policy: &FlowControlPolicy, action: &Action) -> bool {
    let value = policy.text.scope_value.as_deref();
    match policy.text.scope.as_str() {
        "CHANNEL" => value == Some(&action.channel),
        "RULE" => value == Some(action.rule_id.as_str()),
        "ACTION" => value == Some(action.action_id.as_str()),
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::secret::Secret;
    use crate::domain::ids::{ActionId, ActionKey, Position, RuleId};
    use crate::storage::{FlowControlText, Policy, SigningSecrets};

    fn action(id: &str) -> Action {
        Action {
            key: ActionKey(1),
            action_id: ActionId::parse(id).unwrap(),
            rule_id: RuleId::parse("r").unwrap(),
            app_id: None,
            channel: "HTTP_FORWARDING".to_owned(),
            detail: String::new(),
            credentials: None,
            signing: SigningSecrets {
                current: Secret::new(String::new()),
                previous: None,
            },
            dead_letter_action: None,
            paused: false,
            after: Position::START,
            created: Timestamp(0),
        }
    }

    fn policy(id: &str, scope: &str, value: Option<&str>, limit: i64) -> FlowControlPolicy {
        Policy {
            key: 1,
            policy_id: PolicyId::parse(id).unwrap(),
            text: FlowControlText {
                scope: scope.to_owned(),
                scope_value: value.map(str::to_owned),
                limit,
                ..FlowControlText::default()
            },
        }
    }

    #[test]
    fn the_tightest_policy_holds_and_fills_again_within_a_second() {
        let flow = FlowControl::default();
        let now = Timestamp(5000);
        assert_eq!(flow.take(&action("a"), 500, now), 500);
        flow.set(vec![
            policy("all", "USER", None, 10),
            policy("a", "ACTION", Some("a"), 4),
        ]);
        assert_eq!(flow.take(&action("a"), 500, now), 4);
        assert_eq!(flow.take(&action("b"), 500, now), 6, "what the other left");
        assert_eq!(flow.take(&action("b"), 500, now), 0);
        assert_eq!(flow.take(&action("a"), 500, now.plus_millis(500)), 2);
        assert_eq!(flow.take(&action("b"), 500, now.plus_millis(60_000)), 10);
        flow.give_back(&action("b"), 3);
        assert_eq!(flow.take(&action("b"), 500, now.plus_millis(60_000)), 3);
    }
}
