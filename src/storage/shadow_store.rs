//! What the shadow's follower keeps, and what was last made known of devices' status.

use std::collections::HashMap;

use async_trait::async_trait;

use super::Result;
use crate::domain::clock::Timestamp;
use crate::domain::ids::{DeviceKey, Position};

/// One service of a device's shadow.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShadowRow {
    /// The device.
    pub device: DeviceKey,
    /// The service.
    pub service_id: String,
    /// The entry, as `domain::shadow` encodes it.
    pub body: String,
}

/// What one step of the shadow's follower writes.
#[derive(Clone, Debug, Default)]
pub struct ShadowStep {
    /// Devices whose shadow is gone; before `rows` are written.
    pub cleared: Vec<DeviceKey>,
    /// Entries, replacing older ones.
    pub rows: Vec<ShadowRow>,
}

/// The shadow as its follower left it.
#[async_trait]
pub trait ShadowStore: Send + Sync {
    /// The follower's cursor, and all services of these devices as of it.
    async fn shadows(&self, devices: &[DeviceKey]) -> Result<(Position, Vec<ShadowRow>)>;
    /// Writes a step and moves the follower's cursor (`shadow`), in one transaction.
    async fn save_shadows(&self, step: &ShadowStep, up_to: Position) -> Result<()>;
    /// Forgets every shadow and the cursor; they are made again from the log.
    async fn reset_shadows(&self) -> Result<()>;
}

/// What is known of a device that was ever heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceStatus {
    /// The device.
    pub device: DeviceKey,
    /// Whether it counts as online.
    pub online: bool,
    /// Since when.
    pub changed: Timestamp,
    /// When it was first heard.
    pub active: Timestamp,
    /// When it was last heard.
    pub last_seen: Timestamp,
}

/// Devices' status. That a device came online is noted when its activity is saved.
#[async_trait]
pub trait StatusStore: Send + Sync {
    /// Devices whose activity is from `from` on and before `before` go offline, at `now`.
    async fn mark_offline(&self, from: Timestamp, before: Timestamp, now: Timestamp) -> Result<()>;
    /// Up to `limit` devices whose change was not announced yet.
    async fn unannounced(&self, limit: u32) -> Result<Vec<DeviceStatus>>;
    /// These were announced; one that has changed meanwhile is not.
    async fn announced(&self, statuses: &[DeviceStatus]) -> Result<()>;
    /// The status of these devices; those never heard are left out.
    async fn statuses(&self, devices: &[DeviceKey]) -> Result<HashMap<DeviceKey, DeviceStatus>>;
}
