//! The schema's steps, in the program itself.

use std::path::Path;

use sqlx::SqlSafeStr;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::sqlite::SqliteConnection;

use super::OpenError;

pub(super) type Steps = &'static [(i64, &'static str, &'static str)];

/// Of the registry and the log.
pub(super) const MAIN: Steps = &[
    (
        1,
        "create_registry_and_log",
        include_str!("../../../migrations/sqlite/0001_create_registry_and_log.sql"),
    ),
    (
        2,
        "add_device_tags",
        include_str!("../../../migrations/sqlite/0002_add_device_tags.sql"),
    ),
    (
        3,
        "add_device_certificates",
        include_str!("../../../migrations/sqlite/0003_add_device_certificates.sql"),
    ),
    (
        4,
        "add_device_lookups",
        include_str!("../../../migrations/sqlite/0004_add_device_lookups.sql"),
    ),
    (
        5,
        "create_audit",
        include_str!("../../../migrations/sqlite/0005_create_audit.sql"),
    ),
    (
        6,
        "create_routing",
        include_str!("../../../migrations/sqlite/0006_create_routing.sql"),
    ),
];

/// Of what followers keep.
pub(super) const FOLLOWERS: Steps = &[
    (
        1,
        "create_history_and_activity",
        include_str!("../../../migrations/sqlite/followers/0001_create_history_and_activity.sql"),
    ),
    (
        2,
        "create_trace",
        include_str!("../../../migrations/sqlite/followers/0002_create_trace.sql"),
    ),
    (
        3,
        "create_shadow",
        include_str!("../../../migrations/sqlite/followers/0003_create_shadow.sql"),
    ),
    (
        4,
        "create_device_status",
        include_str!("../../../migrations/sqlite/followers/0004_create_device_status.sql"),
    ),
    (
        5,
        "create_deliveries",
        include_str!("../../../migrations/sqlite/followers/0005_create_deliveries.sql"),
    ),
];

pub(super) async fn run(
    connection: &mut SqliteConnection,
    path: &Path,
    steps: Steps,
) -> Result<(), OpenError> {
    let migrations = steps
        .iter()
        .map(|(number, name, sql)| {
            Migration::new(
                *number,
                (*name).into(),
                MigrationType::Simple,
                (*sql).into_sql_str(),
                false,
            )
        })
        .collect();
    Migrator::with_migrations(migrations)
        .run(connection)
        .await
        .map_err(|error| {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_migration_file_is_in_the_program() {
        for (folder, steps) in [
            ("migrations/sqlite", MAIN),
            ("migrations/sqlite/followers", FOLLOWERS),
        ] {
            let mut files: Vec<_> = std::fs::read_dir(folder)
                .unwrap()
                .map(|entry| entry.unwrap())
                .filter(|entry| entry.file_type().unwrap().is_file())
                .map(|entry| entry.file_name().into_string().unwrap())
                .collect();
            files.sort();
            let named: Vec<_> = steps
                .iter()
                .map(|(number, name, _)| format!("{number:04}_{name}.sql"))
                .collect();
            assert_eq!(files, named);
        }
    }
}
