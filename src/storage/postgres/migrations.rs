//! Brings the schema up to date. The two lists of steps are recorded in a table each, since both live in one database.

use sqlx::PgConnection;
use sqlx::migrate::MigrateError;

use super::OpenError;
use crate::storage::sql::migrations::{migrator, schema};

schema!("postgres");

/// Runs what is missing. The caller holds the lock that keeps others from doing the same.
pub(super) async fn run(connection: &mut PgConnection) -> Result<(), OpenError> {
    for (steps, table) in [(MAIN, "schema_steps"), (FOLLOWERS, "schema_steps_of_followers")] {
        let mut migrator = migrator(steps);
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
