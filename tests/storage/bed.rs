//! What a case starts from: an empty store that can be opened again.

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use fieldgate::auth::secret::Secret;
use fieldgate::domain::clock::Timestamp;
use fieldgate::domain::event::{EventKind, NewEvent, StoredEvent};
use fieldgate::domain::ids::{AppId, DeviceId, NodeId, Position, ProductId, ProductKey, RequestId};
use fieldgate::storage::writer::WriterLimits;
use fieldgate::storage::{
    ActionStore, AuthType, Change, DONE, Deed, Device, DeviceCreation, EventLog, NewAuditEntry, NewDevice,
    NewProduct, PageRequest, Payload, Product, ProductAttributes, ProductCreation, ReadLimit, RoutingStore,
    Stores,
};

pub const NOW: Timestamp = Timestamp(1_795_421_730_000);

/// The writer's bounds, unless a case sets its own.
pub const LIMITS: WriterLimits = WriterLimits {
    queue_rows: 10_000,
    queue_bytes: 1 << 24,
    batch_rows: 100,
    batch_bytes: 1 << 20,
    commit_timeout: std::time::Duration::from_mins(1),
};

/// Everything of a page of 50.
pub const PAGE: PageRequest = PageRequest {
    before: i64::MAX,
    offset: 0,
    limit: 50,
};

type Opening = Pin<Box<dyn Future<Output = Stores>>>;

/// A store and the way to open it again.
pub struct Bed {
    pub stores: Stores,
    open: Box<dyn Fn(WriterLimits) -> Opening>,
}

impl Bed {
    pub async fn new(open: impl Fn(WriterLimits) -> Opening + 'static) -> Self {
        Self {
            stores: open(LIMITS).await,
            open: Box::new(open),
        }
    }

    /// Rules, actions, policies and certificates.
    pub fn rules(&self) -> &dyn RoutingStore {
        self.stores.rules.as_ref()
    }

    /// What actions keep.
    pub fn actions(&self) -> &dyn ActionStore {
        self.stores.actions.as_ref()
    }

    /// Closed and opened again, as after a restart.
    pub async fn reopened(self) -> Self {
        self.with_limits(LIMITS).await
    }

    pub async fn with_limits(self, limits: WriterLimits) -> Self {
        self.stores.log.close().await;
        Self {
            stores: (self.open)(limits).await,
            open: self.open,
        }
    }

    pub async fn try_product(&self, id: &str) -> ProductCreation {
        let app_id = self.stores.registry.default_app().await.unwrap().app_id;
        let product = new_product(id, app_id);
        self.stores
            .registry
            .create_product(product, told("product made"))
            .await
            .unwrap()
    }

    pub async fn product(&self, id: &str) -> Product {
        match self.try_product(id).await {
            ProductCreation::Created(product) => *product,
            other => panic!("{id}: {other:?}"),
        }
    }

    pub async fn try_device(&self, id: &str, product: ProductKey, gateway: Option<&str>) -> DeviceCreation {
        let device = new_device(id, product, gateway);
        self.stores
            .registry
            .create_device(device, told("device made"))
            .await
            .unwrap()
    }

    pub async fn device(&self, id: &str, product: ProductKey, gateway: Option<&str>) -> Device {
        match self.try_device(id, product, gateway).await {
            DeviceCreation::Created(device) => *device,
            other => panic!("{id}: {other:?}"),
        }
    }

    /// Every event of the log.
    pub async fn all(&self) -> Vec<StoredEvent> {
        read_all(&*self.stores.log).await
    }

    pub async fn kinds(&self) -> Vec<EventKind> {
        self.all().await.iter().map(|stored| stored.event.kind).collect()
    }
}

/// More than any test stores.
pub const WHOLE: ReadLimit = ReadLimit {
    rows: u32::MAX,
    bytes: u64::MAX,
};

/// Every event of a log, in one look.
pub async fn read_all(log: &dyn EventLog) -> Vec<StoredEvent> {
    log.read(Position::START, WHOLE).await.unwrap().events
}

pub fn device_id(text: &str) -> DeviceId {
    DeviceId::parse(text).unwrap()
}

pub fn request_id(number: u8) -> RequestId {
    RequestId::new(NOW, [number; 10])
}

pub fn noted() -> NewAuditEntry {
    let told: Change<()> = told("");
    NewAuditEntry {
        at: told.at,
        request_id: told.request_id,
        deed: told.deed,
        outcome: DONE.to_owned(),
    }
}

pub fn told<T>(payload: &'static str) -> Change<T> {
    Change {
        at: NOW,
        request_id: request_id(1),
        deed: Deed {
            actor: "AK".to_owned(),
            action: "an_operation".to_owned(),
            resource: "/things/1".to_owned(),
            from: "127.0.0.1".to_owned(),
        },
        payload: Payload::fixed(Bytes::from_static(payload.as_bytes())),
    }
}

pub fn new_product(id: &str, app_id: AppId) -> NewProduct {
    NewProduct {
        product_id: ProductId::parse(id).unwrap(),
        app_id,
        attributes: ProductAttributes {
            name: format!("name of {id}"),
            device_type: "Meter".to_owned(),
            protocol_type: "HTTPS".to_owned(),
            data_format: "json".to_owned(),
            manufacturer_name: Some("Maker".to_owned()),
            industry: None,
            description: None,
            service_capabilities: r#"[{"service_id":"S","service_type":"S"}]"#.to_owned(),
            validation_mode: None,
            require_sign_type_1: false,
        },
    }
}

pub fn new_device(id: &str, product: ProductKey, gateway: Option<&str>) -> NewDevice {
    NewDevice {
        device_id: device_id(id),
        node_id: NodeId::parse(&format!("node-{id}")).unwrap(),
        product,
        gateway: gateway.map(device_id),
        name: Some(format!("name-of-{id}")),
        description: None,
        extension_info: Some(r#"{"n": 1.50}"#.to_owned()),
        auth_type: AuthType::Secret,
        secret: Secret::new("a-secret-of-it".to_owned()),
        fingerprint: None,
        secure_access: true,
        timeout_seconds: 0,
        desired: None,
    }
}

/// A message of no device in particular.
pub fn message(payload: impl Into<Bytes>) -> NewEvent {
    NewEvent {
        kind: EventKind::MessageReport,
        device: None,
        reported_by: None,
        received: NOW,
        request_id: request_id(2),
        payload: payload.into(),
        faults: None,
    }
}

/// A message of a device.
pub fn message_of(device: &Device, payload: impl Into<Bytes>) -> NewEvent {
    NewEvent {
        device: Some((device.key, device.version)),
        ..message(payload)
    }
}
