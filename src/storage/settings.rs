//! The instance's own facts and the access keys of the management API.

use async_trait::async_trait;

use super::{NewAuditEntry, Result};
use crate::auth::access_key::{self, Role};
use crate::auth::secret::{RandomError, Secret};
use crate::domain::clock::Timestamp;

/// A caller's key of the management API.
#[derive(Clone, Debug)]
pub struct AccessKey {
    /// Identifies it.
    pub access_key: String,
    /// A person's name for it; may repeat.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Its secret.
    pub secret: Secret,
    /// Whether it is refused.
    pub disabled: bool,
    /// When it was made.
    pub created: Timestamp,
}

impl AccessKey {
    /// A new key with a secret of its own, not stored yet.
    pub fn generate(name: &str, role: Role, created: Timestamp) -> std::result::Result<Self, RandomError> {
        let (access_key, secret) = access_key::generate()?;
        Ok(Self {
            access_key,
            name: name.to_owned(),
            role,
            secret,
            disabled: false,
            created,
        })
    }
}

/// An access key as a list shows it: without its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedKey {
    /// Identifies it.
    pub access_key: String,
    /// A person's name for it.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// Whether it is refused.
    pub disabled: bool,
    /// When it was made.
    pub created: Timestamp,
}

/// The instance's own facts and its access keys. What is done to a key is written to the audit log with it.
#[async_trait]
pub trait Settings: Send + Sync {
    /// The instance's project id, made at the first start.
    async fn project_id(&self) -> Result<String>;
    /// Stores a key.
    async fn create_key(&self, key: &AccessKey, noted: &NewAuditEntry) -> Result<()>;
    /// A key by its access key; read at each use, so that a change by another process holds at once.
    async fn key(&self, access_key: &str) -> Result<Option<AccessKey>>;
    /// All keys, the oldest first.
    async fn list_keys(&self) -> Result<Vec<ListedKey>>;
    /// Disables a key or enables it again. False: no such key.
    async fn set_key_disabled(&self, access_key: &str, disabled: bool, noted: &NewAuditEntry)
    -> Result<bool>;
    /// Deletes a key. False: no such key.
    async fn delete_key(&self, access_key: &str, noted: &NewAuditEntry) -> Result<bool>;
}
