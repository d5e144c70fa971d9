//! The follower that keeps shadows: reads what is new in the log, merges it by device, and writes the result with its
//! cursor in one transaction, so that each event counts once whatever crashes.

use std::collections::HashMap;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::{Shadows, decode};
use crate::domain::event::StoredEvent;
use crate::domain::ids::{DeviceKey, Position};
use crate::domain::shadow::{DeviceShadow, KINDS};
use crate::lifecycle::pause;
use crate::storage::{ReadLimit, Result, ShadowRow, ShadowStep, StoreError};

/// How much one step merges.
const STEP: ReadLimit = ReadLimit {
    rows: 2000,
    bytes: 8 * 1024 * 1024,
};

/// Follows the log and writes shadows about once every interval.
pub struct ShadowFollower {
    shadows: Shadows,
    interval: Duration,
}

impl ShadowFollower {
    /// Keeps `shadows`, looking at the log every `interval`.
    pub const fn new(shadows: Shadows, interval: Duration) -> Self {
        Self { shadows, interval }
    }

    /// Runs until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        while pause(&stop, self.interval).await {
            if let Err(error) = self.catch_up(&stop).await {
                tracing::warn!(%error, "the shadows did not move on, it will be tried again");
            }
        }
    }

    async fn catch_up(&self, stop: &CancellationToken) -> Result<()> {
        let (mut cursor, _) = self.shadows.store.shadows(&[]).await?;
        let last = self.shadows.log.bounds().await?.last;
        if cursor > last {
            tracing::warn!(
                cursor = cursor.0,
                last = last.0,
                "the shadows are ahead of the log, they are made anew"
            );
            self.shadows.store.reset_shadows().await?;
            cursor = Position::START;
        }
        while cursor < last && !stop.is_cancelled() {
            cursor = self.step(cursor, last).await?;
        }
        Ok(())
    }

    async fn step(&self, cursor: Position, last: Position) -> Result<Position> {
        let chunk = self.shadows.log.read_kinds(&KINDS, cursor, last, STEP).await?;
        let step = self.merge(&chunk.events).await?;
        self.shadows.store.save_shadows(&step, chunk.up_to).await?;
        Ok(chunk.up_to)
    }

    async fn merge(&self, events: &[StoredEvent]) -> Result<ShadowStep> {
        let mut devices: Vec<_> = events.iter().filter_map(device_of).collect();
        devices.sort_unstable();
        devices.dedup();
        let (_, rows) = self.shadows.store.shadows(&devices).await?;
        let mut shadows = decode(rows)?;
        for stored in events {
            let Some(device) = device_of(stored) else { continue };
            let shadow = shadows.entry(device).or_default();
            if !shadow.apply(&stored.event, self.shadows.limits) {
                tracing::warn!(
                    device_key = device.0,
                    sequence = stored.position.0,
                    "a report is too large for the device's shadow and was left out of it"
                );
            }
        }
        written(&shadows)
    }
}

fn device_of(stored: &StoredEvent) -> Option<DeviceKey> {
    stored.event.device.map(|(device, _)| device)
}

fn written(shadows: &HashMap<DeviceKey, DeviceShadow>) -> Result<ShadowStep> {
    let mut step = ShadowStep::default();
    for (device, shadow) in shadows {
        let (changed, cleared) = shadow.changes();
        if cleared {
            step.cleared.push(*device);
        }
        for (service_id, service) in changed {
            let body = service.encode();
            step.rows.push(ShadowRow {
                device: *device,
                service_id: service_id.to_owned(),
                body: body.map_err(|error| StoreError::Corrupt(error.to_string()))?,
            });
        }
    }
    Ok(step)
}
