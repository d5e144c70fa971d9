//! Devices' shadows and their status (routing.md §1, §4): followers of the log keep both about once a second, and a read
//! joins what they kept with the tail of the log, so that a shadow read after a 200 shows the report.

mod follower;
mod registrations;
mod status;

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;

use crate::domain::event::{EventKind, NewEvent};
use crate::domain::ids::{DeviceKey, Position};
use crate::domain::shadow::{DeviceShadow, KINDS, ServiceShadow, ShadowLimits};
use crate::storage::{
    Change, Device, EventFilter, EventLog, Payload, Registry, Result, ShadowChange, ShadowRow, ShadowStore,
    StoreError, Stores,
};

pub use follower::ShadowFollower;
pub use registrations::Registrations;
pub use status::{StatusFollower, status_body};

/// How often a change with a version is tried again while reports of the device come in between.
const TRIES: usize = 20;

/// How many events of a tail, of up to 1 MB each, are in memory at once.
const TAIL: usize = 16;

/// Reads shadows and sets desired values.
#[derive(Clone)]
pub struct Shadows {
    log: Arc<dyn EventLog>,
    registry: Arc<dyn Registry>,
    store: Arc<dyn ShadowStore>,
    limits: ShadowLimits,
}

/// A shadow as of a position of the log.
pub struct Snapshot {
    /// The shadow.
    pub shadow: DeviceShadow,
    /// No later event of the device is in it.
    pub at: Position,
}

/// Why desired values were not set.
#[derive(Debug, thiserror::Error)]
pub enum DesiredRefusal {
    /// The device is gone.
    #[error("the device does not exist")]
    NoDevice,
    /// The service's shadow has another version than the one named.
    #[error("the shadow of service {service_id} has version {current}")]
    OtherVersion {
        /// The service.
        service_id: String,
        /// Its version.
        current: i64,
    },
    /// The shadow would hold more than it may.
    #[error(
        "service {service_id} would be beyond shadow.services_per_device, or its desired values beyond shadow.service_bytes"
    )]
    TooLarge {
        /// The service.
        service_id: String,
    },
    /// The device reports so often that its version never stands still.
    #[error("the shadow changes all the time, try again")]
    Busy,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Shadows {
    /// Over these stores.
    pub fn new(stores: &Stores, limits: ShadowLimits) -> Self {
        Self {
            log: stores.log.clone(),
            registry: stores.registry.clone(),
            store: stores.shadows.clone(),
            limits,
        }
    }

    /// A device's shadow now.
    pub async fn current(&self, device: DeviceKey) -> Result<Snapshot> {
        let (mut cursor, rows) = self.store.shadows(&[device]).await?;
        let mut shadow = decode(rows)?.remove(&device).unwrap_or_default();
        // After the cursor, so that it is behind, unless it is another log's: then the follower makes all anew, too.
        let last = self.log.bounds().await?.last;
        if cursor > last {
            (cursor, shadow) = (Position::START, DeviceShadow::default());
        }
        let filter = EventFilter {
            device: Some(device),
            kinds: KINDS.to_vec(),
            from: None,
            to: None,
        };
        let end = Position(last.0.saturating_add(1));
        let tail = self.log.scan_back(&filter, cursor, end, u32::MAX).await?;
        // Newest first, the chunks and what is in each.
        for positions in tail.rchunks(TAIL) {
            for stored in self.log.events(positions).await?.iter().rev() {
                shadow.apply(&stored.event, self.limits);
            }
        }
        Ok(Snapshot { shadow, at: last })
    }

    /// Sets the desired values of a `DesiredSet` event's payload, each service's on the version named, if one is; durable
    /// when this returns. `change` is made anew for each try.
    pub async fn set_desired(
        &self,
        device: DeviceKey,
        desired: &Bytes,
        versions: &[(String, i64)],
        change: impl Fn(Payload<Device>) -> Change<Device>,
    ) -> std::result::Result<(), DesiredRefusal> {
        for _ in 0..TRIES {
            let change = change(Payload::fixed(desired.clone()));
            let snapshot = self.current(device).await?;
            check_versions(&snapshot.shadow, versions)?;
            let event = desired_event(&change, desired);
            let admitted = snapshot.shadow.admits(&event, self.limits);
            admitted.map_err(|service_id| DesiredRefusal::TooLarge { service_id })?;
            let unless_since = (!versions.is_empty()).then_some(snapshot.at);
            let kind = EventKind::DesiredSet;
            match self
                .registry
                .change_shadow(device, kind, unless_since, change)
                .await?
            {
                ShadowChange::Done => return Ok(()),
                ShadowChange::NotFound => return Err(DesiredRefusal::NoDevice),
                ShadowChange::Overtaken => {}
            }
        }
        Err(DesiredRefusal::Busy)
    }
}

fn desired_event(change: &Change<Device>, desired: &Bytes) -> NewEvent {
    NewEvent {
        kind: EventKind::DesiredSet,
        device: None,
        reported_by: None,
        received: change.at,
        request_id: change.request_id.clone(),
        payload: desired.clone(),
        faults: None,
    }
}

fn check_versions(
    shadow: &DeviceShadow,
    versions: &[(String, i64)],
) -> std::result::Result<(), DesiredRefusal> {
    for (service_id, version) in versions {
        let current = shadow
            .services()
            .get(service_id)
            .map_or(0, ServiceShadow::version);
        if current != *version {
            return Err(DesiredRefusal::OtherVersion {
                service_id: service_id.clone(),
                current,
            });
        }
    }
    Ok(())
}

/// Stored rows as shadows by device.
fn decode(rows: Vec<ShadowRow>) -> Result<HashMap<DeviceKey, DeviceShadow>> {
    let mut services: HashMap<DeviceKey, Vec<(String, ServiceShadow)>> = HashMap::new();
    for row in rows {
        let service = ServiceShadow::decode(&row.body).map_err(|error| {
            StoreError::Corrupt(format!("a shadow of device key {}: {error}", row.device.0))
        })?;
        services
            .entry(row.device)
            .or_default()
            .push((row.service_id, service));
    }
    Ok(services
        .into_iter()
        .map(|(device, services)| (device, DeviceShadow::new(services)))
        .collect())
}
