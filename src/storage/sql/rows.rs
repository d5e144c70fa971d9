//! Rows to records, and the joins that they are read from.

use super::Columns;
use crate::auth::secret_box::SecretBox;
use crate::domain::clock::Timestamp;
use crate::domain::event::{DeviceDescription, EventKind, NewEvent, StoredEvent};
use crate::domain::ids::{
    AppId, DeviceId, DeviceKey, NodeId, Position, ProductId, ProductKey, RequestId, VersionKey,
};
use crate::storage::{
    App, AuthType, Device, EventFilter, IndexEntry, Product, ProductAttributes, Result, StoreError, Tag,
};

/// The columns of an event, in the order that [`event`] reads.
pub(in crate::storage) const EVENT: &str =
    "position, kind, device_key, version_key, reported_by, received_ms, request_id, payload, faults";

/// The same as reads name them: a narrower integer would not read as the others do.
pub(in crate::storage) const EVENT_READ: &str = "position, CAST(kind AS BIGINT), device_key, version_key, reported_by, \
                                                 received_ms, request_id, payload, faults";

pub(in crate::storage) fn event(row: &impl Columns) -> Result<StoredEvent> {
    let kind = kind(row.int_at(1)?)?;
    let device = row.optional_int_at(2)?;
    let version = row.optional_int_at(3)?;
    let reported_by = row.optional_int_at(4)?;
    let request_id = request_id(row.bytes_at(6)?)?;
    let payload = row.bytes_at(7)?;
    Ok(StoredEvent {
        position: Position(row.int_at(0)?),
        event: NewEvent {
            kind,
            device: device.map(DeviceKey).zip(version.map(VersionKey)),
            reported_by: reported_by.map(DeviceKey),
            received: Timestamp(row.int_at(5)?),
            request_id,
            payload: payload.into(),
            faults: row.optional_text_at(8)?,
        },
    })
}

/// From `position, device_key, kind, received_ms`.
pub(in crate::storage) fn index_entry(row: &impl Columns) -> Result<(Position, Option<IndexEntry>)> {
    let position = Position(row.int_at(0)?);
    let device = row.optional_int_at(1)?;
    let kind = kind(row.int_at(2)?)?;
    let received = Timestamp(row.int_at(3)?);
    let entry = device.filter(|_| !kind.is_internal()).map(|device| IndexEntry {
        device: DeviceKey(device),
        position,
        kind,
        received,
    });
    Ok((position, entry))
}

pub(in crate::storage) fn request_id(bytes: Vec<u8>) -> Result<RequestId> {
    let bytes = bytes
        .try_into()
        .map_err(|_| StoreError::Corrupt("a request id of another size".to_owned()))?;
    Ok(RequestId::from_bytes(bytes))
}

/// The end of a `WHERE` that leaves the filter's kinds alone; without any, all but the internal ones.
pub(in crate::storage) fn kinds_condition(filter: &EventFilter) -> String {
    if filter.kinds.is_empty() {
        let internal: Vec<_> = EventKind::ALL
            .into_iter()
            .filter(|kind| kind.is_internal())
            .collect();
        return format!("AND kind NOT IN ({})", codes(&internal));
    }
    format!("AND kind IN ({})", codes(&filter.kinds))
}

/// The kinds' numbers, as a list.
pub(in crate::storage) fn codes(kinds: &[EventKind]) -> String {
    let codes: Vec<_> = kinds.iter().map(|kind| kind.code().to_string()).collect();
    codes.join(",")
}

fn kind(code: i64) -> Result<EventKind> {
    EventKind::from_code(code).ok_or_else(|| StoreError::Corrupt(format!("an event of kind {code}")))
}

/// From all columns of a space.
pub(in crate::storage) fn app(row: &impl Columns) -> Result<App> {
    let app_id = row.text("app_id")?;
    Ok(App {
        app_id: id(AppId::parse(&app_id))?,
        name: row.text("name")?,
        is_default: row.flag("is_default")?,
        created: Timestamp(row.int("created_ms")?),
    })
}

/// What [`product`] reads.
pub(in crate::storage) const PRODUCT: &str =
    "SELECT p.*, a.app_id, a.name AS app_name, a.is_default AS app_is_default, a.created_ms AS app_created_ms
    FROM products p JOIN apps a ON a.app_key = p.app_key";

