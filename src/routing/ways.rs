//! Where the channels come from: the composition root knows which there are, whoever runs actions asks for one.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use super::channel::{Channel, Outcome, Outgoing, Report};
use crate::storage::{Action, CaCertificate};

/// Opens the way out of an action.
pub trait WaysOut: Send + Sync {
    /// The id of the CA that the action's target is verified against, if it names one.
    fn certificate_id(&self, action: &Action) -> Option<String>;
    /// The channel of an action, not yet connected; or why there is none.
    fn open(&self, action: &Action, ca: Option<&CaCertificate>) -> Result<Arc<dyn Channel>, String>;
}

/// The channel of an action that cannot have one: it refuses everything and says why.
pub struct Closed(pub String);

#[async_trait]
impl Channel for Closed {
    fn batch_size(&self) -> usize {
        1
    }

    async fn deliver(&self, events: &[Outgoing]) -> Vec<Report> {
        let report = Report {
            outcome: Outcome::TargetRefused,
            detail: self.0.clone(),
            took: Duration::ZERO,
        };
        vec![report; events.len()]
    }
}

/// No channel at all.
pub struct NoWays;

impl WaysOut for NoWays {
    fn certificate_id(&self, _: &Action) -> Option<String> {
        None
    }

    fn open(&self, action: &Action, _: Option<&CaCertificate>) -> Result<Arc<dyn Channel>, String> {
        Err(format!("the channel {} is not available", action.channel))
    }
}
