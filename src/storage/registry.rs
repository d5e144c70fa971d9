//! Resource spaces, products and devices: the records, and the role that keeps them.

use async_trait::async_trait;
use bytes::Bytes;

use super::{Page, PageRequest, Result};
use crate::auth::secret::Secret;
use crate::domain::clock::Timestamp;
use crate::domain::ids::{AppId, DeviceId, DeviceKey, NodeId, ProductId, ProductKey, RequestId, VersionKey};

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
