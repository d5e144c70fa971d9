//! One commit: a group of appends and registry changes in one transaction, behind the log's lock. A group that only appends,
//! the common one, is a single statement and so a single round trip.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::PgConnection;
use sqlx::postgres::{PgDatabaseError, PgSeverity};
use tokio::time::Instant;

use super::connect::{Appended, Connector, Origin, Outage, silent};
use super::listener::{CHANNEL, told};
use super::session::replaced;
use crate::auth::secret_box::SecretBox;
use crate::domain::event::NewEvent;
use crate::domain::ids::Position;
use crate::storage::sql::changes::{Change, Changes, Outcome, Placed};
use crate::storage::sql::{Listeners, Session, Statement, unavailable};
use crate::storage::writer::{CommitBackend, Done, Work};
use crate::storage::{RegistryChange, Result, StoreError};

/// Whether a batch takes the lock before its positions are given.
const LOCKED: bool = cfg!(not(feature = "append-without-lock"));

/// The writer's connection.
pub(super) struct PostgresCommit {
    connector: Connector,
    connection: Option<PgConnection>,
    secrets: Arc<SecretBox>,
    listeners: Listeners,
    outage: Outage,
    appended: Appended,
    origin: Origin,
    partition_rows: i64,
    patience: Duration,
}

#[async_trait]
impl CommitBackend for PostgresCommit {
    type Change = Change;
    type Outcome = Outcome;

    async fn commit(&mut self, work: Vec<Work<Change>>) -> Result<Vec<Done<Outcome>>> {
        self.outage.check()?;
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.connector.connect().await.map_err(unavailable)?,
        };
        let with_changes = work.iter().any(|work| matches!(work, Work::Change(_)));
        let result = self.commit_on(&mut connection, work, with_changes).await;
        if result.is_ok() {
            self.connection = Some(connection);
        } else if with_changes {
            // It is not known what the connection holds, nor whether a commit was done that was not heard of.
            self.origin.renew();
            self.listeners.tell(&[RegistryChange::Everything]);
        }
        result
    }
}

/// A group that lacks its last statement alone, the one that stores it.
struct Group {
    placed: Vec<Placed>,
    changed: Vec<RegistryChange>,
    count: i64,
    last: Last,
}

/// The statement that stores a group.
enum Last {
    /// The append of its events, a transaction by itself.
    Append(Vec<NewEvent>),
    /// The end of its transaction; the position of the last event.
    Commit(i64),
}

impl PostgresCommit {
    pub(super) fn new(
        connector: Connector,
        secrets: Arc<SecretBox>,
        listeners: Listeners,
        outage: Outage,
        (appended, origin): (Appended, Origin),
        partition_rows: i64,
    ) -> Self {
        Self {
            patience: connector.patience(),
            connector,
            connection: None,
            secrets,
            listeners,
            outage,
            appended,
            origin,
            partition_rows,
        }
    }

    async fn commit_on(
        &self,
        connection: &mut PgConnection,
        work: Vec<Work<Change>>,
        with_changes: bool,
    ) -> Result<Vec<Done<Outcome>>> {
        let end = Instant::now() + self.patience;
        let written = self.write(connection, work, with_changes);
        let group = self
            .answered(end, written)
            .await
            .unwrap_or_else(|| Err(silent()))?;
        let stored = self.store(connection, group.last);
        let stored = self.answered(end, stored).await;
        let last = stored.unwrap_or(Err(StoreError::OutcomeUnknown))?;
        self.appended.raise(Position(last));
        self.listeners.tell(&group.changed);
        let first = last - group.count + 1;
        Ok(group.placed.into_iter().map(|placed| placed.at(first)).collect())
    }

