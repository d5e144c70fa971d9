//! Connections: from the URL's own parameters, with what every one of them must hold set and asked back.

use std::future::Future;
use std::str::FromStr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgConnection};
use tokio::sync::watch;

use super::{OpenError, PostgresOptions};
use crate::auth::secret::random_bytes;
use crate::domain::ids::Position;
use crate::storage::{Result, StoreError};

/// How long a transaction may rest between two statements: no longer than a writer that died may hold the log's lock.
const IDLE_IN_TRANSACTION_MS: &str = "10000";

/// What a client waits beyond the server's own bound on a statement.
const MARGIN: Duration = Duration::from_secs(1);

/// How long a connection that rested may take to answer before another one is made in its place.
const RESTED: Duration = Duration::from_millis(500);

/// Whether the database can be reached; the listener finds out, everyone else asks.
#[derive(Clone)]
pub(super) struct Outage(Arc<watch::Sender<bool>>);

impl Outage {
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    pub(super) fn set(&self, lost: bool) {
        self.0.send_replace(lost);
    }

    pub(super) fn check(&self) -> Result<()> {
        if *self.0.borrow() {
            return Err(StoreError::Unavailable(
                "the database cannot be reached".to_owned(),
            ));
        }
        Ok(())
    }

    /// Waits until the database cannot be reached.
    pub(super) async fn begins(&self) {
        // The sender is here: it cannot be gone.
        let _ = self.0.subscribe().wait_for(|lost| *lost).await;
    }
}

/// The highest position that this node knows to be committed; the writer raises it, and the listener for other nodes.
#[derive(Clone)]
pub(super) struct Appended(Arc<watch::Sender<Position>>);

impl Appended {
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(Position::START)))
    }

    pub(super) fn receiver(&self) -> watch::Receiver<Position> {
        self.0.subscribe()
    }

    pub(super) fn raise(&self, to: Position) {
        self.0.send_if_modified(|known| {
            let rises = *known < to;
            *known = to.max(*known);
            rises
        });
    }
}

/// Makes connections.
#[derive(Clone)]
pub(super) struct Connector {
    options: PgConnectOptions,
    connect_timeout: Duration,
    statement_timeout: Duration,
}

impl Connector {
    pub(super) fn new(url: &str, options: &PostgresOptions) -> std::result::Result<Self, OpenError> {
        let parsed = PgConnectOptions::from_str(url).map_err(|error| OpenError::Url(error.to_string()))?;
        let parsed = parsed
            .application_name("fieldgate")
            .options([
                ("synchronous_commit", "on"),
                // A rollback where there is nothing to roll back is no news.
                ("client_min_messages", "error"),
                ("idle_in_transaction_session_timeout", IDLE_IN_TRANSACTION_MS),
            ])
            .disable_statement_logging();
        Ok(Self {
            options: parsed,
            connect_timeout: options.connect_timeout,
            statement_timeout: options.statement_timeout,
        })
    }

    /// How long to wait for a statement before its connection is given up.
    pub(super) fn patience(&self) -> Duration {
        self.connect_timeout + self.statement_timeout + MARGIN
    }

    pub(super) const fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    /// As any connection is made: each statement has its time.
    fn bounded(&self) -> PgConnectOptions {
        let timeout = self.statement_timeout.as_millis().to_string();
        self.options.clone().options([("statement_timeout", timeout)])
    }

    /// A connection whose durability was asked back.
    pub(super) async fn connect(&self) -> std::result::Result<PgConnection, sqlx::Error> {
        self.connect_with(&self.bounded()).await
    }

    /// One without a bound on its statements: a step of the schema takes what it takes.
    pub(super) async fn connect_for_migration(&self) -> std::result::Result<PgConnection, sqlx::Error> {
        let mut connection = self.connect_with(&self.options).await?;
        // A copy rests within its transaction for as long as the other database takes to read.
        sqlx::query("SET idle_in_transaction_session_timeout = 0")
            .execute(&mut connection)
            .await?;
        let (fsync,): (String,) = sqlx::query_as("SHOW fsync").fetch_one(&mut connection).await?;
        if fsync != "on" {
            tracing::warn!("the database server runs with fsync={fsync}: what was answered 200 can be lost");
        }
        Ok(connection)
    }

    async fn connect_with(
        &self,
        options: &PgConnectOptions,
    ) -> std::result::Result<PgConnection, sqlx::Error> {
        let connecting = async {
            let mut connection = options.connect().await?;
            assert_durable(&mut connection).await?;
            Ok(connection)
        };
        within(self.connect_timeout, connecting).await
    }

    /// Connections that come when they are asked for. What sqlx asks one that rested before it lends it has no bound of its own.
    pub(super) fn pool(&self, connections: u32) -> PgPool {
        PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(self.connect_timeout)
            .after_connect(|connection, _| Box::pin(assert_durable(connection)))
            .test_before_acquire(false)
            .before_acquire(|connection, _| {
                Box::pin(async { within(RESTED, connection.ping()).await.map(|()| true) })
            })
            .after_release(|connection, _| Box::pin(leave_transaction(connection)))
            .connect_lazy_with(self.bounded())
    }
}

/// Work that the server answers in time, or is held not to answer.
pub(super) async fn within<T>(
    time: Duration,
    work: impl Future<Output = std::result::Result<T, sqlx::Error>>,
) -> std::result::Result<T, sqlx::Error> {
    tokio::time::timeout(time, work)
        .await
        .unwrap_or_else(|_| Err(no_answer()))
}

/// What a connection that did not come in time is.
pub(super) fn no_answer() -> sqlx::Error {
    let error = std::io::Error::new(std::io::ErrorKind::TimedOut, "the server did not answer in time");
    sqlx::Error::Io(error)
}

/// What work is that the server did not answer in time.
pub(super) fn silent() -> StoreError {
    StoreError::Unavailable("the database does not answer".to_owned())
}

/// A caller that went away while its transaction began leaves it open, and sqlx does not know of it: whoever came next would
/// write into it in vain, or read an old snapshot.
async fn leave_transaction(connection: &mut PgConnection) -> std::result::Result<bool, sqlx::Error> {
    sqlx::raw_sql("ROLLBACK").execute(connection).await?;
    Ok(true)
}

/// Which of the changes that the listener hears are this node's own and were told already. It is another one after each
/// commit whose end is not known: what comes of that is told when it is heard.
#[derive(Clone)]
pub(super) struct Origin(Arc<Mutex<String>>);

impl Origin {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(fresh_origin())))
    }

    pub(super) fn current(&self) -> String {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn renew(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = fresh_origin();
    }
}

fn fresh_origin() -> String {
    uuid::Uuid::from_bytes(random_bytes().unwrap_or_default()).to_string()
}

/// A server that takes writes, and a session that waits for them to be on disk.
async fn assert_durable(connection: &mut PgConnection) -> std::result::Result<(), sqlx::Error> {
    let query = "SELECT pg_is_in_recovery(), current_setting('synchronous_commit')";
    let (standby, level): (bool, String) = sqlx::query_as(query).fetch_one(connection).await?;
    if standby {
        return Err(sqlx::Error::Configuration("the server is a standby".into()));
    }
    if level != "on" {
        let message = format!("the session has synchronous_commit={level}, not on");
        return Err(sqlx::Error::Configuration(message.into()));
    }
    Ok(())
}

/// Takes leave of the server; it does not matter whether that is heard.
pub(super) async fn close(connection: PgConnection) {
    let _ = connection.close().await;
}
