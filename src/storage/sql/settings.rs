//! Settings and access keys. Keys are read and written apart from the writer, so that a command beside a running server
//! makes one that holds at once.

use async_trait::async_trait;

use super::{Columns, Session, SqlStore, Statement};
use crate::auth::secret::random_bytes;
use crate::auth::secret_box::SecretBox;
use crate::domain::clock::Timestamp;
use crate::storage::{AccessKey, ListedKey, NewAuditEntry, Result, Settings, StoreError};

const CHECK: &str = "master_key_check";
const PROJECT: &str = "project_id";

/// Whether the database knows a master key, and this is it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::storage) enum KeyCheck {
    /// It has none yet: its first start.
    First,
    /// It is the one.
    Right,
    /// It was made with another.
    Wrong,
}

fn setting(name: &str) -> Statement {
    Statement::new("SELECT value FROM settings WHERE name = $1").bind(name)
}

/// Compares the master key with the one that the database was made with.
pub(in crate::storage) async fn check(session: &mut impl Session, secrets: &SecretBox) -> Result<KeyCheck> {
    match session.rows(setting(CHECK)).await?.first() {
        None => Ok(KeyCheck::First),
        Some(row) if secrets.verify_check(&row.bytes("value")?) => Ok(KeyCheck::Right),
        Some(_) => Ok(KeyCheck::Wrong),
    }
}

/// Makes the project's id, the default space and the key's check value, where they are missing; inside a transaction.
pub(in crate::storage) async fn first_start(
    session: &mut impl Session,
    secrets: &SecretBox,
    now: Timestamp,
) -> Result<()> {
    let corrupt = |error: &dyn std::fmt::Display| StoreError::Corrupt(error.to_string());
    let check = secrets.check_value().map_err(|error| corrupt(&error))?;
    let project = hex::encode(random_bytes::<16>().map_err(|error| corrupt(&error))?);
    let space = hex::encode(random_bytes::<16>().map_err(|error| corrupt(&error))?);
    for (name, value) in [(CHECK, check), (PROJECT, project.into_bytes())] {
        let insert = "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING";
        session
            .execute(Statement::new(insert).bind(name).bind(value))
            .await?;
    }
    let insert = Statement::new(
        "INSERT INTO apps (app_id, name, is_default, created_ms)
         SELECT $1, 'DefaultApp', $2, $3 WHERE NOT EXISTS (SELECT 1 FROM apps WHERE is_default)",
    );
    session.execute(insert.bind(space).bind(true).bind(now.0)).await?;
    Ok(())
}

/// The project's id, inside whatever transaction is open.
pub(in crate::storage) async fn project_id(session: &mut impl Session) -> Result<String> {
    project(session.rows(setting(PROJECT)).await?.first())
}

fn project(row: Option<&impl Columns>) -> Result<String> {
    let row = row.ok_or_else(|| StoreError::Corrupt("there is no project id".to_owned()))?;
    String::from_utf8(row.bytes("value")?).map_err(|error| StoreError::Corrupt(error.to_string()))
}

fn listed_key(row: &impl Columns) -> Result<ListedKey> {
    Ok(ListedKey {
        access_key: row.text("access_key")?,
        name: row.text("name")?,
        role: row.text("role")?.parse().map_err(StoreError::Corrupt)?,
        disabled: row.flag("disabled")?,
        created: Timestamp(row.int("created_ms")?),
    })
}

fn binding(access_key: &str) -> Vec<u8> {
    format!("key:{access_key}").into_bytes()
}

#[async_trait]
impl<S: SqlStore> Settings for S {
    async fn project_id(&self) -> Result<String> {
        project(self.row(setting(PROJECT)).await?.as_ref())
    }

    async fn create_key(&self, key: &AccessKey, noted: &NewAuditEntry) -> Result<()> {
        let sealed = self
            .secrets()
            .seal(key.secret.expose(), &binding(&key.access_key));
        let sealed = sealed.map_err(|error| StoreError::Corrupt(error.to_string()))?;
        let insert = Statement::new(
            "INSERT INTO access_keys (access_key, name, role, secret, disabled, created_ms) VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(&key.access_key)
        .bind(&key.name)
        .bind(key.role.as_str())
        .bind(sealed)
        .bind(key.disabled)
        .bind(key.created.0);
        self.change_noted(insert, noted).await?;
        Ok(())
    }

    async fn key(&self, access_key: &str) -> Result<Option<AccessKey>> {
        let query = Statement::new(
            "SELECT access_key, name, role, secret, disabled, created_ms FROM access_keys WHERE access_key = $1",
        )
        .bind(access_key);
        let Some(row) = self.row(query).await? else {
            return Ok(None);
        };
        let listed = listed_key(&row)?;
        let sealed = row.bytes("secret")?;
        let secret = self.secrets().open(&sealed, &binding(access_key));
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
        let query = "SELECT access_key, name, role, disabled, created_ms FROM access_keys ORDER BY created_ms, access_key";
        let found = self.rows(Statement::new(query)).await?;
        found.iter().map(listed_key).collect()
    }

    async fn set_key_disabled(
        &self,
        access_key: &str,
        disabled: bool,
        noted: &NewAuditEntry,
    ) -> Result<bool> {
        let update = Statement::new("UPDATE access_keys SET disabled = $1 WHERE access_key = $2")
            .bind(disabled)
            .bind(access_key);
        self.change_noted(update, noted).await
    }

    async fn delete_key(&self, access_key: &str, noted: &NewAuditEntry) -> Result<bool> {
        let delete = Statement::new("DELETE FROM access_keys WHERE access_key = $1").bind(access_key);
        self.change_noted(delete, noted).await
    }
}