    /// None: the server did not answer in time, or cannot be reached any more.
    async fn answered<T>(&self, end: Instant, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            done = tokio::time::timeout_at(end, work) => done.ok(),
            () = self.outage.begins() => None,
        }
    }

    /// Everything but the last statement: whatever fails here, nothing was stored.
    async fn write(
        &self,
        connection: &mut PgConnection,
        work: Vec<Work<Change>>,
        with_changes: bool,
    ) -> Result<Group> {
        let transaction = with_changes || !LOCKED;
        if transaction {
            run(connection, "BEGIN").await?;
        }
        if with_changes {
            run(connection, "SELECT lock_log()").await?;
        }
        let mut group = Changes::new(connection, &self.secrets);
        let placed = group.gather(work).await?;
        let (events, changed) = (group.events, group.changed);
        let origin = self.origin.current();
        for change in &changed {
            let notify = Statement::new("SELECT pg_notify($1, $2)").bind(CHANNEL);
            connection.execute(notify.bind(told(&origin, change))).await?;
        }
        let count = i64::try_from(events.len()).unwrap_or(0);
        let last = if !transaction {
            Last::Append(events)
        } else if events.is_empty() {
            Last::Commit(0)
        } else {
            Last::Commit(self.append(connection, events).await.map_err(unavailable)?)
        };
        if !LOCKED {
            pause().await;
        }
        Ok(Group {
            placed,
            changed,
            count,
            last,
        })
    }

    /// The position of the last event. Once the statement is on its way, nothing but the server's own word tells that it did
    /// not store the group.
    async fn store(&self, connection: &mut PgConnection, last: Last) -> Result<i64> {
        match last {
            Last::Append(events) => self.append(connection, events).await.map_err(undecided),
            Last::Commit(last) => {
                let commit = sqlx::query("COMMIT").execute(connection).await;
                commit.map(|_| last).map_err(undecided)
            }
        }
    }

    /// The position of the last.
    async fn append(
        &self,
        connection: &mut PgConnection,
        events: Vec<NewEvent>,
    ) -> std::result::Result<i64, sqlx::Error> {
        let column = |of: fn(&NewEvent) -> Option<i64>| events.iter().map(of).collect::<Vec<_>>();
        let kinds: Vec<_> = events.iter().map(|event| event.kind.code()).collect();
        let kinds: Vec<i16> = kinds
            .into_iter()
            .map(|code| code.try_into().unwrap_or(-1))
            .collect();
        let received: Vec<_> = events.iter().map(|event| event.received.0).collect();
        let requests: Vec<&[u8]> = events
            .iter()
            .map(|event| event.request_id.as_bytes().as_slice())
            .collect();
        let payloads: Vec<&[u8]> = events.iter().map(|event| event.payload.as_ref()).collect();
        let faults: Vec<_> = events
            .iter()
            .map(|event| event.faults.as_deref().map(replaced))
            .collect();
        let append = sqlx::query_as("SELECT append_events($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)")
            .bind(LOCKED)
            .bind(self.partition_rows)
            .bind(kinds)
            .bind(column(|event| event.device.map(|(device, _)| device.0)))
            .bind(column(|event| event.device.map(|(_, version)| version.0)))
            .bind(column(|event| event.reported_by.map(|device| device.0)))
            .bind(received)
            .bind(requests)
            .bind(payloads)
            .bind(faults);
        let (last,): (i64,) = append.fetch_one(connection).await?;
        Ok(last)
    }
}

/// What the failure of the statement that stores a group tells. A server that goes down says so too, but not whether it was
/// done before.
fn undecided(error: sqlx::Error) -> StoreError {
    let refused = error
        .as_database_error()
        .and_then(|error| error.try_downcast_ref::<PgDatabaseError>())
        .is_some_and(|error| error.severity() == PgSeverity::Error);
    if refused {
        return unavailable(error);
    }
    tracing::warn!(%error, "it is not known whether a commit was done");
    StoreError::OutcomeUnknown
}

async fn run(connection: &mut PgConnection, statement: &'static str) -> Result<()> {
    connection.execute(Statement::new(statement)).await?;
    Ok(())
}

/// Without the lock, a moment between the positions and the commit, so that others overtake: the test of their order must be
/// seen to fail.
async fn pause() {
    let [random] = crate::auth::secret::random_bytes::<1>().unwrap_or_default();
    tokio::time::sleep(Duration::from_micros(u64::from(random) * 20)).await;
}
