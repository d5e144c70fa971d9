//! Hears of registry changes on every node by LISTEN/NOTIFY, and tells this node's caches. While it does not listen it tells
//! them four times a second to drop everything, so that nothing they hold is older than a second. It is also the one that
//! finds out whether the database can be reached.

use std::future::Future;
use std::time::Duration;

use sqlx::postgres::{PgListener, PgNotification};
use tokio_util::sync::CancellationToken;

use super::connect::{Appended, Connector, Origin, Outage, no_answer};
use crate::domain::ids::{DeviceId, DeviceKey, Position, ProductKey};
use crate::storage::RegistryChange;
use crate::storage::sql::Listeners;

/// Where changes are told, each inside its own transaction.
pub(super) const CHANNEL: &str = "fieldgate_registry";

/// How long it may be quiet before the connection is tried.
const QUIET: Duration = Duration::from_millis(250);

/// How long the server may take to answer then. With [`QUIET`], the most that a lost connection goes unnoticed.
const ANSWER: Duration = Duration::from_millis(500);

/// What it is asked then, which tells of other nodes' commits too.
const LAST: &str = "SELECT coalesce(max(position), 0) FROM events";

/// The first wait before another try to connect; it doubles up to the last.
const FIRST_WAIT: Duration = Duration::from_millis(100);
const LAST_WAIT: Duration = Duration::from_secs(2);

/// A change as it is told, by whom.
pub(super) fn told(origin: &str, change: &RegistryChange) -> String {
    let what = match change {
        RegistryChange::Device(device_id, key) => format!("device {} {device_id}", key.0),
        RegistryChange::Product(key) => format!("product {}", key.0),
        RegistryChange::Routing => "routing".to_owned(),
        RegistryChange::Everything => "everything".to_owned(),
    };
    format!("{origin} {what}")
}

/// What was told; anything unknown, from a newer node, may be anything.
fn heard(text: &str) -> RegistryChange {
    let known = match text.split_once(' ') {
        Some(("device", rest)) => rest.split_once(' ').and_then(|(key, device_id)| {
            let device_id = DeviceId::parse(device_id).ok()?;
            Some(RegistryChange::Device(device_id, DeviceKey(key.parse().ok()?)))
        }),
        Some(("product", key)) => key
            .parse()
            .ok()
            .map(|key| RegistryChange::Product(ProductKey(key))),
        None if text == "routing" => Some(RegistryChange::Routing),
        _ => None,
    };
    known.unwrap_or(RegistryChange::Everything)
}

/// The task.
pub(super) struct Listener {
    connector: Connector,
    listeners: Listeners,
    outage: Outage,
    appended: Appended,
    origin: Origin,
    connection: PgListener,
}

impl Listener {
    /// Listening already when this returns.
    pub(super) async fn start(
        connector: &Connector,
        listeners: Listeners,
        outage: Outage,
        appended: Appended,
        origin: Origin,
    ) -> Result<Self, sqlx::Error> {
        Ok(Self {
            connection: listen(connector).await?,
            connector: connector.clone(),
            listeners,
            outage,
            appended,
            origin,
        })
    }

    /// Runs until told to stop.
    pub(super) async fn run(mut self, stop: CancellationToken) {
        tokio::select! {
            biased;
            () = stop.cancelled() => {}
            () = self.listen_for_ever() => {}
        }
    }

    async fn listen_for_ever(&mut self) {
        loop {
            let why = self.hear().await;
            tracing::warn!(%why, "the listener's connection is lost: caches are emptied until it is back");
            self.connection = self.connect_again().await;
            self.listeners.tell(&[RegistryChange::Everything]);
            self.outage.set(false);
            tracing::info!("the listener is connected again");
        }
    }

    /// Tells what it hears until the connection is lost.
    async fn hear(&mut self) -> String {
        loop {
            match tokio::time::timeout(QUIET, self.connection.try_recv()).await {
                Ok(Ok(Some(notification))) => self.tell(&notification),
                Ok(Ok(None)) => return "the server closed it".to_owned(),
                Ok(Err(error)) => return error.to_string(),
                Err(_) => {
                    let asked = sqlx::query_as(LAST).fetch_one(&mut self.connection);
                    match tokio::time::timeout(ANSWER, asked).await {
                        Ok(Ok((last,))) => self.appended.raise(Position(last)),
                        Ok(Err(error)) => return error.to_string(),
                        Err(_) => return "the server does not answer".to_owned(),
                    }
                }
            }
        }
    }

    fn tell(&self, notification: &PgNotification) {
        let (origin, change) = notification.payload().split_once(' ').unwrap_or_default();
        // Its own was told before its caller was answered.
        if origin != self.origin.current() {
            self.listeners.tell(&[heard(change)]);
        }
    }

    /// Tries until it listens again. The first failure to connect is what makes the database count as lost.
    async fn connect_again(&self) -> PgListener {
        let mut wait = FIRST_WAIT;
        loop {
            let connecting = listen(&self.connector);
            match self.emptying(connecting).await {
                Ok(connection) => return connection,
                Err(error) => {
                    self.outage.set(true);
                    tracing::warn!(%error, "the database cannot be reached");
                }
            }
            self.emptying(tokio::time::sleep(wait)).await;
            wait = LAST_WAIT.min(wait * 2);
        }
    }

    /// Waits, and lets caches keep nothing meanwhile.
    async fn emptying<T>(&self, work: impl Future<Output = T>) -> T {
        tokio::pin!(work);
        loop {
            self.listeners.tell(&[RegistryChange::Everything]);
            if let Ok(done) = tokio::time::timeout(QUIET, &mut work).await {
                return done;
            }
        }
    }
}

async fn listen(connector: &Connector) -> Result<PgListener, sqlx::Error> {
    let connecting = async {
        let mut listener = PgListener::connect_with(&connector.pool(1)).await?;
        listener.eager_reconnect(false);
        listener.listen(CHANNEL).await?;
        Ok(listener)
    };
    let timeout = tokio::time::timeout(connector.connect_timeout(), connecting).await;
    timeout.unwrap_or_else(|_| Err(no_answer()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_is_heard() {
        let device = DeviceId::parse("p_node-1").unwrap();
        for change in [
            RegistryChange::Device(device, DeviceKey(7)),
            RegistryChange::Product(ProductKey(8)),
            RegistryChange::Routing,
            RegistryChange::Everything,
        ] {
            let told = told("me", &change);
            let told = told.strip_prefix("me ").unwrap();
            assert_eq!(format!("{:?}", heard(told)), format!("{change:?}"));
        }
        assert!(matches!(heard("device x y"), RegistryChange::Everything));
    }
}
