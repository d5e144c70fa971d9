//! PostgreSQL behind the storage traits, on any number of nodes: one database for everything. Every batch takes an advisory
//! lock for its transaction before its positions are given, so that commit order is position order whoever writes.
//! `synchronous_commit=on`, set and asserted on every connection.
//!
//! Reads go through a pool of bounded size; the writer, the listener and the claim to lead have connections of their own. While the database
//! cannot be reached everything is refused at once, until the listener reaches it again.

mod commit;
mod connect;
pub(super) mod copy_target;
mod follower_store;
mod leadership;
mod lending;
mod listener;
mod log;
mod migrations;
mod refusal;
mod session;
mod shadow_store;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::Connection;
use sqlx::postgres::{PgPool, PgRow};

use super::sql::changes::{Change, Outcome};
use super::sql::settings::{self, KeyCheck};
use super::sql::{Listeners, Session, SqlStore, Statement, audit_entry, query, unavailable};
use super::writer::{Writer, WriterLimits};
use super::{NewAuditEntry, Result, Stores};
use crate::auth::secret_box::SecretBox;
use crate::domain::clock::Timestamp;
use crate::domain::ids::Position;
use crate::lifecycle::Lifecycle;
use crate::observability::Metrics;
use commit::PostgresCommit;
use connect::{Appended, Connector, Origin, Outage};

/// What the configuration says of the database.
#[derive(Clone)]
pub struct PostgresOptions {
    /// Hears of commits.
    pub metrics: Arc<Metrics>,
    /// The writer's bounds.
    pub writer: WriterLimits,
    /// Connections of the pool; the writer, the listener and the claim to lead have one each beside it.
    pub pool_connections: u32,
    /// How long a connection may take to come, from the server or from the pool.
    pub connect_timeout: Duration,
    /// How long a statement may take.
    pub statement_timeout: Duration,
    /// Positions of one partition of the log.
    pub partition_rows: u32,
}

/// Why a database does not open. No text names a password.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL is none of PostgreSQL's.
    #[error("storage.url: {0}")]
    Url(String),
    /// The server does not answer, or refuses.
    #[error("the database of storage.url: {0}")]
    Unreachable(String),
    /// It is not spoken to as the URL demands.
    #[error("the database of storage.url: {cause}: {advice}")]
    Unproven {
        /// The other side's, or the library's word.
        cause: String,
        /// What to do.
        advice: &'static str,
    },
    /// It was migrated by a newer program.
    #[error(
        "the database of storage.url was made by a newer Fieldgate (its schema has step {step}, which this program does \
         not know): run that version, or restore a backup from before the upgrade"
    )]
    NewerDatabase {
        /// The unknown step.
        step: i64,
    },
    /// It is to be copied into and holds something.
    #[error("the database to copy into is not empty")]
    NotEmpty,
    /// Its secrets are sealed under another master key.
    #[error(
        "the master key is not the one that the database of storage.url was made with, so its secrets cannot be read: put \
         the original key back (secrets.key_file, or FIELDGATE__SECRETS__KEY), or point storage.url at another database"
    )]
    WrongMasterKey,
}

/// The database's parts, shared by the roles.
pub(super) struct Postgres {
    connector: Connector,
    /// Who this is among the programs on the database.
    node: String,
    pool: PgPool,
    writer: Writer<PostgresCommit>,
    secrets: Arc<SecretBox>,
    listeners: Listeners,
    outage: Outage,
    appended: Appended,
    partition_rows: i64,
    statement_timeout: Duration,
    patience: Duration,
}

/// Opens the database at `url`, migrating it under a lock that only one program at a time holds.
pub async fn open(
    url: &str,
    options: PostgresOptions,
    secrets: Arc<SecretBox>,
    lifecycle: &Lifecycle,
    now: Timestamp,
) -> std::result::Result<Stores, OpenError> {
    let connector = Connector::new(url, &options)?;
    let fault = |cause: &dyn std::fmt::Display| OpenError::Unreachable(cause.to_string());
    let last = prepare(&connector, &options, &secrets, now).await?;
    let listeners = Listeners::default();
    let (outage, appended, origin) = (Outage::new(), Appended::new(), Origin::new());
    appended.raise(last);
    let pool = connector.pool(options.pool_connections);
    // Listening starts before anything is read that a change could make old.
    let listener = listener::Listener::start(
        &connector,
        listeners.clone(),
        outage.clone(),
        appended.clone(),
        origin.clone(),
    );
    let listener = listener.await.map_err(|error| fault(&error))?;
    let stop = lifecycle.token();
    lifecycle.spawn("registry listener", listener.run(stop));
    let backend = PostgresCommit::new(
        connector.clone(),
        secrets.clone(),
        listeners.clone(),
        outage.clone(),
        (appended.clone(), origin),
        i64::from(options.partition_rows),
    );
    let postgres = Arc::new(Postgres {
        pool,
        writer: Writer::start(backend, options.writer, options.metrics, lifecycle),
        secrets,
        listeners,
        outage,
        appended,
        partition_rows: i64::from(options.partition_rows),
        statement_timeout: options.statement_timeout,
        patience: connector.patience(),
        connector,
        node: Origin::new().current(),
    });
    Ok(Stores {
        registry: postgres.clone(),
        log: postgres.clone(),
        followers: postgres.clone(),
        shadows: postgres.clone(),
        statuses: postgres.clone(),
        rules: postgres.clone(),
        actions: postgres.clone(),
        settings: postgres.clone(),
        audit: postgres.clone(),
        users: postgres.clone(),
        leadership: postgres,
    })
}

