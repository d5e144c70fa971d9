//! Registrations that run out: a device made with `auth_info.timeout` that was not heard within it is deleted
//! (management-api.md §5.1).

use std::sync::Arc;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::auth::secret::random_bytes;
use crate::domain::clock::{Clock, Timestamp};
use crate::domain::ids::RequestId;
use crate::ingest::ActivityBook;
use crate::lifecycle::pause;
use crate::storage::{Change, Deed, Device, DeviceDeletion, Payload, Result, StoreError, Stores};

/// How many devices one step looks at.
const STEP: u32 = 100;

/// How late it may be written down that a device was heard in time, on whichever node.
const WRITTEN_LATE_MS: i64 = 3000;

/// Deletes devices whose registration ran out.
pub struct Registrations {
    stores: Stores,
    activity: Arc<ActivityBook>,
    clock: Arc<dyn Clock>,
    interval: Duration,
}

impl Registrations {
    /// Over these stores, looking every `interval`.
    pub const fn new(
        stores: Stores,
        activity: Arc<ActivityBook>,
        clock: Arc<dyn Clock>,
        interval: Duration,
    ) -> Self {
        Self {
            stores,
            activity,
            clock,
            interval,
        }
    }

    /// Runs until told to stop.
    pub async fn run(self, stop: CancellationToken) {
        while pause(&stop, self.interval).await {
            if let Err(error) = self.step(&stop).await {
                tracing::warn!(%error, "registrations that ran out were not deleted, it will be tried again");
            }
        }
    }

    async fn step(&self, stop: &CancellationToken) -> Result<()> {
        while !stop.is_cancelled() {
            let before = self.clock.now().plus_millis(-WRITTEN_LATE_MS);
            let expired = self.stores.registry.expired_registrations(before, STEP).await?;
            let keys: Vec<_> = expired.iter().map(|device| device.key).collect();
            let heard = self.activity.last_seen(&keys).await?;
            let mut moved = false;
            for device in &expired {
                moved |= if heard.contains_key(&device.key) {
                    self.stores.registry.keep_registration(device.key).await?;
                    true
                } else {
                    self.delete(device, before).await?
                };
            }
            // What is left has children: they go first, by hand.
            if !moved {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn delete(&self, device: &Device, before: Timestamp) -> Result<bool> {
        let now = self.clock.now();
        let random = random_bytes().map_err(|error| StoreError::Unavailable(error.to_string()))?;
        let change = Change {
            at: now,
            request_id: RequestId::new(now, random),
            deed: Deed {
                actor: "registration timeout".to_owned(),
                action: "delete_device".to_owned(),
                resource: format!("/devices/{}", device.device_id),
                from: "local".to_owned(),
            },
            payload: Payload::empty(),
        };
        let deletion = self
            .stores
            .registry
            .end_registration(device.key, before, change)
            .await?;
        if deletion == DeviceDeletion::Deleted {
            tracing::info!(device_id = %device.device_id, "a registration ran out, the device was deleted");
        }
        Ok(deletion == DeviceDeletion::Deleted)
    }
}
