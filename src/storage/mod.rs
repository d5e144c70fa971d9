//! The storage roles as traits, and the records they speak of. Backends live in folders of their own (`sqlite`);
//! callers hold `Arc<dyn …>` and never learn which one. What a trait promises is checked by one contract suite.
//!
//! Writes of the registry and of the log go through one group-commit writer, so that a change and its event are
//! one transaction and positions rise in commit order.

pub mod sqlite;
pub mod writer;

use std::collections::HashMap;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;

use crate::auth::access_key::Role;
use crate::auth::secret::Secret;
use crate::domain::clock::Timestamp;
use crate::domain::event::{DeviceDescription, EventKind, NewEvent, StoredEvent};
use crate::domain::ids::{
    AppId, DeviceId, DeviceKey, NodeId, Position, ProductId, ProductKey, RequestId, VersionKey,
};

/// Why the store did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The write queue is full in rows or bytes; nothing was written, trying again in a moment may serve.
    #[error("the write queue is full")]
    Busy,
    /// The database cannot take or give anything now (full disk, lost connection, shutting down).
    #[error("the database is unavailable: {0}")]
    Unavailable(String),
    /// The database did not answer in time; what was asked for may still be done.
    #[error("the database did not answer in time")]
    OutcomeUnknown,
    /// What was read makes no sense, or a secret does not open.
    #[error("stored data is not as expected: {0}")]
    Corrupt(String),
}

/// What storage calls answer.
pub type Result<T> = std::result::Result<T, StoreError>;

/// A resource space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    /// Its id.
    pub app_id: AppId,
    /// Its name.
    pub name: String,
}

/// A product's own members (management-api.md §4.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProductAttributes {
    /// `name`.
    pub name: String,
    /// `device_type`.
    pub device_type: String,
    /// `protocol_type`.
    pub protocol_type: String,
    /// `data_format`: `json` or `binary`.
    pub data_format: String,
    /// `manufacturer_name`.
    pub manufacturer_name: Option<String>,
    /// `industry`.
    pub industry: Option<String>,
    /// `description`.
    pub description: Option<String>,
    /// `service_capabilities`, the JSON text as sent.
    pub service_capabilities: String,
    /// `validation_mode` as text (`reject`, `filter`, `flag`); none: the configuration's.
    pub validation_mode: Option<String>,
    /// `require_sign_type_1`.
    pub require_sign_type_1: bool,
}

/// A product to create.
#[derive(Clone, Debug)]
pub struct NewProduct {
    /// Its id, unique in its space.
    pub product_id: ProductId,
    /// Its space, which exists.
    pub app_id: AppId,
    /// Its members.
    pub attributes: ProductAttributes,
}

/// A stored product.
#[derive(Clone, Debug)]
pub struct Product {
    /// Its numeric key; the record id of paging.
    pub key: ProductKey,
    /// Its id.
    pub product_id: ProductId,
    /// Its space.
    pub app: App,
    /// Its members.
    pub attributes: ProductAttributes,
    /// When it was made.
    pub created: Timestamp,
}

/// A device to create.
#[derive(Clone, Debug)]
pub struct NewDevice {
    /// Its id, unique in the instance.
    pub device_id: DeviceId,
    /// Its node id.
    pub node_id: NodeId,
    /// Its product, which exists.
    pub product: ProductKey,
    /// Its parent, for a child.
    pub gateway: Option<DeviceId>,
    /// `device_name`.
    pub name: Option<String>,
    /// `description`.
    pub description: Option<String>,
    /// `extension_info`, the JSON text as sent.
    pub extension_info: Option<String>,
    /// The secret it authenticates with.
    pub secret: Secret,
    /// `auth_info.secure_access`.
    pub secure_access: bool,
    /// `auth_info.timeout`, seconds; 0 is never.
    pub timeout_seconds: i64,
}

