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
