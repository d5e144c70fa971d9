//! Devices and compiled product models in memory, so that a warm device's report asks the database nothing. Dropped
//! on the registry's word before the change is answered; bounded by `limits.cached_devices`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use quick_cache::sync::Cache;

use super::activity::{ActivityBook, DeviceTraffic};
use crate::auth::secret::Secret;
use crate::domain::ids::{DeviceId, DeviceKey, ProductKey, VersionKey};
use crate::domain::model::{ProductModel, ValidationMode};
use crate::storage::{AuthType, Device, Product, Registry, RegistryChange, Result, StoreError};

/// A product as ingest needs it.
#[derive(Debug)]
pub struct KnownProduct {
    /// Its compiled model.
    pub model: ProductModel,
    /// How reports that break the model are treated.
    pub mode: ValidationMode,
    /// Whether `sign_type` 0 is refused.
    pub require_sign_type_1: bool,
}

/// A device as ingest needs it.
#[derive(Debug)]
pub struct KnownDevice {
    /// Its numeric key.
    pub key: DeviceKey,
    /// Its id.
    pub device_id: DeviceId,
    /// Its parent and grandparent, nearest first; empty for a direct device.
    pub ancestors: Vec<DeviceKey>,
    /// Tokens of another epoch are dead.
    pub epoch: i64,
    /// Whether it is frozen.
    pub frozen: bool,
    /// The description that its events name.
    pub version: VersionKey,
    /// Its product.
    pub product: Arc<KnownProduct>,
    pub(super) auth_type: AuthType,
    pub(super) secret: Secret,
    pub(super) secondary_secret: Option<Secret>,
    pub(super) traffic: Arc<DeviceTraffic>,
}

/// The cache, over the registry.
pub struct DeviceDirectory {
    registry: Arc<dyn Registry>,
    activity: Arc<ActivityBook>,
    default_mode: ValidationMode,
    devices: Cache<DeviceId, Arc<KnownDevice>>,
    products: Cache<i64, Arc<KnownProduct>>,
    /// Ids that no device has: asked again they cost no database read, and take no longer than those that exist.
    absent: Cache<DeviceId, ()>,
    /// Counts invalidations: what was read before one may be old by the time it is put in.
    changes: AtomicU64,
}

/// Why a device is not in the cache.
enum Absent {
    Unknown,
    Failed(StoreError),
}

impl From<StoreError> for Absent {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

impl DeviceDirectory {
    /// Over `registry`, listening for its changes.
    pub fn new(
        registry: &Arc<dyn Registry>,
        activity: Arc<ActivityBook>,
        default_mode: ValidationMode,
        capacity: usize,
    ) -> Arc<Self> {
        let directory = Arc::new(Self {
            registry: registry.clone(),
            activity,
            default_mode,
            devices: Cache::new(capacity),
            products: Cache::new(capacity.min(10_000)),
            absent: Cache::new(capacity),
            changes: AtomicU64::new(0),
        });
        let listener = Arc::downgrade(&directory);
        registry.subscribe(Box::new(move |change| {
            if let Some(directory) = listener.upgrade() {
                directory.forget(change);
            }
        }));
        directory
    }

    fn forget(&self, change: &RegistryChange) {
        self.changes.fetch_add(1, Ordering::SeqCst);
        match change {
            RegistryChange::Device(device_id, _) => {
                self.devices.remove(device_id);
                self.absent.remove(device_id);
            }
            RegistryChange::Product(key) => {
                self.products.remove(&key.0);
                // Devices hold their product; a product changes rarely, so all of them are read again.
                self.devices.clear();
            }
            RegistryChange::Everything => {
                self.products.clear();
                self.devices.clear();
                self.absent.clear();
            }
            RegistryChange::Routing => {}
        }
    }

    /// A device by the id that a caller sent, known or not.
    pub async fn device(&self, device_id: &str) -> Result<Option<Arc<KnownDevice>>> {
        if let Some(device) = self.devices.get(device_id) {
            return Ok(Some(device));
        }
        if self.absent.get(device_id).is_some() {
            return Ok(None);
        }
        let Ok(device_id) = DeviceId::parse(device_id) else {
            return Ok(None);
        };
        let seen = self.changes.load(Ordering::SeqCst);
        // One reader for all who wait: a device has one traffic record in memory.
        let found = self
            .devices
            .get_or_insert_async(&device_id, self.read_device(&device_id))
            .await;
        if matches!(found, Err(Absent::Unknown)) {
            self.absent.insert(device_id.clone(), ());
        }
        if self.changes.load(Ordering::SeqCst) != seen {
            self.devices.remove(&device_id);
            self.absent.remove(&device_id);
        }
        match found {
            Ok(known) => Ok(Some(known)),
            Err(Absent::Unknown) => Ok(None),
            Err(Absent::Failed(error)) => Err(error),
        }
    }

    async fn read_device(&self, device_id: &DeviceId) -> std::result::Result<Arc<KnownDevice>, Absent> {
        let device = self.registry.device(device_id).await?.ok_or(Absent::Unknown)?;
        let product = self.product(device.product).await?.ok_or(Absent::Unknown)?;
        let traffic = self.activity.load(device.key).await?;
        Ok(Arc::new(known_device(device, product, traffic)))
    }

    async fn product(&self, key: ProductKey) -> Result<Option<Arc<KnownProduct>>> {
        if let Some(product) = self.products.get(&key.0) {
            return Ok(Some(product));
        }
        let seen = self.changes.load(Ordering::SeqCst);
        let Some(product) = self.registry.product_by_key(key).await? else {
            return Ok(None);
        };
        let known = Arc::new(known_product(&product, self.default_mode)?);
        self.products.insert(key.0, known.clone());
        if self.changes.load(Ordering::SeqCst) != seen {
            self.products.remove(&key.0);
        }
        Ok(Some(known))
    }
}

fn known_device(device: Device, product: Arc<KnownProduct>, traffic: Arc<DeviceTraffic>) -> KnownDevice {
    KnownDevice {
        key: device.key,
        device_id: device.device_id,
        ancestors: device.ancestors,
        epoch: device.epoch,
        frozen: device.frozen,
        auth_type: device.auth_type,
        version: device.version,
        product,
        secret: device.secret,
        secondary_secret: device.secondary_secret,
        traffic,
    }
}

pub(super) fn known_product(product: &Product, default_mode: ValidationMode) -> Result<KnownProduct> {
    let id = &product.product_id;
    let model = ProductModel::parse(&product.attributes.service_capabilities)
        .map_err(|fault| StoreError::Corrupt(format!("the model of product {id}: {fault}")))?;
    let mode = match product.attributes.validation_mode.as_deref() {
        None => default_mode,
        Some(text) => text
            .parse()
            .map_err(|()| StoreError::Corrupt(format!("the validation mode of product {id}: {text}")))?,
    };
    Ok(KnownProduct {
        model,
        mode,
        require_sign_type_1: product.attributes.require_sign_type_1,
    })
}
