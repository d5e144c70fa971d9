//! The instance's own facts and the access keys of the management API.

use async_trait::async_trait;

use super::Result;
use crate::auth::access_key::Role;
use crate::auth::secret::Secret;
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

/// The instance's own facts and its access keys.
#[async_trait]
pub trait Settings: Send + Sync {
    /// The instance's project id, made at the first start.
    async fn project_id(&self) -> Result<String>;
    /// Stores a key.
    async fn create_key(&self, key: &AccessKey) -> Result<()>;
    /// A key by its access key; read at each use, so that a change by another process holds at once.
    async fn key(&self, access_key: &str) -> Result<Option<AccessKey>>;
}
