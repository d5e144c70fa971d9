//! Resource spaces, products and devices: the records, and the role that keeps them.

use std::collections::BTreeMap;
use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Deed, Page, PageRequest, Result, StoreError};
use crate::auth::secret::Secret;
use crate::domain::clock::Timestamp;
use crate::domain::device_search::DeviceSearch;
use crate::domain::event::EventKind;
use crate::domain::ids::{
    AppId, CertificateId, DeviceId, DeviceKey, NodeId, Position, ProductId, ProductKey, RequestId, RuleId,
    VersionKey,
};

/// A resource space.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    /// Its id.
    pub app_id: AppId,
    /// Its name.
    pub name: String,
    /// Whether it is the one that stands in where none is named.
    pub is_default: bool,
    /// When it was made.
    pub created: Timestamp,
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

/// What of a product changes; what is none stays.
#[derive(Clone, Debug, Default)]
pub struct ProductPatch {
    /// `name`.
    pub name: Option<String>,
    /// `device_type`.
    pub device_type: Option<String>,
    /// `protocol_type`.
    pub protocol_type: Option<String>,
    /// `data_format`.
    pub data_format: Option<String>,
    /// `manufacturer_name`; an empty one clears it.
    pub manufacturer_name: Option<String>,
    /// `industry`; an empty one clears it.
    pub industry: Option<String>,
    /// `description`; an empty one clears it.
    pub description: Option<String>,
    /// `service_capabilities`, the whole list.
    pub service_capabilities: Option<String>,
    /// `validation_mode`.
    pub validation_mode: Option<String>,
    /// `require_sign_type_1`.
    pub require_sign_type_1: Option<bool>,
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

/// How a device proves who it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthType {
    /// By its secret: the only way over HTTPS.
    Secret,
    /// By a certificate: kept for a fleet that has such devices, none of which can authenticate here.
    Certificates,
}

impl AuthType {
    /// Its name in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Secret => "SECRET",
            Self::Certificates => "CERTIFICATES",
        }
    }

    /// The type of this name.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Secret, Self::Certificates]
            .into_iter()
            .find(|known| known.as_str() == text)
    }
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
    /// How it authenticates.
    pub auth_type: AuthType,
    /// The secret it authenticates with.
    pub secret: Secret,
    /// `auth_info.fingerprint`.
    pub fingerprint: Option<String>,
    /// `auth_info.secure_access`.
    pub secure_access: bool,
    /// `auth_info.timeout`, seconds; 0 is never.
    pub timeout_seconds: i64,
    /// The shadow's first desired values, the payload of a `DesiredSet` event.
    pub desired: Option<Bytes>,
}

/// What of a device changes; what is none stays.
#[derive(Clone, Debug, Default)]
pub struct DevicePatch {
    /// `device_name`; an empty one clears it.
    pub name: Option<String>,
    /// `description`; an empty one clears it.
    pub description: Option<String>,
    /// `extension_info`, the JSON text as sent.
    pub extension_info: Option<String>,
    /// `auth_info.secure_access`.
    pub secure_access: Option<bool>,
    /// `auth_info.timeout`, seconds.
    pub timeout_seconds: Option<i64>,
}

/// A tag of a device.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tag {
    /// `tag_key`, unique on the device.
    pub tag_key: String,
    /// `tag_value`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tag_value: Option<String>,
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
    /// Its tags, by key.
    pub tags: Vec<Tag>,
    /// How it authenticates.
    pub auth_type: AuthType,
    /// Its certificate's fingerprint.
    pub fingerprint: Option<String>,
    /// That of its secondary certificate.
    pub secondary_fingerprint: Option<String>,
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

/// The payload of a change's event, made from the record as the change leaves it, inside the change's transaction.
pub struct Payload<T>(Render<T>);

type Render<T> = Box<dyn FnOnce(&T) -> Result<Bytes> + Send>;

impl<T> Payload<T> {
    /// The record as the API shows it, as JSON.
    pub fn json<V: Serialize>(view: impl FnOnce(&T) -> Result<V> + Send + 'static) -> Self {
        Self(Box::new(move |record| {
            let text = serde_json::to_vec(&view(record)?);
            text.map(Bytes::from)
                .map_err(|error| StoreError::Corrupt(error.to_string()))
        }))
    }

    /// These bytes, whatever the record.
    pub fn fixed(bytes: Bytes) -> Self {
        Self(Box::new(move |_| Ok(bytes)))
    }

    /// Nothing.
    pub fn empty() -> Self {
        Self::fixed(Bytes::new())
    }

    /// The bytes for this record.
    pub fn render(self, record: &T) -> Result<Bytes> {
        (self.0)(record)
    }
}

