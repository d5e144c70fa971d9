//! SQLite behind the storage traits: one file for the registry and the log, with one writer; a second file beside it
//! for what followers keep, out of the writer's way. WAL with `synchronous=FULL` in the first, set and asserted.

mod commit;
pub(super) mod copy_source;
mod follower_store;
mod log;
mod migrations;
#[cfg(test)]
mod plans;
mod session;
mod shadow_store;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::ConnectOptions;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow,
    SqliteSynchronous,
};
use tokio::sync::watch;

use super::sql::changes::{Change, Outcome};
use super::sql::settings::{self, KeyCheck};
use super::sql::{Listeners, Session, SqlStore, Statement, audit_entry, query, unavailable};
use super::writer::{Writer, WriterLimits};
use super::{Alone, NewAuditEntry, Result as StoreResult, Stores};
use crate::auth::secret_box::SecretBox;
use crate::domain::clock::Timestamp;
use crate::domain::ids::Position;
use crate::files;
use crate::lifecycle::Lifecycle;
use crate::observability::Metrics;
use commit::SqliteCommit;

/// How the log and the registry are written: a commit returns when its pages are flushed.
#[cfg(not(feature = "synchronous-normal"))]
const DURABLE: SqliteSynchronous = SqliteSynchronous::Full;

/// Breaks the promise of the 200 on purpose: the power-loss test must be seen to fail with it.
#[cfg(feature = "synchronous-normal")]
const DURABLE: SqliteSynchronous = SqliteSynchronous::Normal;

/// What the configuration says of the database.
#[derive(Clone)]
pub struct SqliteOptions {
    /// Hears of commits.
    pub metrics: Arc<Metrics>,
    /// The writer's bounds.
    pub writer: WriterLimits,
    /// Connections that read.
    pub read_connections: u32,
}

/// Why a database does not open.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL names no file.
    #[error("storage.url: {0}: must be sqlite://PATH")]
    Url(String),
    /// The file or its folder cannot be made or read.
    #[error("the database {path}: {cause}")]
    File {
        /// The file.
        path: String,
        /// What is wrong.
        cause: String,
    },
    /// It was migrated by a newer program.
    #[error(
        "the database {path} was made by a newer Fieldgate (its schema has step {step}, which this program does not \
         know): run that version, or restore a backup from before the upgrade"
    )]
    NewerDatabase {
        /// The file.
        path: String,
        /// The unknown step.
        step: i64,
    },
    /// Its secrets are sealed under another master key.
    #[error(
        "the master key is not the one that the database {path} was made with, so its secrets cannot be read: put the \
         original key back (secrets.key_file, or FIELDGATE__SECRETS__KEY), or point storage.url at another database"
    )]
    WrongMasterKey {
        /// The file.
        path: String,
    },
}

/// The database's parts, shared by the roles.
pub(super) struct Sqlite {
    pool: SqlitePool,
    followers: SqlitePool,
    writer: Writer<SqliteCommit>,
    secrets: Arc<SecretBox>,
    listeners: Listeners,
    /// The writer's own end is a clone of it.
    appended: watch::Sender<Position>,
}

/// Opens the database at `url` (`sqlite://PATH`), making and migrating what is missing.
pub async fn open(
    url: &str,
    options: SqliteOptions,
    secrets: Arc<SecretBox>,
    lifecycle: &Lifecycle,
    now: Timestamp,
) -> Result<Stores, OpenError> {
    let path = path_of(url).ok_or_else(|| OpenError::Url(url.to_owned()))?;
    let fault = |cause: &dyn std::fmt::Display| OpenError::File {
        path: path.display().to_string(),
        cause: cause.to_string(),
    };
    make_folder(&path).map_err(|error| fault(&error))?;

    let mut connection = connect(&path, DURABLE).await.map_err(|error| fault(&error))?;
    migrations::run(&mut connection, &path, migrations::MAIN).await?;
    match settings::check(&mut connection, &secrets).await {
        Ok(KeyCheck::Right) => {}
        Ok(KeyCheck::Wrong) => {
            return Err(OpenError::WrongMasterKey {
                path: path.display().to_string(),
            });
        }
        Ok(KeyCheck::First) => first_start(&mut connection, &secrets, now)
            .await
            .map_err(|error| fault(&error))?,
        Err(error) => return Err(fault(&error)),
    }

    let beside = followers_path(&path);
    let mut follower = connect(&beside, SqliteSynchronous::Normal)
        .await
        .map_err(|error| fault(&error))?;
    migrations::run(&mut follower, &beside, migrations::FOLLOWERS).await?;
    let project_id = settings::project_id(&mut connection)
        .await
        .map_err(|error| fault(&error))?;
    follower_store::adopt(&mut follower, &project_id)
        .await
        .map_err(|error| fault(&error))?;
    drop(follower);

    let listeners = Listeners::default();
    let appended = watch::Sender::new(Position::START);
    let backend = SqliteCommit::new(
        connection,
        path.clone(),
        secrets.clone(),
        listeners.clone(),
        appended.clone(),
    );
    let backend = backend.await.map_err(|error| fault(&error))?;
    let sqlite = Arc::new(Sqlite {
        pool: pool(&path, options.read_connections, Some(&beside))
            .await
            .map_err(|error| fault(&error))?,
        followers: pool(&beside, 2, None).await.map_err(|error| fault(&error))?,
        writer: Writer::start(backend, options.writer, options.metrics, lifecycle),
        secrets,
        listeners,
        appended,
    });
    Ok(Stores {
        registry: sqlite.clone(),
        log: sqlite.clone(),
        followers: sqlite.clone(),
        shadows: sqlite.clone(),
        statuses: sqlite.clone(),
        rules: sqlite.clone(),
        actions: sqlite.clone(),
        settings: sqlite.clone(),
        audit: sqlite.clone(),
        users: sqlite,
        leadership: Arc::new(Alone),
    })
}

