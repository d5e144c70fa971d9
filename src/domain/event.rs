//! Events: what the log holds, and the envelope that shows them to the outside (routing.md §1).

use bytes::Bytes;

use super::clock::Timestamp;
use super::ids::{DeviceKey, Position, RequestId, VersionKey};

/// What an event tells. The numbers are stored: never change one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum EventKind {
    /// `device.property` / `report`; the payload is the envelope's body, as JSON.
    PropertyReport = 1,
    /// `device.message` / `report`; the payload is the device's body, byte for byte.
    MessageReport = 2,
    /// `device` / `create`; the payload is the device as the management API shows it, without secrets.
    DeviceCreated = 3,
    /// `device` / `update`; the payload as for `create`.
    DeviceUpdated = 4,
    /// `device` / `delete`; no payload.
    DeviceDeleted = 5,
    /// `product` / `create`; the payload is the product as the management API shows it.
    ProductCreated = 6,
    /// `product` / `update`; the payload as for `create`.
    ProductUpdated = 7,
    /// `product` / `delete`; the payload as for `create`.
    ProductDeleted = 8,
    /// Desired values of a device's shadow were set; the payload is `{"services":[{"service_id","desired"}]}`. Seen by the
    /// shadow alone, never by rules or in the history.
    DesiredSet = 9,
    /// A device's shadow was cleared; no payload. Seen by the shadow alone.
    ShadowCleared = 10,
    /// `device.status` / `update`; the payload is the envelope's body.
    StatusUpdated = 11,
    /// A rule, an action or what they name changed; no payload. It marks the place in the log from which on the change holds:
    /// whoever judges events reads what is set anew before it judges one behind it.
    RoutingChanged = 12,
}

impl EventKind {
    /// Every kind.
    pub const ALL: [Self; 12] = [
        Self::PropertyReport,
        Self::MessageReport,
        Self::DeviceCreated,
        Self::DeviceUpdated,
        Self::DeviceDeleted,
        Self::ProductCreated,
        Self::ProductUpdated,
        Self::ProductDeleted,
        Self::DesiredSet,
        Self::ShadowCleared,
        Self::StatusUpdated,
        Self::RoutingChanged,
    ];

    /// Whether it stays inside: no rule, stream or history shows it.
    pub const fn is_internal(self) -> bool {
        matches!(
            self,
            Self::DesiredSet | Self::ShadowCleared | Self::RoutingChanged
        )
    }

    /// The stored number.
    pub const fn code(self) -> i64 {
        self as i64
    }

    /// The kind that `code` stands for.
    pub fn from_code(code: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.code() == code)
    }

    /// The envelope's `resource`.
    pub const fn resource(self) -> &'static str {
        match self {
            Self::PropertyReport => "device.property",
            Self::MessageReport => "device.message",
            Self::DeviceCreated | Self::DeviceUpdated | Self::DeviceDeleted => "device",
            Self::ProductCreated | Self::ProductUpdated | Self::ProductDeleted => "product",
            Self::DesiredSet | Self::ShadowCleared => "device.shadow",
            Self::StatusUpdated => "device.status",
            Self::RoutingChanged => "routing",
        }
    }

    /// The envelope's `event`.
    pub const fn event(self) -> &'static str {
        match self {
            Self::PropertyReport | Self::MessageReport => "report",
            Self::DeviceCreated | Self::ProductCreated => "create",
            Self::DeviceUpdated
            | Self::ProductUpdated
            | Self::DesiredSet
            | Self::StatusUpdated
            | Self::RoutingChanged => "update",
            Self::DeviceDeleted | Self::ProductDeleted | Self::ShadowCleared => "delete",
        }
    }
}

/// An event before the log has given it a position.
#[derive(Clone, Debug)]
pub struct NewEvent {
    /// What it tells.
    pub kind: EventKind,
    /// The device it tells of; none for product events.
    pub device: Option<(DeviceKey, VersionKey)>,
    /// The gateway that reported for the device, where one did.
    pub reported_by: Option<DeviceKey>,
    /// When the platform took it in.
    pub received: Timestamp,
    /// The request that brought it.
    pub request_id: RequestId,
    /// The payload, as [`EventKind`] says.
    pub payload: Bytes,
    /// With validation mode `flag`: a JSON array of texts, the faults of the payload.
    pub faults: Option<String>,
}

/// An event as the log holds it.
#[derive(Clone, Debug)]
pub struct StoredEvent {
    /// Its place in the log.
    pub position: Position,
    /// The event.
    pub event: NewEvent,
}

/// A device as it was when an event was taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceDescription {
    /// Its resource space.
    pub app_id: String,
    /// Its id.
    pub device_id: String,
    /// Its node id.
    pub node_id: String,
    /// Its product.
    pub product_id: String,
    /// Its own id for a direct device, its parent's for a child.
    pub gateway_id: String,
    /// A JSON array `[{"tag_key","tag_value"}]`, or none.
    pub tags: Option<String>,
}