pub(in crate::storage) fn product(row: &impl Columns) -> Result<Product> {
    Ok(Product {
        key: ProductKey(row.int("product_key")?),
        product_id: id(ProductId::parse(&row.text("product_id")?))?,
        app: app_beside(row)?,
        attributes: ProductAttributes {
            name: row.text("name")?,
            device_type: row.text("device_type")?,
            protocol_type: row.text("protocol_type")?,
            data_format: row.text("data_format")?,
            manufacturer_name: row.optional_text("manufacturer_name")?,
            industry: row.optional_text("industry")?,
            description: row.optional_text("description")?,
            service_capabilities: row.text("service_capabilities")?,
            validation_mode: row.optional_text("validation_mode")?,
            require_sign_type_1: row.flag("require_sign_type_1")?,
        },
        created: Timestamp(row.int("created_ms")?),
    })
}

/// The space that stands beside a product or a device.
fn app_beside(row: &impl Columns) -> Result<App> {
    let app_id = row.text("app_id")?;
    Ok(App {
        app_id: id(AppId::parse(&app_id))?,
        name: row.text("app_name")?,
        is_default: row.flag("app_is_default")?,
        created: Timestamp(row.int("app_created_ms")?),
    })
}

/// From all columns of a version of a device's description.
pub(in crate::storage) fn description(row: &impl Columns) -> Result<DeviceDescription> {
    Ok(DeviceDescription {
        app_id: row.text("app_id")?,
        device_id: row.text("device_id")?,
        node_id: row.text("node_id")?,
        product_id: row.text("product_id")?,
        gateway_id: row.text("gateway_id")?,
        tags: row.optional_text("tags")?,
    })
}

fn tags(text: Option<&str>) -> Result<Vec<Tag>> {
    let tags = text.map_or_else(|| Ok(Vec::new()), serde_json::from_str);
    tags.map_err(|error| StoreError::Corrupt(format!("a device's tags: {error}")))
}

/// What [`device`] reads.
pub(in crate::storage) const DEVICE: &str =
    "SELECT d.*, p.product_id, p.name AS product_name, a.app_id, a.name AS app_name,
        a.is_default AS app_is_default, a.created_ms AS app_created_ms, v.tags,
        g.device_id AS gateway_id, g.gateway_key AS grandparent_key
    FROM devices d JOIN products p ON p.product_key = d.product_key JOIN apps a ON a.app_key = p.app_key
    JOIN device_versions v ON v.version_key = d.version_key LEFT JOIN devices g ON g.device_key = d.gateway_key";

pub(in crate::storage) fn device(row: &impl Columns, secrets: &SecretBox) -> Result<Device> {
    let key = row.int("device_key")?;
    let open = |sealed: Vec<u8>| {
        let opened = secrets.open(&sealed, &binding(key));
        opened.map_err(|error| StoreError::Corrupt(format!("device key {key}: {error}")))
    };
    let secondary = row.optional_bytes("secondary_secret")?;
    let parent = row.optional_int("gateway_key")?;
    let grandparent = row.optional_int("grandparent_key")?;
    Ok(Device {
        key: DeviceKey(key),
        device_id: id(DeviceId::parse(&row.text("device_id")?))?,
        node_id: id(NodeId::parse(&row.text("node_id")?))?,
        product: ProductKey(row.int("product_key")?),
        product_id: id(ProductId::parse(&row.text("product_id")?))?,
        product_name: row.text("product_name")?,
        app: app_beside(row)?,
        gateway: row
            .optional_text("gateway_id")?
            .map(|text| id(DeviceId::parse(&text)))
            .transpose()?,
        ancestors: parent.into_iter().chain(grandparent).map(DeviceKey).collect(),
        name: row.optional_text("name")?,
        description: row.optional_text("description")?,
        extension_info: row.optional_text("extension_info")?,
        tags: tags(row.optional_text("tags")?.as_deref())?,
        auth_type: AuthType::parse(&row.text("auth_type")?)
            .ok_or_else(|| StoreError::Corrupt(format!("device key {key}: its auth_type")))?,
        fingerprint: row.optional_text("fingerprint")?,
        secondary_fingerprint: row.optional_text("secondary_fingerprint")?,
        secret: open(row.bytes("secret")?)?,
        secondary_secret: secondary.map(open).transpose()?,
        secure_access: row.flag("secure_access")?,
        timeout_seconds: row.int("timeout_seconds")?,
        epoch: row.int("epoch")?,
        frozen: row.flag("frozen")?,
        version: VersionKey(row.int("version_key")?),
        created: Timestamp(row.int("created_ms")?),
    })
}

/// What a device's secret is bound to: a row moved to another device does not open.
pub(in crate::storage) fn binding(device_key: i64) -> Vec<u8> {
    format!("device:{device_key}").into_bytes()
}

pub(in crate::storage) fn id<T>(parsed: std::result::Result<T, crate::domain::ids::IdError>) -> Result<T> {
    parsed.map_err(|error| StoreError::Corrupt(format!("a stored id {error}")))
}