/// A stored device.
#[derive(Clone, Debug)]
pub struct Device {
    /// Its numeric key; the record id of paging.
    pub key: DeviceKey,
    /// Its id.
    pub device_id: DeviceId,
    /// Its node id.
    pub node_id: NodeId,
    /// Its product's key.
    pub product: ProductKey,
    /// Its product's id.
    pub product_id: ProductId,
    /// Its product's name.
    pub product_name: String,
    /// Its space: its product's.
    pub app: App,
    /// Its parent, for a child.
    pub gateway: Option<DeviceId>,
    /// The keys of its parent and grandparent, nearest first; empty for a direct device.
    pub ancestors: Vec<DeviceKey>,
    /// `device_name`.
    pub name: Option<String>,
    /// `description`.
    pub description: Option<String>,
    /// `extension_info`, the JSON text as sent.
    pub extension_info: Option<String>,
    /// Its primary secret.
    pub secret: Secret,
    /// Its secondary secret; equally good.
    pub secondary_secret: Option<Secret>,
    /// `auth_info.secure_access`.
    pub secure_access: bool,
    /// `auth_info.timeout`, seconds.
    pub timeout_seconds: i64,
    /// Raised by reset and freeze: tokens of an older epoch are dead.
    pub epoch: i64,
    /// Whether it is frozen.
    pub frozen: bool,
    /// The newest version of its description; events taken in now name it.
    pub version: VersionKey,
    /// When it was registered.
    pub created: Timestamp,
}

/// When, by which request, and told by which event payload a registry change happens.
#[derive(Clone, Debug)]
pub struct Change {
    /// The instant of the change.
    pub at: Timestamp,
    /// The request that makes it.
    pub request_id: RequestId,
    /// The payload of the change's event (see [`EventKind`]).
    pub payload: Bytes,
}

/// Which secret of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecretSlot {
    /// The first.
    Primary,
    /// The second, tried when the first fails.
    Secondary,
}

/// The answer to a product's creation.
#[derive(Debug)]
pub enum ProductCreation {
    /// Made.
    Created(Box<Product>),
    /// The space has a product with this id.
    Exists,
}

/// The answer to a product's deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProductDeletion {
    /// Gone.
    Deleted,
    /// There was none.
    NotFound,
    /// Devices of it exist; nothing was changed.
    HasDevices,
}

/// The answer to a device's creation.
#[derive(Debug)]
pub enum DeviceCreation {
    /// Made.
    Created(Box<Device>),
    /// A device with this id exists.
    Exists,
    /// The product is gone.
    NoProduct,
    /// The gateway does not exist.
    NoGateway,
    /// The gateway is a second-level child itself.
    TooDeep,
}

/// The answer to a device's deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceDeletion {
    /// Gone, its tokens with it.
    Deleted,
    /// There was none.
    NotFound,
    /// Children exist; nothing was changed.
    HasChildren,
}

/// The answer to a freeze or unfreeze.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FreezeOutcome {
    /// Done.
    Done,
    /// There is no such device.
    NotFound,
    /// It was so already; nothing was changed.
    AlreadySo,
}

/// Which page of a list: newest first, records below `before`, after skipping `offset`.
#[derive(Clone, Copy, Debug)]
pub struct PageRequest {
    /// Records with a key below this one.
    pub before: i64,
    /// How many of them to skip.
    pub offset: u32,
    /// How many to give.
    pub limit: u32,
}

/// One page of a list.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The records, newest first.
    pub items: Vec<T>,
    /// How many match in all, whatever the page.
    pub total: i64,
}

/// Which products to list.
#[derive(Clone, Debug, Default)]
pub struct ProductFilter {
    /// Of this space alone.
    pub app_id: Option<String>,
    /// With this name exactly.
    pub name: Option<String>,
}

/// Which devices to list.
#[derive(Clone, Debug, Default)]
pub struct DeviceFilter {
    /// Of this space.
    pub app_id: Option<String>,
    /// Of this product.
    pub product_id: Option<String>,
    /// Children of this gateway.
    pub gateway_id: Option<String>,
    /// With `gateway_id`: all levels below it.
    pub cascade: bool,
    /// With this node id.
    pub node_id: Option<String>,
    /// With this name exactly.
    pub name: Option<String>,
    /// Registered at or after.
    pub created_from: Option<Timestamp>,
    /// Registered at or before.
    pub created_to: Option<Timestamp>,
}

/// What a registry change touched; caches drop it.
#[derive(Clone, Debug)]
pub enum RegistryChange {
    /// This device changed or is gone.
    Device(DeviceId, DeviceKey),
    /// This product changed or is gone.
    Product(ProductKey),
}