impl<T> fmt::Debug for Payload<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Payload")
    }
}

/// When and by whom a registry change is made, and how its event tells it.
#[derive(Debug)]
pub struct Change<T> {
    /// The instant of the change.
    pub at: Timestamp,
    /// The request that makes it.
    pub request_id: RequestId,
    /// Whose deed the audit log calls it.
    pub deed: Deed,
    /// The payload of the change's event (see [`EventKind`]).
    ///
    /// [`EventKind`]: crate::domain::event::EventKind
    pub payload: Payload<T>,
}

/// Which of a device's two secrets or fingerprints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Slot {
    /// The first.
    Primary,
    /// The second, tried when the first fails.
    Secondary,
}

/// The answer to a resource space's deletion.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AppDeletion {
    /// Gone.
    Deleted,
    /// There was none.
    NotFound,
    /// It is the default one; nothing was changed.
    IsDefault,
    /// Products of it exist; nothing was changed.
    HasProducts,
    /// This rule takes events of it alone; nothing was changed.
    HasRule(RuleId),
    /// This CA is of it; nothing was changed.
    HasCertificate(CertificateId),
}

/// The answer to a product's creation.
#[derive(Debug)]
pub enum ProductCreation {
    /// Made.
    Created(Box<Product>),
    /// The space has a product with this id.
    Exists,
    /// The space is gone.
    NoApp,
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

/// The answer to a child's move to another gateway.
#[derive(Debug)]
pub enum GatewayChange {
    /// Done.
    Changed(Box<Device>),
    /// There is no such device.
    NotFound,
    /// The device is no child.
    NotAChild,
    /// The device has children.
    HasChildren,
    /// The gateway does not exist.
    NoGateway,
    /// It is its gateway already, or the device itself.
    SameGateway,
    /// The gateway is of another space.
    OtherApp,
    /// The gateway is a second-level child itself.
    TooDeep,
}

/// The answer to a change of tags.
#[derive(Debug)]
pub enum TagChange {
    /// Done.
    Changed(Box<Device>),
    /// There is no such device.
    NotFound,
    /// The device would have more tags than it may; nothing was changed.
    TooMany,
    /// The device has no tag of this key; nothing was changed.
    Unknown(String),
}

/// The answer to a change of a device's shadow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShadowChange {
    /// Done.
    Done,
    /// There is no such device.
    NotFound,
    /// The shadow was changed meanwhile; nothing was changed.
    Overtaken,
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
    /// Changes may have been missed: anything that was read may be old.
    Everything,
    /// A rule, an action, a policy or a certificate changed or is gone.
    Routing,
}

/// Hears of every registry change after its commit and before its caller is answered.
pub type RegistryListener = Box<dyn Fn(&RegistryChange) + Send + Sync>;

/// Which resources a query by tags finds: those with any of the tags; one without a value stands for every value.
pub type AnyTag = [Tag];

/// Resource spaces, products and devices. Each change, its event and its row of the audit log are one transaction.
#[async_trait]
pub trait Registry: Send + Sync {
    /// The default resource space, made at the first start.
    async fn default_app(&self) -> Result<App>;
    /// A resource space.
    async fn app(&self, app_id: &AppId) -> Result<Option<App>>;
    /// All of them, or those that are the default one or not, the earliest made first.
    async fn list_apps(&self, is_default: Option<bool>) -> Result<Vec<App>>;
    /// Makes a resource space.
    async fn create_app(&self, app_id: AppId, name: String, change: Change<App>) -> Result<App>;
    /// Names a resource space anew. None: there is none.
    async fn rename_app(&self, app_id: AppId, name: String, change: Change<App>) -> Result<Option<App>>;
    /// Deletes a resource space that has no products and is not the default one.
    async fn delete_app(&self, app_id: AppId, change: Change<App>) -> Result<AppDeletion>;

    /// Makes a product, with a `product/create` event.
    async fn create_product(&self, product: NewProduct, change: Change<Product>) -> Result<ProductCreation>;
    /// A product by id: of `app` if given, else the default space's, else the earliest made.
    async fn product(&self, product_id: &ProductId, app: Option<&AppId>) -> Result<Option<Product>>;
    /// A product by key.
    async fn product_by_key(&self, key: ProductKey) -> Result<Option<Product>>;
    /// A page of products.
    async fn list_products(&self, filter: &ProductFilter, page: PageRequest) -> Result<Page<Product>>;
    /// Changes a product, with a `product/update` event. None: there is none.
    async fn update_product(
        &self,
        key: ProductKey,
        patch: ProductPatch,
        change: Change<Product>,
    ) -> Result<Option<Product>>;
    /// Deletes a product that has no devices, with a `product/delete` event.
    async fn delete_product(&self, key: ProductKey, change: Change<Product>) -> Result<ProductDeletion>;

