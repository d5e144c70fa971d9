//! A database to copy from. Whoever else writes it waits or is refused until the copy ends.

use std::path::Path;

use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;

use super::{DURABLE, OpenError, connect, followers_path, migrations, path_of};
use crate::auth::secret_box::SecretBox;
use crate::storage::sql::settings::{self, KeyCheck};
use crate::storage::sql::{Columns, Session, Statement};
use crate::storage::{Result, StoreError};

/// One connection to both files, in a transaction that holds them.
pub(in crate::storage) async fn open(
    url: &str,
    secrets: &SecretBox,
) -> std::result::Result<SqliteConnection, OpenError> {
    let path = path_of(url).ok_or_else(|| OpenError::Url(url.to_owned()))?;
    let fault = |cause: &dyn std::fmt::Display| OpenError::File {
        path: path.display().to_string(),
        cause: cause.to_string(),
    };
    if !path.exists() {
        return Err(fault(&"there is no such file"));
    }
    let beside = followers_path(&path);
    migrate(&beside, migrations::FOLLOWERS).await?;
    migrate(&path, migrations::MAIN).await?;
    let mut connection = connect(&path, DURABLE).await.map_err(|error| fault(&error))?;
    let attach = Statement::new("ATTACH DATABASE $1 AS followers").bind(beside.display().to_string());
    for statement in [attach, Statement::new("BEGIN IMMEDIATE")] {
        Session::execute(&mut connection, statement)
            .await
            .map_err(|error| fault(&error))?;
    }
    let check = settings::check(&mut connection, secrets).await;
    match check.map_err(|error| fault(&error))? {
        KeyCheck::Right => {}
        KeyCheck::First => return Err(fault(&"it holds nothing")),
        KeyCheck::Wrong => {
            return Err(OpenError::WrongMasterKey {
                path: path.display().to_string(),
            });
        }
    }
    Ok(connection)
}

async fn migrate(path: &Path, steps: migrations::Steps) -> std::result::Result<(), OpenError> {
    let fault = |cause: sqlx::Error| OpenError::File {
        path: path.display().to_string(),
        cause: cause.to_string(),
    };
    let mut connection = connect(path, DURABLE).await.map_err(fault)?;
    migrations::run(&mut connection, path, steps).await?;
    connection.close().await.map_err(fault)
}

/// The last number that a table's key was given, also to rows that are gone.
pub(in crate::storage) async fn last_given(connection: &mut SqliteConnection, table: &str) -> Result<i64> {
    let schema = match table {
        "trace" | "action_letters" | "action_attempts" => "followers",
        _ => "main",
    };
    let query = Statement::new(format!(
        "SELECT coalesce((SELECT seq FROM {schema}.sqlite_sequence WHERE name = $1), 0)"
    ));
    let rows = Session::rows(connection, query.bind(table)).await?;
    let row = rows
        .first()
        .ok_or_else(|| StoreError::Corrupt("a number without a row".to_owned()))?;
    row.int_at(0)
}
