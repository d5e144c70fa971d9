//! The configured database, whichever it is.

use std::sync::Arc;
use std::time::Duration;

use super::{StartError, master_key};
use crate::auth::secret_box::{MasterKey, SecretBox};
use crate::config::Config;
use crate::domain::clock::{Clock, SystemClock};
use crate::lifecycle::Lifecycle;
use crate::observability::Metrics;
use crate::storage::writer::WriterLimits;
use crate::storage::{Stores, postgres, sqlite};

/// Opens the configured database for a command beside a server.
pub async fn open_beside(config: &Config) -> Result<Stores, StartError> {
    let metrics = Arc::new(Metrics::new()?);
    let (stores, _) = open_stores(config, &Lifecycle::new(), metrics).await?;
    Ok(stores)
}

/// The same, for a command that has nothing to do where no database is.
pub async fn open_existing(config: &Config) -> Result<Stores, StartError> {
    let url = config.storage.url.expose();
    let exists = if is_postgres(url) {
        let metrics = Arc::new(Metrics::new()?);
        postgres::exists(url, &postgres_options(config, metrics)).await?
    } else {
        sqlite::exists(url)
    };
    if !exists {
        return Err(StartError::NoDatabase(config.storage.url.to_string()));
    }
    open_beside(config).await
}

/// Opens the configured database, making what is missing.
pub(super) async fn open_stores(
    config: &Config,
    lifecycle: &Lifecycle,
    metrics: Arc<Metrics>,
) -> Result<(Stores, MasterKey), StartError> {
    let master = master_key(config)?;
    let secret_box = Arc::new(SecretBox::new(&master));
    let (url, now) = (config.storage.url.expose(), SystemClock.now());
    let stores = if is_postgres(url) {
        let options = postgres_options(config, metrics);
        postgres::open(url, options, secret_box, lifecycle, now).await?
    } else {
        let options = sqlite::SqliteOptions {
            metrics,
            writer: writer_limits(config),
            read_connections: config.storage.read_connections,
        };
        sqlite::open(url, options, secret_box, lifecycle, now).await?
    };
    Ok((stores, master))
}

pub(super) fn is_postgres(url: &str) -> bool {
    url.starts_with("postgres")
}

fn writer_limits(config: &Config) -> WriterLimits {
    WriterLimits {
        queue_rows: config.storage.queue_rows,
        queue_bytes: config.storage.queue_bytes,
        batch_rows: config.storage.batch_rows,
        batch_bytes: config.storage.batch_bytes,
        commit_timeout: Duration::from_secs(config.storage.commit_timeout_seconds),
    }
}

pub(super) fn postgres_options(config: &Config, metrics: Arc<Metrics>) -> postgres::PostgresOptions {
    let storage = &config.storage;
    postgres::PostgresOptions {
        metrics,
        writer: writer_limits(config),
        pool_connections: storage.pool_connections,
        connect_timeout: Duration::from_secs(storage.connect_timeout_seconds),
        statement_timeout: Duration::from_secs(storage.statement_timeout_seconds),
        partition_rows: storage.partition_rows,
    }
}
