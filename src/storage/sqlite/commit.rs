//! One commit: a group of appends and registry changes in one transaction, events inserted many at a time.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock};

use async_trait::async_trait;
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::watch;

use super::{DURABLE, connect, unavailable};
use crate::auth::secret_box::SecretBox;
use crate::domain::event::NewEvent;
use crate::domain::ids::Position;
use crate::storage::sql::changes::{Change, Changes, Outcome};
use crate::storage::sql::{Listeners, Session, rows};
use crate::storage::writer::{CommitBackend, Done, Work};
use crate::storage::{Result, StoreError};

/// Rows of one insert. A group takes the smallest that holds it and leaves the rest of the rows empty: one statement is
/// one trip to the database's thread, which costs more than binding some NULLs, and a fixed set of texts stays prepared.
const SIZES: [usize; 9] = [1, 2, 4, 8, 16, 32, 64, 128, LARGEST];

/// How many columns [`rows::EVENT`] names.
const EVENT_COLUMNS: usize = 9;

/// The most rows of one insert: 9 columns each, far below SQLite's bound on variables.
const LARGEST: usize = 256;

static INSERTS: LazyLock<[String; SIZES.len()]> = LazyLock::new(|| {
    SIZES.map(|size| {
        format!(
            "INSERT INTO events ({}) SELECT * FROM (VALUES {}) WHERE column1 IS NOT NULL",
            rows::EVENT,
            vec!["(?,?,?,?,?,?,?,?,?)"; size].join(",")
        )
    })
});

/// The writer's connection.
pub(crate) struct SqliteCommit {
    connection: SqliteConnection,
    path: PathBuf,
    secrets: Arc<SecretBox>,
    listeners: Listeners,
    appended: watch::Sender<Position>,
    last: i64,
    /// After a failure, until a new connection is there.
    unsure: bool,
}

/// How many rows this is, if it only appends.
fn appended_rows(work: &Work<Change>) -> Option<usize> {
    match work {
        Work::Append(events) => Some(events.len()),
        Work::Change(_) => None,
    }
}

#[async_trait]
impl CommitBackend for SqliteCommit {
    type Change = Change;
    type Outcome = Outcome;

    async fn commit(&mut self, work: Vec<Work<Change>>) -> Result<Vec<Done<Outcome>>> {
        if self.unsure {
            self.recover().await?;
        }
        let last = self.last;
        match self.try_commit(work).await {
            Ok(done) => Ok(done),
            Err(error) => {
                self.last = last;
                self.unsure = true;
                if let Err(error) = self.recover().await {
                    tracing::error!(%error, "the database does not open again, the next commit tries once more");
                }
                Err(error)
            }
        }
    }
}

impl SqliteCommit {
    pub(super) async fn new(
        connection: SqliteConnection,
        path: PathBuf,
        secrets: Arc<SecretBox>,
        listeners: Listeners,
        appended: watch::Sender<Position>,
    ) -> Result<Self> {
        let mut commit = Self {
            connection,
            path,
            secrets,
            listeners,
            appended,
            last: 0,
            unsure: false,
        };
        commit.last = commit.connection.last_position().await?;
        commit.announce();
        Ok(commit)
    }

    async fn try_commit(&mut self, work: Vec<Work<Change>>) -> Result<Vec<Done<Outcome>>> {
        // A single insert is a transaction by itself: the common group of reports is one trip to the database.
        let rows = work.iter().map(appended_rows).sum::<Option<usize>>();
        let single = rows.is_some_and(|rows| rows <= LARGEST);
        if !single {
            self.execute("BEGIN IMMEDIATE").await?;
        }
        let mut group = Changes::new(&mut self.connection, &self.secrets);
        let placed = group.gather(work).await?;
        let (events, changed) = (group.events, group.changed);
        let first = self.last + 1;
        self.insert(&events).await?;
        if !single {
            self.execute("COMMIT").await?;
        }
        self.announce();
        self.listeners.tell(&changed);
        Ok(placed.into_iter().map(|placed| placed.at(first)).collect())
    }

    /// Tells those who follow the log how far it goes, once for each commit.
    fn announce(&self) {
        let last = Position(self.last);
        self.appended.send_if_modified(|known| {
            let rises = *known < last;
            *known = last.max(*known);
            rises
        });
    }

    async fn execute(&mut self, statement: &'static str) -> Result<()> {
        sqlx::query(statement)
            .execute(&mut self.connection)
            .await
            .map(|_| ())
            .map_err(unavailable)
    }

    /// After a failure it is not known what the connection holds, an open transaction even: nothing is written until a
    /// new one has taken its place.
    async fn recover(&mut self) -> Result<()> {
        let fresh = connect(&self.path, DURABLE).await.map_err(unavailable)?;
        let old = std::mem::replace(&mut self.connection, fresh);
        let _ = old.close().await;
        // Another process may have appended: positions go on after the highest.
        self.last = self.connection.last_position().await?.max(self.last);
        self.unsure = false;
        Ok(())
    }

    async fn insert(&mut self, events: &[NewEvent]) -> Result<()> {
        for chunk in events.chunks(LARGEST) {
            let fitting = SIZES
                .iter()
                .zip(INSERTS.iter())
                .find(|(size, _)| **size >= chunk.len());
            let Some((size, sql)) = fitting else {
                return Err(StoreError::Corrupt(
                    "a group of events beyond every insert".to_owned(),
                ));
            };
            let mut query = sqlx::query(sql.as_str());
            for event in chunk {
                self.last += 1;
                query = query
                    .bind(self.last)
                    .bind(event.kind.code())
                    .bind(event.device.map(|(device, _)| device.0))
                    .bind(event.device.map(|(_, version)| version.0))
                    .bind(event.reported_by.map(|device| device.0))
                    .bind(event.received.0)
                    .bind(event.request_id.as_bytes().as_slice())
                    .bind(event.payload.as_ref())
                    .bind(event.faults.as_deref());
            }
            for _ in 0..(size - chunk.len()) * EVENT_COLUMNS {
                query = query.bind(None::<i64>);
            }
            query.execute(&mut self.connection).await.map_err(unavailable)?;
        }
        Ok(())
    }
}
