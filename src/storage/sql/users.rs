//! Users and sessions. As with access keys, they are written apart from the writer, so that a command beside a running
//! server changes what holds at once.

use async_trait::async_trait;

use super::{Columns, SqlStore, Statement};
use crate::auth::person::{UserName, UserRole};
use crate::auth::person_password::PasswordHash;
use crate::auth::session_token::SessionFingerprint;
use crate::domain::clock::Timestamp;
use crate::storage::{ListedSession, NewAuditEntry, NewSession, NewUser, Result, StoreError, User, Users};

/// The columns of a user, of the table as `u`.
const USER: &str =
    "u.name, u.password, u.role, u.must_change, u.disabled, u.session_epoch, u.created_ms FROM users u";

fn user(row: &impl Columns) -> Result<User> {
    let name = UserName::parse(&row.text("name")?).map_err(|error| StoreError::Corrupt(error.to_string()))?;
    Ok(User {
        name,
        role: row.text("role")?.parse().map_err(StoreError::Corrupt)?,
        password: PasswordHash::stored(row.text("password")?),
        must_change: row.flag("must_change")?,
        disabled: row.flag("disabled")?,
        epoch: row.int("session_epoch")?,
        created: Timestamp(row.int("created_ms")?),
    })
}

fn session(row: &impl Columns) -> Result<ListedSession> {
    let fingerprint = row.bytes("fingerprint")?.try_into();
    Ok(ListedSession {
        fingerprint: fingerprint
            .map_err(|_| StoreError::Corrupt("a session without its fingerprint".to_owned()))?,
        from: row.text("origin")?,
        created: Timestamp(row.int("created_ms")?),
        expires: Timestamp(row.int("expires_ms")?),
    })
}

fn password(name: &UserName, password: &PasswordHash, is_one_time: bool) -> Statement {
    Statement::new(
        "UPDATE users SET password = $1, must_change = $2, session_epoch = session_epoch + 1 WHERE name = $3",
    )
    .bind(password.as_str())
    .bind(is_one_time)
    .bind(name.as_str())
}

#[async_trait]
impl<S: SqlStore> Users for S {
    async fn add_user(&self, user: &NewUser, noted: &NewAuditEntry) -> Result<bool> {
        let insert = Statement::new(
            "INSERT INTO users (name, password, role, must_change, disabled, session_epoch, created_ms)
             VALUES ($1, $2, $3, $4, $5, 0, $6) ON CONFLICT (name) DO NOTHING",
        )
        .bind(user.name.as_str())
        .bind(user.password.as_str())
        .bind(user.role.as_str())
        .bind(true)
        .bind(false)
        .bind(user.created.0);
        self.change_noted(insert, noted).await
    }

    async fn user(&self, name: &UserName) -> Result<Option<User>> {
        let query = Statement::new(format!("SELECT {USER} WHERE u.name = $1")).bind(name.as_str());
        self.row(query).await?.as_ref().map(user).transpose()
    }

    async fn list_users(&self) -> Result<Vec<User>> {
        let found = self
            .rows(Statement::new(format!("SELECT {USER} ORDER BY u.name")))
            .await?;
        found.iter().map(user).collect()
    }

    async fn set_user_role(&self, name: &UserName, role: UserRole, noted: &NewAuditEntry) -> Result<bool> {
        let update = Statement::new("UPDATE users SET role = $1 WHERE name = $2")
            .bind(role.as_str())
            .bind(name.as_str());
        self.change_noted(update, noted).await
    }

    async fn set_user_disabled(
        &self,
        name: &UserName,
        disabled: bool,
        noted: &NewAuditEntry,
    ) -> Result<bool> {
        let update = Statement::new(
            "UPDATE users SET disabled = $1, session_epoch = session_epoch + 1 WHERE name = $2",
        )
        .bind(disabled)
        .bind(name.as_str());
        self.change_noted(update, noted).await
    }

    async fn reset_password(
        &self,
        name: &UserName,
        hash: &PasswordHash,
        noted: &NewAuditEntry,
    ) -> Result<bool> {
        self.change_noted(password(name, hash, true), noted).await
    }

