//! An empty database to copy into: with its schema and nothing else, in one transaction until everything is there.

use sqlx::PgConnection;

use super::connect::Connector;
use super::{OpenError, PostgresOptions, follower_store, lock, migrations, refusal, unavailable};
use crate::storage::Result;
use crate::storage::copy::{More, SEQUENCES};
use crate::storage::sql::{Session, Statement, Value};

/// What only this database keeps.
pub(in crate::storage) const MORE: &[More] = &[More {
    table: "trace",
    column: "telling",
    of: |row| match row {
        [
            _,
            _,
            _,
            Value::Text(method),
            Value::Text(path),
            Value::Int(status),
            Value::Text(code),
            Value::Text(message),
            ..,
        ] => {
            let [method, path, code, message] =
                [method, path, code, message].map(|text| text.as_deref().unwrap_or_default());
            let status = u16::try_from(status.unwrap_or(0)).unwrap_or(0);
            Value::Bytes(Some(follower_store::digest(
                [method, path, code, message],
                status,
            )))
        }
        _ => Value::Bytes(None),
    },
}];

/// A connection in its transaction.
pub(in crate::storage) async fn open(
    url: &str,
    options: &PostgresOptions,
) -> std::result::Result<PgConnection, OpenError> {
    let fault = |cause: &dyn std::fmt::Display| OpenError::Unreachable(cause.to_string());
    let connector = Connector::new(url, options)?;
    let mut connection = connector
        .connect_for_migration()
        .await
        .map_err(|error| refusal::told(&error))?;
    lock(&mut connection).await.map_err(|error| fault(&error))?;
    migrations::run(&mut connection).await?;
    let query = "SELECT 1 WHERE EXISTS (SELECT 1 FROM settings) OR EXISTS (SELECT 1 FROM apps)
        OR (SELECT last_value FROM event_positions) > 0";
    let held = Session::rows(&mut connection, Statement::new(query)).await;
    if !held.map_err(|error| fault(&error))?.is_empty() {
        return Err(OpenError::NotEmpty);
    }
    for statement in ["BEGIN", "SET CONSTRAINTS ALL DEFERRED"] {
        Session::execute(&mut connection, Statement::new(statement))
            .await
            .map_err(|error| fault(&error))?;
    }
    Ok(connection)
}

/// Makes partitions for what comes, and lets positions go on after the last that the source gave.
pub(in crate::storage) async fn make_room(
    connection: &mut PgConnection,
    (first, last): (i64, i64),
    partition_rows: u32,
) -> Result<()> {
    let update = "UPDATE log_state SET room = $1, purged_up_to = $1";
    Session::execute(connection, Statement::new(update).bind(first - 1)).await?;
    let rows = i64::from(partition_rows);
    let room = "SELECT make_room($1, $2), setval('event_positions', $3)";
    Session::execute(
        connection,
        Statement::new(room).bind(last + rows).bind(rows).bind(last),
    )
    .await?;
    Ok(())
}

/// Keys go on after the last that the source gave, in the order of [`SEQUENCES`]; then it is there for everyone.
pub(in crate::storage) async fn finish(mut connection: PgConnection, given: &[i64]) -> Result<()> {
    for ((table, column), last) in SEQUENCES.iter().zip(given) {
        if *last > 0 {
            let set = Statement::new("SELECT setval(pg_get_serial_sequence($1, $2), $3)");
            let set = set.bind(*table).bind(*column).bind(*last);
            Session::execute(&mut connection, set).await?;
        }
    }
    Session::execute(&mut connection, Statement::new("COMMIT")).await?;
    sqlx::query("ANALYZE")
        .execute(&mut connection)
        .await
        .map_err(unavailable)?;
    Ok(())
}
