//! The schema's steps, in the program itself: the same numbers and names as SQLite's, those of the followers in a list of their
//! own as there, recorded in a table of their own since both live in one database.

use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};
use sqlx::{PgConnection, SqlSafeStr};

use super::OpenError;

type Steps = &'static [(i64, &'static str, &'static str)];

/// Of the registry and the log.
const MAIN: Steps = &[
    (
        1,
        "create_registry_and_log",
        include_str!("../../../migrations/postgres/0001_create_registry_and_log.sql"),
    ),
    (
        2,
        "add_device_tags",
        include_str!("../../../migrations/postgres/0002_add_device_tags.sql"),
    ),
    (
        3,
        "add_device_certificates",
        include_str!("../../../migrations/postgres/0003_add_device_certificates.sql"),
    ),
    (
        4,
        "add_device_lookups",
        include_str!("../../../migrations/postgres/0004_add_device_lookups.sql"),
    ),
    (
        5,
        "create_audit",
        include_str!("../../../migrations/postgres/0005_create_audit.sql"),
    ),
];

/// Of what followers keep.
const FOLLOWERS: Steps = &[
    (
        1,
        "create_history_and_activity",
        include_str!("../../../migrations/postgres/followers/0001_create_history_and_activity.sql"),
    ),
    (
        2,
        "create_trace",
        include_str!("../../../migrations/postgres/followers/0002_create_trace.sql"),
    ),
    (
        3,
        "create_shadow",
        include_str!("../../../migrations/postgres/followers/0003_create_shadow.sql"),
    ),
    (
        4,
        "create_device_status",
        include_str!("../../../migrations/postgres/followers/0004_create_device_status.sql"),
    ),
];

/// Runs what is missing. The caller holds the lock that keeps others from doing the same.
pub(super) async fn run(connection: &mut PgConnection) -> Result<(), OpenError> {
    for (steps, table) in [(MAIN, "schema_steps"), (FOLLOWERS, "schema_steps_of_followers")] {
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
        let mut migrator = Migrator::with_migrations(migrations);
        migrator.dangerous_set_table_name(table);
        migrator.set_locking(false);
        migrator
            .run(&mut *connection)
            .await
            .map_err(|error| match error {
                MigrateError::VersionMissing(step) => OpenError::NewerDatabase { step },
                other => OpenError::Unreachable(other.to_string()),
            })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_migration_file_is_in_the_program_and_of_the_same_number_in_sqlite() {
        for (folder, steps) in [("", MAIN), ("/followers", FOLLOWERS)] {
            let files = |dialect: &str| {
                let mut files: Vec<_> = std::fs::read_dir(format!("migrations/{dialect}{folder}"))
                    .unwrap()
                    .map(|entry| entry.unwrap())
                    .filter(|entry| entry.file_type().unwrap().is_file())
                    .map(|entry| entry.file_name().into_string().unwrap())
                    .collect();
                files.sort();
                files
            };
            let named: Vec<_> = steps
                .iter()
                .map(|(number, name, _)| format!("{number:04}_{name}.sql"))
                .collect();
            assert_eq!(files("postgres"), named);
            // SQLite's go on with those of forwarding, which is not kept here yet.
            assert!(files("sqlite").starts_with(&named), "{named:?}");
        }
    }
}