/// Hears of every registry change after its commit and before its caller is answered.
pub type RegistryListener = Box<dyn Fn(&RegistryChange) + Send + Sync>;

/// Products and devices. Each change and its event are one transaction.
#[async_trait]
pub trait Registry: Send + Sync {
    /// The default resource space, made at the first start.
    async fn default_app(&self) -> Result<App>;
    /// A resource space.
    async fn app(&self, app_id: &AppId) -> Result<Option<App>>;

    /// Makes a product, with a `product/create` event.
    async fn create_product(&self, product: NewProduct, change: Change) -> Result<ProductCreation>;
    /// A product by id: of `app` if given, else the default space's, else the earliest made.
    async fn product(&self, product_id: &ProductId, app: Option<&AppId>) -> Result<Option<Product>>;
    /// A product by key.
    async fn product_by_key(&self, key: ProductKey) -> Result<Option<Product>>;
    /// A page of products.
    async fn list_products(&self, filter: &ProductFilter, page: PageRequest) -> Result<Page<Product>>;
    /// Deletes a product that has no devices, with a `product/delete` event.
    async fn delete_product(&self, key: ProductKey, change: Change) -> Result<ProductDeletion>;

    /// Makes a device and the first version of its description, with a `device/create` event.
    async fn create_device(&self, device: NewDevice, change: Change) -> Result<DeviceCreation>;
    /// A device by id.
    async fn device(&self, device_id: &DeviceId) -> Result<Option<Device>>;
    /// A page of devices.
    async fn list_devices(&self, filter: &DeviceFilter, page: PageRequest) -> Result<Page<Device>>;
    /// Deletes a device that has no children, with a `device/delete` event.
    async fn delete_device(&self, key: DeviceKey, change: Change) -> Result<DeviceDeletion>;
    /// Freezes (raising the epoch) or unfreezes, with a `device/update` event.
    async fn set_frozen(&self, key: DeviceKey, frozen: bool, change: Change) -> Result<FreezeOutcome>;
    /// Sets a secret and raises the epoch, with a `device/update` event. False: no such device.
    async fn reset_secret(
        &self,
        key: DeviceKey,
        slot: SecretSlot,
        secret: Secret,
        change: Change,
    ) -> Result<bool>;

    /// Adds a listener for changes, on whichever node they happen.
    fn subscribe(&self, listener: RegistryListener);
}

/// The first and last positions that the log holds; equal to `last + 1` and `last` when it is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogBounds {
    /// The oldest event still held.
    pub first: Position,
    /// The newest position ever given.
    pub last: Position,
}

/// What retention removes: the oldest events, a step at a time.
#[derive(Clone, Copy, Debug)]
pub struct PurgeRequest {
    /// Events received before this.
    pub before: Option<Timestamp>,
    /// The oldest ones, while the log takes more than this many bytes.
    pub max_bytes: Option<u64>,
    /// At most this many events in this step.
    pub step_rows: u32,
}

/// Narrows a device's events.
#[derive(Clone, Debug)]
pub struct EventFilter {
    /// The device; none for all.
    pub device: Option<DeviceKey>,
    /// Of these kinds; empty for all.
    pub kinds: Vec<EventKind>,
    /// Received at or after.
    pub from: Option<Timestamp>,
    /// Received at or before.
    pub to: Option<Timestamp>,
}

/// One row of the history index.
#[derive(Clone, Copy, Debug)]
pub struct IndexEntry {
    /// The device.
    pub device: DeviceKey,
    /// The event.
    pub position: Position,
    /// Its kind.
    pub kind: EventKind,
    /// When it was taken in.
    pub received: Timestamp,
}