async fn first_start(
    connection: &mut SqliteConnection,
    secrets: &SecretBox,
    now: Timestamp,
) -> StoreResult<()> {
    Session::execute(connection, Statement::new("BEGIN IMMEDIATE")).await?;
    settings::first_start(connection, secrets, now).await?;
    Session::execute(connection, Statement::new("COMMIT")).await?;
    Ok(())
}

#[async_trait]
impl SqlStore for Sqlite {
    type Row = SqliteRow;
    const ACTIVITY: &'static str = "followers.device_activity";

    async fn rows(&self, statement: Statement) -> StoreResult<Vec<SqliteRow>> {
        query!(statement).fetch_all(&self.pool).await.map_err(unavailable)
    }

    async fn change_noted(&self, statement: Statement, noted: &NewAuditEntry) -> StoreResult<bool> {
        let mut transaction = self.pool.begin().await.map_err(unavailable)?;
        if Session::execute(&mut *transaction, statement).await? == 0 {
            return Ok(false);
        }
        Session::execute(&mut *transaction, audit_entry(noted)).await?;
        transaction.commit().await.map_err(unavailable)?;
        Ok(true)
    }

    async fn keep(&self, statements: Vec<Statement>) -> StoreResult<u64> {
        let mut transaction = self.followers.begin().await.map_err(unavailable)?;
        let mut touched = 0;
        for statement in statements {
            touched = Session::execute(&mut *transaction, statement).await?;
        }
        transaction.commit().await.map_err(unavailable)?;
        Ok(touched)
    }

    async fn submit(&self, change: Change, bytes: usize) -> StoreResult<Outcome> {
        self.writer.change(change, bytes).await
    }

    fn secrets(&self) -> &SecretBox {
        &self.secrets
    }

    fn listeners(&self) -> &Listeners {
        &self.listeners
    }
}

/// Whether there is a database at `url`.
pub fn exists(url: &str) -> bool {
    path_of(url).is_some_and(|path| path.exists())
}

fn path_of(url: &str) -> Option<PathBuf> {
    let path = url.strip_prefix("sqlite://").filter(|path| !path.is_empty());
    path.map(PathBuf::from)
}

fn make_folder(path: &Path) -> std::io::Result<()> {
    match path.parent().filter(|folder| *folder != Path::new("")) {
        Some(folder) => files::create_folder(folder, 0o700),
        None => Ok(()),
    }
}

fn followers_path(path: &Path) -> PathBuf {
    let stem = path
        .file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    path.with_file_name(format!("{stem}-followers.db"))
}

fn connect_options(path: &Path, synchronous: SqliteSynchronous) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(synchronous)
        .busy_timeout(Duration::from_secs(5))
        .pragma("wal_autocheckpoint", "1000")
        .disable_statement_logging()
}

/// A connection whose durability was asked back.
async fn connect(path: &Path, synchronous: SqliteSynchronous) -> Result<SqliteConnection, sqlx::Error> {
    let expected = if matches!(synchronous, SqliteSynchronous::Full) {
        2
    } else {
        1
    };
    let mut connection = connect_options(path, synchronous).connect().await?;
    let (mode,): (String,) = sqlx::query_as("PRAGMA journal_mode")
        .fetch_one(&mut connection)
        .await?;
    let (level,): (i64,) = sqlx::query_as("PRAGMA synchronous")
        .fetch_one(&mut connection)
        .await?;
    if mode != "wal" || level != expected {
        let message =
            format!("the database has journal_mode {mode} and synchronous {level}, not wal and {expected}");
        return Err(sqlx::Error::Configuration(message.into()));
    }
    Ok(connection)
}

/// `beside` is attached as `followers`, for searches that look into both.
async fn pool(path: &Path, connections: u32, beside: Option<&Path>) -> Result<SqlitePool, sqlx::Error> {
    // Access keys are written through it, so it is as durable as the writer.
    let options = connect_options(path, DURABLE);
    let beside = beside.map(|path| path.display().to_string());
    SqlitePoolOptions::new()
        .max_connections(connections)
        .after_connect(move |connection, _| {
            let beside = beside.clone();
            Box::pin(async move {
                if let Some(beside) = beside {
                    let attach = sqlx::query("ATTACH DATABASE ? AS followers").bind(beside);
                    attach.execute(connection).await?;
                }
                Ok(())
            })
        })
        .connect_with(options)
        .await
}
