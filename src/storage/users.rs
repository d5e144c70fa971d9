//! People who sign in to the console, and their sessions.

use async_trait::async_trait;

use super::{NewAuditEntry, Result};
use crate::auth::person::{UserName, UserRole};
use crate::auth::person_password::PasswordHash;
use crate::auth::session_token::SessionFingerprint;
use crate::domain::clock::Timestamp;

/// Someone who is to be let in. The password is for one time: the first sign-in changes it.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// Who.
    pub name: UserName,
    /// What the user may do.
    pub role: UserRole,
    /// Of the one-time password.
    pub password: PasswordHash,
    /// When.
    pub created: Timestamp,
}

/// A user.
#[derive(Clone, Debug)]
pub struct User {
    /// Who.
    pub name: UserName,
    /// What the user may do.
    pub role: UserRole,
    /// The password's.
    pub password: PasswordHash,
    /// The password was for one time.
    pub must_change: bool,
    /// Whether sign-ins are refused.
    pub disabled: bool,
    /// Rises when every session of the user ends.
    pub epoch: i64,
    /// When the user was added.
    pub created: Timestamp,
}

/// A browser that is to be signed in.
#[derive(Clone, Debug)]
pub struct NewSession {
    /// Of its token.
    pub fingerprint: SessionFingerprint,
    /// Whose.
    pub user: UserName,
    /// The user's, when the password was checked.
    pub epoch: i64,
    /// The address that it came from.
    pub from: String,
    /// When it began.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
}

/// A signed-in browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedSession {
    /// Of its token.
    pub fingerprint: SessionFingerprint,
    /// The address that it came from.
    pub from: String,
    /// When it began.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
}

/// Users and their sessions. What is done to them is written to the audit log with it; where a method answers a flag, false
/// means that there is no such user or session, and that nothing was done.
#[async_trait]
pub trait Users: Send + Sync {
    /// Adds a user. False: the name is taken.
    async fn add_user(&self, user: &NewUser, noted: &NewAuditEntry) -> Result<bool>;
    /// A user by name.
    async fn user(&self, name: &UserName) -> Result<Option<User>>;
    /// All users, by name.
    async fn list_users(&self) -> Result<Vec<User>>;
    /// Gives another role; it holds at the user's next request.
    async fn set_user_role(&self, name: &UserName, role: UserRole, noted: &NewAuditEntry) -> Result<bool>;
    /// Disables a user, which ends every session, or enables one again.
    async fn set_user_disabled(&self, name: &UserName, disabled: bool, noted: &NewAuditEntry)
    -> Result<bool>;
    /// Sets a one-time password; every session ends.
    async fn reset_password(
        &self,
        name: &UserName,
        password: &PasswordHash,
        noted: &NewAuditEntry,
    ) -> Result<bool>;
    /// Sets the password that the user chose; every session ends. False also when the user's epoch is another by now.
    async fn change_password(
        &self,
        name: &UserName,
        epoch: i64,
        password: &PasswordHash,
        noted: &NewAuditEntry,
    ) -> Result<bool>;
    /// Deletes a user, with every session.
    async fn delete_user(&self, name: &UserName, noted: &NewAuditEntry) -> Result<bool>;

    /// Signs a browser in. False also when the user is disabled or has another epoch by now.
    async fn open_session(&self, session: &NewSession, noted: &NewAuditEntry) -> Result<bool>;
    /// Whose session it is, read at each request; none when it ended, or when the user is disabled.
    async fn session(&self, fingerprint: &SessionFingerprint, now: Timestamp) -> Result<Option<User>>;
    /// A user's sessions, the newest first.
    async fn list_sessions(&self, name: &UserName, now: Timestamp) -> Result<Vec<ListedSession>>;
    /// Ends one session.
    async fn close_session(&self, fingerprint: &SessionFingerprint, noted: &NewAuditEntry) -> Result<bool>;
    /// Ends every session of a user.
    async fn close_sessions(&self, name: &UserName, noted: &NewAuditEntry) -> Result<bool>;
    /// Removes sessions that ended, and those of a user beyond the newest `most`.
    async fn forget_sessions(&self, name: &UserName, now: Timestamp, most: u32) -> Result<()>;
}
