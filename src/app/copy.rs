//! From one database to another.

use std::sync::Arc;

use super::StartError;
use super::stores::{is_postgres, postgres_options};
use crate::auth::secret_box::{MasterKey, SecretBox};
use crate::config::Config;
use crate::observability::Metrics;
use crate::storage::{Digest, copy_to_postgres};

/// Why nothing was copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// One of the two is not what it must be.
    #[error("copying goes from sqlite://PATH to postgres://…")]
    Direction,
    /// One of them does not open.
    #[error(transparent)]
    Start(#[from] StartError),
    /// The copy failed; the target holds nothing.
    #[error("nothing was copied: {0}")]
    Copy(#[from] crate::storage::CopyFailure),
}

/// Copies everything under the configured master key, which both have then; `progress` hears of rows done, of how many, and
/// where it is.
pub async fn copy(
    config: &Config,
    from: &str,
    to: &str,
    progress: impl FnMut(u64, u64, &str),
) -> Result<Vec<Digest>, CopyError> {
    if !from.starts_with("sqlite://") || !is_postgres(to) {
        return Err(CopyError::Direction);
    }
    let secrets = SecretBox::new(&existing_key(config)?);
    let metrics = Arc::new(Metrics::new().map_err(StartError::from)?);
    let options = postgres_options(config, metrics);
    Ok(copy_to_postgres(from, to, &options, &secrets, progress).await?)
}

/// A key made now would be the wrong one.
fn existing_key(config: &Config) -> Result<MasterKey, StartError> {
    let path = &config.secrets.key_file;
    if config.secrets.key.is_none() && !path.exists() {
        return Err(StartError::MasterKey {
            path: path.display().to_string(),
            cause: "there is no such file".to_owned(),
        });
    }
    super::master_key(config)
}
