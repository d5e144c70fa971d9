//! Rows to records.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::unavailable;
use crate::auth::secret_box::SecretBox;
use crate::domain::clock::Timestamp;
use crate::domain::event::{EventKind, NewEvent, StoredEvent};
use crate::domain::ids::{
    AppId, DeviceId, DeviceKey, NodeId, Position, ProductId, ProductKey, RequestId, VersionKey,
};
use crate::storage::{
    App, AuthType, Device, EventFilter, IndexEntry, Product, ProductAttributes, Result, StoreError, Tag,
};

/// The columns of an event, in the order that [`event`] reads.
pub(super) const EVENT: &str =
    "position, kind, device_key, version_key, reported_by, received_ms, request_id, payload, faults";

pub(super) fn event(row: &SqliteRow) -> Result<StoredEvent> {
    let kind = kind(row.try_get(1).map_err(unavailable)?)?;
    let device: Option<i64> = row.try_get(2).map_err(unavailable)?;
    let version: Option<i64> = row.try_get(3).map_err(unavailable)?;
    let reported_by: Option<i64> = row.try_get(4).map_err(unavailable)?;
    let request_id = request_id(row.try_get(6).map_err(unavailable)?)?;
    let payload: Vec<u8> = row.try_get(7).map_err(unavailable)?;
    Ok(StoredEvent {
        position: Position(row.try_get(0).map_err(unavailable)?),
        event: NewEvent {
            kind,
            device: device.map(DeviceKey).zip(version.map(VersionKey)),
            reported_by: reported_by.map(DeviceKey),
            received: Timestamp(row.try_get(5).map_err(unavailable)?),
            request_id,
            payload: payload.into(),
            faults: row.try_get(8).map_err(unavailable)?,
        },
    })
}

pub(super) fn request_id(bytes: Vec<u8>) -> Result<RequestId> {
    let bytes = bytes
        .try_into()
        .map_err(|_| StoreError::Corrupt("a request id of another size".to_owned()))?;
    Ok(RequestId::from_bytes(bytes))
}

/// The end of a `WHERE` that leaves the filter's kinds alone; without any, all but the internal ones.
pub(super) fn kinds_condition(filter: &EventFilter) -> String {
    if filter.kinds.is_empty() {
        let (set, cleared) = (EventKind::DesiredSet.code(), EventKind::ShadowCleared.code());
        return format!("AND kind NOT IN ({set},{cleared})");
    }
    format!("AND kind IN ({})", codes(&filter.kinds))
}

/// The kinds' numbers, as a list.
pub(super) fn codes(kinds: &[EventKind]) -> String {
    let codes: Vec<_> = kinds.iter().map(|kind| kind.code().to_string()).collect();
    codes.join(",")
}

/// From `position, device_key, kind, received_ms`.
pub(super) fn index_entry(row: &SqliteRow) -> Result<(Position, Option<IndexEntry>)> {
    let position = Position(row.try_get(0).map_err(unavailable)?);
    let device: Option<i64> = row.try_get(1).map_err(unavailable)?;
    let kind = kind(row.try_get(2).map_err(unavailable)?)?;
    let received = Timestamp(row.try_get(3).map_err(unavailable)?);
    let entry = device.filter(|_| !kind.is_internal()).map(|device| IndexEntry {
        device: DeviceKey(device),
        position,
        kind,
        received,
    });
    Ok((position, entry))
}

fn kind(code: i64) -> Result<EventKind> {
    EventKind::from_code(code).ok_or_else(|| StoreError::Corrupt(format!("an event of kind {code}")))
}

/// From all columns of a space.
pub(super) fn app(row: &SqliteRow) -> Result<App> {
    let app_id: String = row.try_get("app_id").map_err(unavailable)?;
    Ok(App {
        app_id: id(AppId::parse(&app_id))?,
        name: row.try_get("name").map_err(unavailable)?,
        is_default: row.try_get("is_default").map_err(unavailable)?,
        created: Timestamp(row.try_get("created_ms").map_err(unavailable)?),
    })
}

/// What [`product`] reads.
pub(super) const PRODUCT: &str =
    "SELECT p.*, a.app_id, a.name AS app_name, a.is_default AS app_is_default, a.created_ms AS app_created_ms
    FROM products p JOIN apps a ON a.app_key = p.app_key";

