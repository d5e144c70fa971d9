//! Where all actions wait while it is not known whether this node may run them. What they know stays with them.

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

/// Open until it is closed.
pub(super) struct Gate(watch::Sender<bool>);

impl Default for Gate {
    fn default() -> Self {
        Self(watch::Sender::new(false))
    }
}

impl Gate {
    pub(super) fn close(&self, closed: bool) {
        self.0.send_replace(closed);
    }

    pub(super) fn is_open(&self) -> bool {
        !*self.0.borrow()
    }

    /// Waits until it is open, or `stop`.
    pub(super) async fn pass(&self, stop: &CancellationToken) {
        let mut closed = self.0.subscribe();
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            _ = closed.wait_for(|closed| !*closed) => {}
        }
    }
}