/// Whether there is a database of ours at `url`.
pub async fn exists(url: &str, options: &PostgresOptions) -> std::result::Result<bool, OpenError> {
    let fault = |error: sqlx::Error| OpenError::Unreachable(error.to_string());
    let connecting = Connector::new(url, options)?;
    let mut connection = connecting
        .connect()
        .await
        .map_err(|error| refusal::told(&error))?;
    let found = sqlx::query_as("SELECT to_regclass('settings') IS NOT NULL").fetch_one(&mut connection);
    let (found,): (bool,) = found.await.map_err(fault)?;
    Ok(found)
}

/// Brings the schema up to date and makes the first facts, while no other program does. Answers the last position.
async fn prepare(
    connector: &Connector,
    options: &PostgresOptions,
    secrets: &SecretBox,
    now: Timestamp,
) -> std::result::Result<Position, OpenError> {
    let fault = |cause: &dyn std::fmt::Display| OpenError::Unreachable(cause.to_string());
    let mut connection = connector
        .connect_for_migration()
        .await
        .map_err(|error| refusal::told(&error))?;
    lock(&mut connection).await.map_err(|error| fault(&error))?;
    migrations::run(&mut connection).await?;
    let check = settings::check(&mut connection, secrets).await;
    match check.map_err(|error| fault(&error))? {
        KeyCheck::Right => {}
        KeyCheck::Wrong => return Err(OpenError::WrongMasterKey),
        KeyCheck::First => first_start(&mut connection, secrets, now)
            .await
            .map_err(|error| fault(&error))?,
    }
    sqlx::query("SELECT make_room(last_value + $1, $1) FROM event_positions")
        .bind(i64::from(options.partition_rows))
        .execute(&mut connection)
        .await
        .map_err(|error| fault(&error))?;
    let last = sqlx::query_as(log::BOUNDS).fetch_one(&mut connection).await;
    let (_, last): (Option<i64>, i64) = last.map_err(|error| fault(&error))?;
    connect::close(connection).await;
    Ok(Position(last))
}

/// Keeps every other program from changing the schema until the connection ends.
async fn lock(connection: &mut sqlx::PgConnection) -> std::result::Result<(), sqlx::Error> {
    sqlx::query("SELECT pg_advisory_lock(7166381, 0)")
        .execute(connection)
        .await?;
    Ok(())
}

async fn first_start(connection: &mut sqlx::PgConnection, secrets: &SecretBox, now: Timestamp) -> Result<()> {
    Session::execute(connection, Statement::new("BEGIN")).await?;
    settings::first_start(connection, secrets, now).await?;
    Session::execute(connection, Statement::new("COMMIT")).await?;
    Ok(())
}

#[async_trait]
impl SqlStore for Postgres {
    type Row = PgRow;
    const ACTIVITY: &'static str = "device_activity";

    async fn rows(&self, statement: Statement) -> Result<Vec<PgRow>> {
        let statement = session::without_nul(statement);
        self.found(query!(statement)).await
    }

    async fn change_noted(&self, statement: Statement, noted: &NewAuditEntry) -> Result<bool> {
        let (statement, entry) = (
            session::without_nul(statement),
            session::without_nul(audit_entry(noted)),
        );
        self.timed(async {
            let mut lent = self.lend().await?;
            let mut transaction = lent.begin().await?;
            let done = query!(statement).execute(&mut *transaction).await?;
            if done.rows_affected() == 0 {
                return Ok(false);
            }
            query!(entry).execute(&mut *transaction).await?;
            transaction.commit().await?;
            Ok(true)
        })
        .await
    }

    async fn keep(&self, statements: Vec<Statement>) -> Result<u64> {
        self.timed(async {
            let mut lent = self.lend().await?;
            let mut transaction = lent.begin().await?;
            let mut touched = 0;
            for statement in statements.into_iter().map(session::without_nul) {
                touched = query!(statement)
                    .execute(&mut *transaction)
                    .await?
                    .rows_affected();
            }
            transaction.commit().await?;
            Ok(touched)
        })
        .await
    }

    async fn submit(&self, change: Change, bytes: usize) -> Result<Outcome> {
        self.writer.change(change, bytes).await
    }

    fn secrets(&self) -> &SecretBox {
        &self.secrets
    }

    fn listeners(&self) -> &Listeners {
        &self.listeners
    }
}