/// The event log.
#[async_trait]
pub trait EventLog: Send + Sync {
    /// Stores events, all or none, in order; answers when they are on disk, with the last one's position.
    async fn append(&self, events: Vec<NewEvent>) -> Result<Position>;
    /// Up to `limit` events after `after`, oldest first.
    async fn read(&self, after: Position, limit: u32) -> Result<Vec<StoredEvent>>;
    /// Up to `limit` events after `after`, oldest first, as the history index needs them: no payload is read. Product
    /// events, which tell of no device, have none.
    async fn index_entries(&self, after: Position, limit: u32)
    -> Result<Vec<(Position, Option<IndexEntry>)>>;
    /// The events at these positions, newest first; those that are gone are left out.
    async fn events(&self, positions: &[Position]) -> Result<Vec<StoredEvent>>;
    /// Up to `limit` positions of matching events with `after < position < before`, newest first. Looks at every row
    /// of the range, so the range is the short tail that no index has reached.
    async fn scan_back(
        &self,
        filter: &EventFilter,
        after: Position,
        before: Position,
        limit: u32,
    ) -> Result<Vec<Position>>;
    /// What the log holds.
    async fn bounds(&self) -> Result<LogBounds>;
    /// Removes at most one step of old events; answers how many. Positions are never reused.
    async fn purge(&self, request: PurgeRequest) -> Result<u64>;
    /// The descriptions that events name.
    async fn describe(&self, versions: &[VersionKey]) -> Result<HashMap<VersionKey, DeviceDescription>>;
    /// What the store takes on disk, bytes.
    async fn size_bytes(&self) -> Result<u64>;
    /// Waits until no accepted write is outstanding, then stops taking more.
    async fn close(&self);
}

/// What is known of a device's traffic; gathered in memory, written within a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceActivity {
    /// The device.
    pub device: DeviceKey,
    /// The newest instants of token issue, as `auth::access_token::TokenInstants` encodes them.
    pub token_instants: [u8; 32],
    /// The last authentication or report.
    pub last_seen: Timestamp,
}

/// What a device's trace tells of requests of one kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTraceEntry {
    /// The device.
    pub device: DeviceKey,
    /// When it last happened.
    pub at: Timestamp,
    /// The request's method.
    pub method: String,
    /// Its path.
    pub path: String,
    /// Its status.
    pub status: u16,
    /// Its error code, or empty.
    pub code: String,
    /// What was wrong.
    pub message: String,
    /// The last such request.
    pub request_id: String,
    /// How many there were.
    pub count: i64,
}

/// A stored entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceEntry {
    /// Rises with the time of the entry; the record id of paging.
    pub id: i64,
    /// What it tells.
    pub told: NewTraceEntry,
}

/// What followers keep, away from the log's writer.
#[async_trait]
pub trait FollowerStore: Send + Sync {
    /// Where the follower `name` stands; [`Position::START`] when it never saved.
    async fn cursor(&self, name: &str) -> Result<Position>;
    /// Adds to the history index and moves its cursor (`history`), in one transaction.
    async fn index(&self, entries: &[IndexEntry], up_to: Position) -> Result<()>;
    /// Up to `limit` indexed positions below `before` that match, newest first. `filter.device` is set.
    async fn indexed(&self, filter: &EventFilter, before: Position, limit: u32) -> Result<Vec<Position>>;
    /// Drops up to `step_rows` index entries below `first`; answers how many.
    async fn forget_below(&self, first: Position, step_rows: u32) -> Result<u64>;
    /// Forgets the history index and its cursor; it is made again from the log.
    async fn reset_index(&self) -> Result<()>;
    /// Writes activity rows, replacing older ones of the same devices.
    async fn save_activity(&self, rows: &[DeviceActivity]) -> Result<()>;
    /// Adds to devices' traces; an entry that tells the same as an older one takes its place and adds their counts. The
    /// newest `keep` of each device stay.
    async fn save_trace(&self, entries: &[NewTraceEntry], keep: u32) -> Result<()>;
    /// A page of a device's trace.
    async fn trace(&self, device: DeviceKey, page: PageRequest) -> Result<Page<TraceEntry>>;
    /// Forgets the traces and the activity of devices that are gone.
    async fn forget_devices(&self, devices: &[DeviceKey]) -> Result<()>;
    /// A device's activity.
    async fn activity(&self, devices: &[DeviceKey]) -> Result<HashMap<DeviceKey, DeviceActivity>>;
}

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

/// A backend's roles, as the composition root hands them out.
#[derive(Clone)]
pub struct Stores {
    /// Products and devices.
    pub registry: Arc<dyn Registry>,
    /// The event log.
    pub log: Arc<dyn EventLog>,
    /// What followers keep.
    pub followers: Arc<dyn FollowerStore>,
    /// Settings and keys.
    pub settings: Arc<dyn Settings>,
}