    async fn change_password(
        &self,
        name: &UserName,
        epoch: i64,
        hash: &PasswordHash,
        noted: &NewAuditEntry,
    ) -> Result<bool> {
        let mut update = password(name, hash, false);
        update.push(" AND session_epoch = ").push_bind(epoch);
        self.change_noted(update, noted).await
    }

    async fn delete_user(&self, name: &UserName, noted: &NewAuditEntry) -> Result<bool> {
        let delete = Statement::new("DELETE FROM users WHERE name = $1").bind(name.as_str());
        self.change_noted(delete, noted).await
    }

    async fn open_session(&self, session: &NewSession, noted: &NewAuditEntry) -> Result<bool> {
        let insert = Statement::new(
            "INSERT INTO console_sessions (fingerprint, user_key, epoch, origin, created_ms, expires_ms)
             SELECT $1, user_key, session_epoch, $2, $3, $4 FROM users
             WHERE name = $5 AND session_epoch = $6 AND NOT disabled",
        )
        .bind(session.fingerprint.as_slice())
        .bind(&session.from)
        .bind(session.created.0)
        .bind(session.expires.0)
        .bind(session.user.as_str())
        .bind(session.epoch);
        self.change_noted(insert, noted).await
    }

    async fn session(&self, fingerprint: &SessionFingerprint, now: Timestamp) -> Result<Option<User>> {
        let query = Statement::new(format!(
            "SELECT {USER} JOIN console_sessions s ON s.user_key = u.user_key AND s.epoch = u.session_epoch
             WHERE s.fingerprint = $1 AND s.expires_ms > $2 AND NOT u.disabled"
        ))
        .bind(fingerprint.as_slice())
        .bind(now.0);
        self.row(query).await?.as_ref().map(user).transpose()
    }

    async fn list_sessions(&self, name: &UserName, now: Timestamp) -> Result<Vec<ListedSession>> {
        let query = Statement::new(
            "SELECT s.fingerprint, s.origin, s.created_ms, s.expires_ms
             FROM console_sessions s JOIN users u ON u.user_key = s.user_key AND u.session_epoch = s.epoch
             WHERE u.name = $1 AND s.expires_ms > $2 ORDER BY s.created_ms DESC, s.fingerprint",
        )
        .bind(name.as_str())
        .bind(now.0);
        self.rows(query).await?.iter().map(session).collect()
    }

    async fn close_session(&self, fingerprint: &SessionFingerprint, noted: &NewAuditEntry) -> Result<bool> {
        let delete = Statement::new("DELETE FROM console_sessions WHERE fingerprint = $1")
            .bind(fingerprint.as_slice());
        self.change_noted(delete, noted).await
    }

    async fn close_sessions(&self, name: &UserName, noted: &NewAuditEntry) -> Result<bool> {
        let update = Statement::new("UPDATE users SET session_epoch = session_epoch + 1 WHERE name = $1")
            .bind(name.as_str());
        self.change_noted(update, noted).await
    }

    async fn forget_sessions(&self, name: &UserName, now: Timestamp, most: u32) -> Result<()> {
        // `RETURNING` makes it a statement of its own transaction, without an entry in the audit log.
        let delete = Statement::new(
            "DELETE FROM console_sessions WHERE expires_ms <= $1
                 OR epoch <> (SELECT session_epoch FROM users u WHERE u.user_key = console_sessions.user_key)
                 OR user_key = (SELECT user_key FROM users WHERE name = $2) AND fingerprint NOT IN (
                     SELECT s.fingerprint FROM console_sessions s JOIN users u ON u.user_key = s.user_key
                     WHERE u.name = $3 AND s.epoch = u.session_epoch
                     ORDER BY s.created_ms DESC, s.fingerprint LIMIT $4)
             RETURNING user_key",
        )
        .bind(now.0)
        .bind(name.as_str())
        .bind(name.as_str())
        .bind(most);
        self.rows(delete).await?;
        Ok(())
    }
}
