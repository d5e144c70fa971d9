//! Devices' status, derived from their traffic since HTTPS devices hold no session (routing.md §1): ONLINE from the first
//! authentication or report, OFFLINE after none for a time. Each change becomes a `device.status` event.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio_util::sync::CancellationToken;

use crate::auth::secret::random_bytes;
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::event::{EventKind, NewEvent};
use crate::domain::event_time;
use crate::domain::ids::{DeviceKey, RequestId};
use crate::lifecycle::pause;
use crate::storage::{Device, DeviceStatus, Result, StoreError, Stores};

/// How many changes one step announces.
const STEP: u32 = 500;

/// How late an instant may be written down and still be looked at: the writes of activity wait while the disk fails.
const LATE_MS: i64 = 600_000;

/// Announces devices that came online or went offline.
pub struct StatusFollower {
    stores: Stores,
    clock: Arc<dyn Clock>,
    offline_after_ms: i64,
    interval: Duration,
}

/// The body of a `device.status` event.
pub fn status_body(status: &str, last_online: Option<Timestamp>, changed: Timestamp) -> Bytes {
    let body = serde_json::json!({
        "status": status,
        "last_online_time": last_online.map(event_time::compact),
        "status_update_time": event_time::compact(changed),
    });
    Bytes::from(body.to_string())
}

impl StatusFollower {
    /// Over these stores; no traffic for `offline_after_ms` is OFFLINE.
    pub const fn new(
        stores: Stores,
        clock: Arc<dyn Clock>,
        offline_after_ms: i64,
        interval: Duration,
    ) -> Self {
        Self {
            stores,
            clock,
            offline_after_ms,
            interval,
        }
    }

    /// Runs until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let mut looked_up_to = Timestamp(0);
        while pause(&stop, self.interval).await {
            if let Err(error) = self.step(&mut looked_up_to, &stop).await {
                tracing::warn!(%error, "devices' status was not announced, it will be tried again");
            }
        }
    }

    /// What was last seen before `looked_up_to` was looked at already: a device that is offline is not looked at again.
    async fn step(&self, looked_up_to: &mut Timestamp, stop: &CancellationToken) -> Result<()> {
        let now = self.clock.now();
        let before = now.plus_millis(-self.offline_after_ms);
        if before > *looked_up_to {
            let from = looked_up_to.plus_millis(-LATE_MS);
            self.stores.statuses.mark_offline(from, before, now).await?;
            *looked_up_to = before;
        }
        while !stop.is_cancelled() {
            let changed = self.stores.statuses.unannounced(STEP).await?;
            if changed.is_empty() {
                return Ok(());
            }
            self.announce(&changed, now).await?;
        }
        Ok(())
    }

    /// Appends first and notes it then: a crash in between announces once more, never not at all.
    async fn announce(&self, changed: &[DeviceStatus], now: Timestamp) -> Result<()> {
        let keys: Vec<_> = changed.iter().map(|status| status.device).collect();
        let devices = self.stores.registry.devices_by_key(&keys).await?;
        let devices: HashMap<DeviceKey, Device> =
            devices.into_iter().map(|device| (device.key, device)).collect();
        let mut events = Vec::with_capacity(changed.len());
        let mut gone = Vec::new();
        for status in changed {
            match devices.get(&status.device) {
                // A frozen device reads as frozen, whatever its traffic was.
                Some(device) if device.frozen => {}
                Some(device) => events.push(event(device, status, now)?),
                // Its last traffic was written down after it was forgotten.
                None => gone.push(status.device),
            }
        }
        if !events.is_empty() {
            self.stores.log.append(events).await?;
        }
        if !gone.is_empty() {
            self.stores.followers.forget_devices(&gone).await?;
        }
        self.stores.statuses.announced(changed).await
    }
}

fn event(device: &Device, status: &DeviceStatus, now: Timestamp) -> Result<NewEvent> {
    let random = random_bytes().map_err(|error| StoreError::Unavailable(error.to_string()))?;
    let name = if status.online { "ONLINE" } else { "OFFLINE" };
    Ok(NewEvent {
        kind: EventKind::StatusUpdated,
        device: Some((device.key, device.version)),
        reported_by: None,
        received: now,
        request_id: RequestId::new(now, random),
        payload: status_body(name, Some(status.last_seen), status.changed),
        faults: None,
    })
}
