//! Brings a file's schema up to date.

use std::path::Path;

use sqlx::migrate::MigrateError;
use sqlx::sqlite::SqliteConnection;

use super::OpenError;
pub(super) use crate::storage::sql::migrations::Steps;
use crate::storage::sql::migrations::{migrator, schema};

schema!("sqlite");

pub(super) async fn run(
    connection: &mut SqliteConnection,
    path: &Path,
    steps: Steps,
) -> Result<(), OpenError> {
    migrator(steps).run(connection).await.map_err(|error| {
        let path = path.display().to_string();
        match error {
            MigrateError::VersionMissing(step) => OpenError::NewerDatabase { path, step },
            other => OpenError::File {
                path,
                cause: other.to_string(),
            },
        }
    })
}
