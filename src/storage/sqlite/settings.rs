//! Settings and access keys. Keys are read and written through the pool, so that a command beside a running server
//! makes one that holds at once.

use async_trait::async_trait;
use sqlx::query::Query;
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{Executor, Row, Sqlite as Database};

use super::{Sqlite, audit_log, unavailable};
use crate::auth::secret::random_bytes;
use crate::auth::secret_box::SecretBox;
use crate::domain::clock::Timestamp;
use crate::storage::{AccessKey, ListedKey, NewAuditEntry, Result, Settings, StoreError};

const CHECK: &str = "master_key_check";
const PROJECT: &str = "project_id";

pub(super) enum PrepareError {
    WrongMasterKey,
    Store(StoreError),
}

impl From<sqlx::Error> for PrepareError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(unavailable(error))
    }
}

/// At the first start makes the project's id, the default space and the key's check value; later compares the key.
pub(super) async fn prepare(
    connection: &mut SqliteConnection,
    secrets: &SecretBox,
    now: Timestamp,
) -> std::result::Result<(), PrepareError> {
    let stored = sqlx::query("SELECT value FROM settings WHERE name = ?")
        .bind(CHECK)
        .fetch_optional(&mut *connection);
    match stored.await? {
        Some(row) => {
            if !secrets.verify_check(row.try_get(0)?) {
                return Err(PrepareError::WrongMasterKey);
            }
        }
        None => first_start(connection, secrets, now).await?,
    }
    Ok(())
}

async fn first_start(
    connection: &mut SqliteConnection,
    secrets: &SecretBox,
    now: Timestamp,
) -> std::result::Result<(), PrepareError> {
    let corrupt = |error: &dyn std::fmt::Display| PrepareError::Store(StoreError::Corrupt(error.to_string()));
    let check = secrets.check_value().map_err(|error| corrupt(&error))?;
    let project = hex::encode(random_bytes::<16>().map_err(|error| corrupt(&error))?);
    let space = hex::encode(random_bytes::<16>().map_err(|error| corrupt(&error))?);
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *connection).await?;
    for (name, value) in [(CHECK, check), (PROJECT, project.into_bytes())] {
        sqlx::query("INSERT OR IGNORE INTO settings (name, value) VALUES (?, ?)")
            .bind(name)
            .bind(value)
            .execute(&mut *connection)
            .await?;
    }
    sqlx::query(
        "INSERT INTO apps (app_id, name, is_default, created_ms)
         SELECT ?, 'DefaultApp', 1, ? WHERE NOT EXISTS (SELECT 1 FROM apps WHERE is_default = 1)",
    )
    .bind(space)
    .bind(now.0)
    .execute(&mut *connection)
    .await?;
    sqlx::query("COMMIT").execute(&mut *connection).await?;
    Ok(())
}

pub(super) async fn project_id(executor: impl Executor<'_, Database = Database>) -> Result<String> {
    let row = sqlx::query("SELECT value FROM settings WHERE name = ?")
        .bind(PROJECT)
        .fetch_one(executor);
    let value: Vec<u8> = row.await.and_then(|row| row.try_get(0)).map_err(unavailable)?;
    String::from_utf8(value).map_err(|error| StoreError::Corrupt(error.to_string()))
}

fn listed_key(row: &SqliteRow) -> Result<ListedKey> {
    let role: String = row.try_get("role").map_err(unavailable)?;
    Ok(ListedKey {
        access_key: row.try_get("access_key").map_err(unavailable)?,
        name: row.try_get("name").map_err(unavailable)?,
        role: role.parse().map_err(StoreError::Corrupt)?,
        disabled: row.try_get("disabled").map_err(unavailable)?,
        created: Timestamp(row.try_get("created_ms").map_err(unavailable)?),
    })
}

fn binding(access_key: &str) -> Vec<u8> {
    format!("key:{access_key}").into_bytes()
}

#[async_trait]
impl Settings for Sqlite {
    async fn project_id(&self) -> Result<String> {
        project_id(&self.pool).await
    }

    async fn create_key(&self, key: &AccessKey, noted: &NewAuditEntry) -> Result<()> {
        let sealed = self.secrets.seal(key.secret.expose(), &binding(&key.access_key));
        let sealed = sealed.map_err(|error| StoreError::Corrupt(error.to_string()))?;
        let insert = sqlx::query(
            "INSERT INTO access_keys (access_key, name, role, secret, disabled, created_ms) VALUES (?, ?, ?, ?, ?, ?)",
        )
        .bind(&key.access_key)
        .bind(&key.name)
        .bind(key.role.as_str())
        .bind(sealed)
        .bind(key.disabled)
        .bind(key.created.0);
        self.change_key(insert, noted).await?;
        Ok(())
    }

    async fn key(&self, access_key: &str) -> Result<Option<AccessKey>> {
        let row = sqlx::query(
            "SELECT access_key, name, role, secret, disabled, created_ms FROM access_keys WHERE access_key = ?",
        )
        .bind(access_key)
        .fetch_optional(&self.pool)
        .await
        .map_err(unavailable)?;
        let Some(row) = row else { return Ok(None) };
        let listed = listed_key(&row)?;
        let sealed: Vec<u8> = row.try_get("secret").map_err(unavailable)?;
        let secret = self.secrets.open(&sealed, &binding(access_key));
        Ok(Some(AccessKey {
            access_key: listed.access_key,
            name: listed.name,
            role: listed.role,
            secret: secret.map_err(|error| StoreError::Corrupt(format!("an access key: {error}")))?,
            disabled: listed.disabled,
            created: listed.created,
        }))
    }

    async fn list_keys(&self) -> Result<Vec<ListedKey>> {
        let rows = sqlx::query(
            "SELECT access_key, name, role, disabled, created_ms FROM access_keys ORDER BY created_ms, access_key",
        )
        .fetch_all(&self.pool)
        .await
        .map_err(unavailable)?;
        rows.iter().map(listed_key).collect()
    }

    async fn set_key_disabled(
        &self,
        access_key: &str,
        disabled: bool,
        noted: &NewAuditEntry,
    ) -> Result<bool> {
        let update = sqlx::query("UPDATE access_keys SET disabled = ? WHERE access_key = ?")
            .bind(disabled)
            .bind(access_key);
        self.change_key(update, noted).await
    }

    async fn delete_key(&self, access_key: &str, noted: &NewAuditEntry) -> Result<bool> {
        let delete = sqlx::query("DELETE FROM access_keys WHERE access_key = ?").bind(access_key);
        self.change_key(delete, noted).await
    }
}

impl Sqlite {
    /// Runs a statement and, where it changed something, writes the entry, in one transaction.
    async fn change_key(
        &self,
        statement: Query<'_, Database, SqliteArguments>,
        noted: &NewAuditEntry,
    ) -> Result<bool> {
        let mut transaction = self.pool.begin().await.map_err(unavailable)?;
        let done = statement.execute(&mut *transaction).await.map_err(unavailable)?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        audit_log::insert(&mut transaction, noted)
            .await
            .map_err(unavailable)?;
        transaction.commit().await.map_err(unavailable)?;
        Ok(true)
    }
}