    /// Makes a device and the first version of its description, with a `device/create` event and, where it has desired
    /// values, a `DesiredSet` event.
    async fn create_device(&self, device: NewDevice, change: Change<Device>) -> Result<DeviceCreation>;
    /// A device by id.
    async fn device(&self, device_id: &DeviceId) -> Result<Option<Device>>;
    /// Devices by key, those that are gone left out.
    async fn devices_by_key(&self, keys: &[DeviceKey]) -> Result<Vec<Device>>;
    /// A page of devices.
    async fn list_devices(&self, filter: &DeviceFilter, page: PageRequest) -> Result<Page<Device>>;
    /// The devices that a search finds, in its order and within its limit. Devices last seen at or after
    /// `online_since` count as ONLINE.
    async fn search_devices(&self, search: &DeviceSearch, online_since: Timestamp) -> Result<Vec<Device>>;
    /// How many devices match a search.
    async fn count_devices(&self, search: &DeviceSearch, online_since: Timestamp) -> Result<i64>;
    /// How many devices there are of each status. Looks at every device.
    async fn devices_by_status(&self, online_since: Timestamp) -> Result<BTreeMap<String, i64>>;
    /// A page of the devices that have any of these tags.
    async fn devices_by_tag(&self, tags: &AnyTag, page: PageRequest) -> Result<Page<(DeviceKey, DeviceId)>>;
    /// Up to `limit` devices whose registration ran out before `now`: made with a timeout that has passed. Those without
    /// children come first.
    async fn expired_registrations(&self, now: Timestamp, limit: u32) -> Result<Vec<Device>>;
    /// Deletes a device if its registration still ran out before `before` and no node has heard it; otherwise it is not found.
    async fn end_registration(
        &self,
        key: DeviceKey,
        before: Timestamp,
        change: Change<Device>,
    ) -> Result<DeviceDeletion>;
    /// The device was heard in time: its registration does not run out any more.
    async fn keep_registration(&self, key: DeviceKey) -> Result<()>;
    /// Changes a device, with a `device/update` event. None: there is none.
    async fn update_device(
        &self,
        key: DeviceKey,
        patch: DevicePatch,
        change: Change<Device>,
    ) -> Result<Option<Device>>;
    /// Deletes a device that has no children, with a `device/delete` event.
    async fn delete_device(&self, key: DeviceKey, change: Change<Device>) -> Result<DeviceDeletion>;
    /// Freezes (raising the epoch) or unfreezes, with a `device/update` event and, where `status` gives its payload, a
    /// `device.status/update` event.
    async fn set_frozen(
        &self,
        key: DeviceKey,
        frozen: bool,
        status: Option<Bytes>,
        change: Change<Device>,
    ) -> Result<FreezeOutcome>;
    /// Sets a secret and raises the epoch, with a `device/update` event. False: no such device.
    async fn reset_secret(
        &self,
        key: DeviceKey,
        slot: Slot,
        secret: Secret,
        change: Change<Device>,
    ) -> Result<bool>;
    /// Sets or clears a fingerprint, with a `device/update` event. False: no such device.
    async fn reset_fingerprint(
        &self,
        key: DeviceKey,
        slot: Slot,
        fingerprint: Option<String>,
        change: Change<Device>,
    ) -> Result<bool>;
    /// Moves a child to another gateway, with a new description and a `device/update` event.
    async fn change_gateway(
        &self,
        key: DeviceKey,
        gateway: DeviceId,
        change: Change<Device>,
    ) -> Result<GatewayChange>;
    /// Adds tags or gives them new values, at most `most` on a device, with a new description and a `device/update`
    /// event.
    async fn bind_tags(
        &self,
        key: DeviceKey,
        tags: Vec<Tag>,
        most: usize,
        change: Change<Device>,
    ) -> Result<TagChange>;
    /// Takes tags off, all or none, with a new description and a `device/update` event.
    async fn unbind_tags(
        &self,
        key: DeviceKey,
        tag_keys: Vec<String>,
        change: Change<Device>,
    ) -> Result<TagChange>;
    /// Appends an event of the device's shadow (`DesiredSet` or `ShadowCleared`), whose payload is the change's; with
    /// `unless_since` only when no event after that position has changed the shadow.
    async fn change_shadow(
        &self,
        key: DeviceKey,
        kind: EventKind,
        unless_since: Option<Position>,
        change: Change<Device>,
    ) -> Result<ShadowChange>;

    /// Adds a listener for changes, on whichever node they happen.
    fn subscribe(&self, listener: RegistryListener);
}
