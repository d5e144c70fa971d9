//! Signals, shutdown, and owned tasks: every spawned task belongs to a [`Lifecycle`], which can end and await it.

use std::future::Future;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Owns the instance's tasks and the token that stops them.
#[derive(Clone, Debug, Default)]
pub struct Lifecycle {
    tracker: TaskTracker,
    token: CancellationToken,
}

impl Lifecycle {
    /// With no task yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs a task until it ends by itself or hears the token; a panic in it stops the instance.
    pub fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let inner = self.tracker.spawn(task);
        let token = self.token.clone();
        self.tracker.spawn(async move {
            if let Err(error) = inner.await {
                tracing::error!(task = name, %error, "a task panicked");
                token.cancel();
            }
        });
    }

    /// Cancelled when the instance is to stop.
    pub fn token(&self) -> CancellationToken {
        self.token.clone()
    }

    /// Tells every task to stop.
    pub fn shutdown(&self) {
        self.token.cancel();
    }

    /// Waits for every task; false when some did not end within `grace`.
    pub async fn drain(&self, grace: Duration) -> bool {
        self.tracker.close();
        tokio::time::timeout(grace, self.tracker.wait()).await.is_ok()
    }
}

/// Waits between two rounds of a task; false once the task is to stop.
pub async fn pause(stop: &CancellationToken, interval: Duration) -> bool {
    tokio::select! {
        biased;
        () = stop.cancelled() => false,
        () = tokio::time::sleep(interval) => true,
    }
}

/// SIGHUP: files are to be read again.
pub struct Hangups(Signal);

impl Hangups {
    /// Starts to listen; from now on the signal does not end the process.
    pub fn register() -> std::io::Result<Self> {
        Ok(Self(signal(SignalKind::hangup())?))
    }

    /// Waits for the next one.
    pub async fn next(&mut self) {
        self.0.recv().await;
    }
}

/// SIGTERM and SIGINT, heard from the moment of registration.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Starts to listen.
    pub fn register() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
        })
    }

    /// Waits for either; answers its name.
    pub async fn wait(mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}