pub(super) fn product(row: &SqliteRow) -> Result<Product> {
    let text = |column: &str| row.try_get::<String, _>(column).map_err(unavailable);
    let optional = |column: &str| row.try_get::<Option<String>, _>(column).map_err(unavailable);
    Ok(Product {
        key: ProductKey(row.try_get("product_key").map_err(unavailable)?),
        product_id: id(ProductId::parse(&text("product_id")?))?,
        app: app_beside(row)?,
        attributes: ProductAttributes {
            name: text("name")?,
            device_type: text("device_type")?,
            protocol_type: text("protocol_type")?,
            data_format: text("data_format")?,
            manufacturer_name: optional("manufacturer_name")?,
            industry: optional("industry")?,
            description: optional("description")?,
            service_capabilities: text("service_capabilities")?,
            validation_mode: optional("validation_mode")?,
            require_sign_type_1: row.try_get("require_sign_type_1").map_err(unavailable)?,
        },
        created: Timestamp(row.try_get("created_ms").map_err(unavailable)?),
    })
}

/// The space that stands beside a product or a device.
fn app_beside(row: &SqliteRow) -> Result<App> {
    let app_id: String = row.try_get("app_id").map_err(unavailable)?;
    Ok(App {
        app_id: id(AppId::parse(&app_id))?,
        name: row.try_get("app_name").map_err(unavailable)?,
        is_default: row.try_get("app_is_default").map_err(unavailable)?,
        created: Timestamp(row.try_get("app_created_ms").map_err(unavailable)?),
    })
}

fn tags(text: Option<&str>) -> Result<Vec<Tag>> {
    let tags = text.map_or_else(|| Ok(Vec::new()), serde_json::from_str);
    tags.map_err(|error| StoreError::Corrupt(format!("a device's tags: {error}")))
}

/// What [`device`] reads.
pub(super) const DEVICE: &str =
    "SELECT d.*, p.product_id, p.name AS product_name, a.app_id, a.name AS app_name,
        a.is_default AS app_is_default, a.created_ms AS app_created_ms, v.tags,
        g.device_id AS gateway_id, g.gateway_key AS grandparent_key
    FROM devices d JOIN products p ON p.product_key = d.product_key JOIN apps a ON a.app_key = p.app_key
    JOIN device_versions v ON v.version_key = d.version_key LEFT JOIN devices g ON g.device_key = d.gateway_key";

pub(super) fn device(row: &SqliteRow, secrets: &SecretBox) -> Result<Device> {
    let text = |column: &str| row.try_get::<String, _>(column).map_err(unavailable);
    let optional = |column: &str| row.try_get::<Option<String>, _>(column).map_err(unavailable);
    let key: i64 = row.try_get("device_key").map_err(unavailable)?;
    let open = |sealed: Vec<u8>| {
        let opened = secrets.open(&sealed, &binding(key));
        opened.map_err(|error| StoreError::Corrupt(format!("device key {key}: {error}")))
    };
    let secondary: Option<Vec<u8>> = row.try_get("secondary_secret").map_err(unavailable)?;
    let parent: Option<i64> = row.try_get("gateway_key").map_err(unavailable)?;
    let grandparent: Option<i64> = row.try_get("grandparent_key").map_err(unavailable)?;
    Ok(Device {
        key: DeviceKey(key),
        device_id: id(DeviceId::parse(&text("device_id")?))?,
        node_id: id(NodeId::parse(&text("node_id")?))?,
        product: ProductKey(row.try_get("product_key").map_err(unavailable)?),
        product_id: id(ProductId::parse(&text("product_id")?))?,
        product_name: text("product_name")?,
        app: app_beside(row)?,
        gateway: optional("gateway_id")?
            .map(|text| id(DeviceId::parse(&text)))
            .transpose()?,
        ancestors: parent.into_iter().chain(grandparent).map(DeviceKey).collect(),
        name: optional("name")?,
        description: optional("description")?,
        extension_info: optional("extension_info")?,
        tags: tags(optional("tags")?.as_deref())?,
        auth_type: AuthType::parse(&text("auth_type")?)
            .ok_or_else(|| StoreError::Corrupt(format!("device key {key}: its auth_type")))?,
        fingerprint: optional("fingerprint")?,
        secondary_fingerprint: optional("secondary_fingerprint")?,
        secret: open(row.try_get("secret").map_err(unavailable)?)?,
        secondary_secret: secondary.map(open).transpose()?,
        secure_access: row.try_get("secure_access").map_err(unavailable)?,
        timeout_seconds: row.try_get("timeout_seconds").map_err(unavailable)?,
        epoch: row.try_get("epoch").map_err(unavailable)?,
        frozen: row.try_get("frozen").map_err(unavailable)?,
        version: VersionKey(row.try_get("version_key").map_err(unavailable)?),
        created: Timestamp(row.try_get("created_ms").map_err(unavailable)?),
    })
}

/// What a device's secret is bound to: a row moved to another device does not open.
pub(super) fn binding(device_key: i64) -> Vec<u8> {
    format!("device:{device_key}").into_bytes()
}

pub(super) fn id<T>(parsed: std::result::Result<T, crate::domain::ids::IdError>) -> Result<T> {
    parsed.map_err(|error| StoreError::Corrupt(format!("a stored id {error}")))
}
