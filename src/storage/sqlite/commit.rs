//! One commit: a group of appends and registry changes in one transaction, events inserted many at a time. Changes look
//! before they write, so a refused one leaves nothing; a statement that fails takes the whole group down, unacknowledged.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock, PoisonError};

use async_trait::async_trait;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Row};

use super::{DURABLE, Listeners, connect, rows, unavailable};
use crate::auth::secret::Secret;
use crate::auth::secret_box::SecretBox;
use crate::domain::event::{EventKind, NewEvent};
use crate::domain::ids::{DeviceId, DeviceKey, Position, ProductKey, VersionKey};
use crate::storage::writer::{CommitBackend, Done, Work};
use crate::storage::{
    Change as Told, Device, DeviceCreation, DeviceDeletion, FreezeOutcome, NewDevice, NewProduct,
    ProductCreation, ProductDeletion, PurgeRequest, RegistryChange, Result, SecretSlot, StoreError,
};

/// Rows of one insert. A group takes the smallest that holds it and leaves the rest of the rows empty: one statement is
/// one trip to the database's thread, which costs more than binding some NULLs, and a fixed set of texts stays prepared.
const SIZES: [usize; 9] = [1, 2, 4, 8, 16, 32, 64, 128, LARGEST];

/// How many columns [`rows::EVENT`] names.
const EVENT_COLUMNS: usize = 9;

/// The most rows of one insert: 9 columns each, far below SQLite's bound on variables.
const LARGEST: usize = 256;

static INSERTS: LazyLock<[String; SIZES.len()]> = LazyLock::new(|| {
    SIZES.map(|size| {
        format!(
            "INSERT INTO events ({}) SELECT * FROM (VALUES {}) WHERE column1 IS NOT NULL",
            rows::EVENT,
            vec!["(?,?,?,?,?,?,?,?,?)"; size].join(",")
        )
    })
});

/// A registry change or a step of retention.
#[derive(Debug)]
pub(crate) enum Change {
    CreateProduct(Box<NewProduct>, Told),
    DeleteProduct(ProductKey, Told),
    CreateDevice(Box<NewDevice>, Told),
    DeleteDevice(DeviceKey, Told),
    SetFrozen(DeviceKey, bool, Told),
    ResetSecret(DeviceKey, SecretSlot, Secret, Told),
    Purge(PurgeRequest),
}

/// What a change came to.
#[derive(Debug)]
pub(crate) enum Outcome {
    ProductCreated(ProductCreation),
    ProductDeleted(ProductDeletion),
    DeviceCreated(DeviceCreation),
    DeviceDeleted(DeviceDeletion),
    Frozen(FreezeOutcome),
    SecretReset(bool),
    Purged(u64),
}

/// The writer's connection.
pub(crate) struct SqliteCommit {
    connection: SqliteConnection,
    path: PathBuf,
    secrets: Arc<SecretBox>,
    listeners: Listeners,
    last: i64,
    /// After a failure, until a new connection is there.
    unsure: bool,
}

/// How many rows this is, if it only appends.
fn appended_rows(work: &Work<Change>) -> Option<usize> {
    match work {
        Work::Append(events) => Some(events.len()),
        Work::Change(_) => None,
    }
}

/// What one group gathers before its commit.
#[derive(Default)]
struct Group {
    events: Vec<(i64, NewEvent)>,
    changes: Vec<RegistryChange>,
}

#[async_trait]
impl CommitBackend for SqliteCommit {
    type Change = Change;
    type Outcome = Outcome;

    async fn commit(&mut self, work: Vec<Work<Change>>) -> Result<Vec<Done<Outcome>>> {
        if self.unsure {
            self.recover().await?;
        }
        let last = self.last;
        match self.try_commit(work).await {
            Ok(done) => Ok(done),
            Err(error) => {
                self.last = last;
                self.unsure = true;
                if let Err(error) = self.recover().await {
                    tracing::error!(%error, "the database does not open again, the next commit tries once more");
                }
                Err(error)
            }
        }
    }
}

impl SqliteCommit {
    pub(super) async fn new(
        connection: SqliteConnection,
        path: PathBuf,
        secrets: Arc<SecretBox>,
        listeners: Listeners,
    ) -> std::result::Result<Self, sqlx::Error> {
        let mut commit = Self {
            connection,
            path,
            secrets,
            listeners,
            last: 0,
            unsure: false,
        };
        commit.last = commit.last_position().await?;
        Ok(commit)
    }

    async fn last_position(&mut self) -> std::result::Result<i64, sqlx::Error> {
        let query = "SELECT coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'events'), 0)";
        sqlx::query(query)
            .fetch_one(&mut self.connection)
            .await?
            .try_get(0)
    }

    async fn try_commit(&mut self, work: Vec<Work<Change>>) -> Result<Vec<Done<Outcome>>> {
        let mut group = Group::default();
        let mut done = Vec::with_capacity(work.len());
        // A single insert is a transaction by itself: the common group of reports is one trip to the database.
        let rows = work.iter().map(appended_rows).sum::<Option<usize>>();
        let single = rows.is_some_and(|rows| rows <= LARGEST);
        if !single {
            self.execute("BEGIN IMMEDIATE").await?;
        }
        for work in work {
            done.push(match work {
                Work::Append(events) => {
                    for event in events {
                        self.place(&mut group, event);
                    }
                    Done::Appended(Position(self.last))
                }
                Work::Change(change) => Done::Changed(self.apply(change, &mut group).await?),
            });
        }
        self.insert(&group.events).await?;
        if !single {
            self.execute("COMMIT").await?;
        }
        let listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        for change in &group.changes {
            listeners.iter().for_each(|listener| listener(change));
        }
        Ok(done)
    }

    async fn execute(&mut self, statement: &'static str) -> Result<()> {
        sqlx::query(statement)
            .execute(&mut self.connection)
            .await
            .map(|_| ())
            .map_err(unavailable)
    }

    /// After a failure it is not known what the connection holds, an open transaction even: nothing is written until a
    /// new one has taken its place.
    async fn recover(&mut self) -> Result<()> {
        let fresh = connect(&self.path, DURABLE).await.map_err(unavailable)?;
        let old = std::mem::replace(&mut self.connection, fresh);
        let _ = old.close().await;
        // Another process may have appended: positions go on after the highest.
        self.last = self.last_position().await.map_err(unavailable)?.max(self.last);
        self.unsure = false;
        Ok(())
    }

    fn place(&mut self, group: &mut Group, event: NewEvent) {
        self.last += 1;
        group.events.push((self.last, event));
    }

    async fn insert(&mut self, events: &[(i64, NewEvent)]) -> Result<()> {
        for chunk in events.chunks(LARGEST) {
            let fitting = SIZES
                .iter()
                .zip(INSERTS.iter())
                .find(|(size, _)| **size >= chunk.len());
            let Some((size, sql)) = fitting else {
                return Err(StoreError::Corrupt(
                    "a group of events beyond every insert".to_owned(),
                ));
            };
            let mut query = sqlx::query(sql.as_str());
            for (position, event) in chunk {
                query = query
                    .bind(position)
                    .bind(event.kind.code())
                    .bind(event.device.map(|(device, _)| device.0))
                    .bind(event.device.map(|(_, version)| version.0))
                    .bind(event.reported_by.map(|device| device.0))
                    .bind(event.received.0)
                    .bind(event.request_id.as_bytes().as_slice())
                    .bind(event.payload.as_ref())
                    .bind(event.faults.as_deref());
            }
            for _ in 0..(size - chunk.len()) * EVENT_COLUMNS {
                query = query.bind(None::<i64>);
            }
            query.execute(&mut self.connection).await.map_err(unavailable)?;
        }
        Ok(())
    }

    async fn apply(&mut self, change: Change, group: &mut Group) -> Result<Outcome> {
        Ok(match change {
            Change::CreateProduct(product, told) => {
                Outcome::ProductCreated(self.create_product(*product, told, group).await?)
            }
            Change::DeleteProduct(key, told) => {
                Outcome::ProductDeleted(self.delete_product(key, told, group).await?)
            }
            Change::CreateDevice(device, told) => {
                Outcome::DeviceCreated(self.create_device(*device, told, group).await?)
            }
            Change::DeleteDevice(key, told) => {
                Outcome::DeviceDeleted(self.delete_device(key, told, group).await?)
            }
            Change::SetFrozen(key, frozen, told) => {
                Outcome::Frozen(self.set_frozen(key, frozen, told, group).await?)
            }
            Change::ResetSecret(key, slot, secret, told) => {
                Outcome::SecretReset(self.reset_secret(key, slot, &secret, told, group).await?)
            }
            Change::Purge(request) => Outcome::Purged(self.purge(request).await?),
        })
    }

    fn tell(
        &mut self,
        group: &mut Group,
        kind: EventKind,
        device: Option<(DeviceKey, VersionKey)>,
        told: Told,
    ) {
        let event = NewEvent {
            kind,
            device,
            reported_by: None,
            received: told.at,
            request_id: told.request_id,
            payload: told.payload,
            faults: None,
        };
        self.place(group, event);
    }

    async fn create_product(
        &mut self,
        new: NewProduct,
        told: Told,
        group: &mut Group,
    ) -> Result<ProductCreation> {
        let attributes = new.attributes;
        let inserted = sqlx::query(
            "INSERT OR IGNORE INTO products (app_key, product_id, name, device_type, protocol_type, data_format,
                 manufacturer_name, industry, description, service_capabilities, validation_mode, require_sign_type_1,
                 created_ms)
             SELECT app_key, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ? FROM apps WHERE app_id = ?",
        )
        .bind(new.product_id.as_str())
        .bind(&attributes.name)
        .bind(&attributes.device_type)
        .bind(&attributes.protocol_type)
        .bind(&attributes.data_format)
        .bind(&attributes.manufacturer_name)
        .bind(&attributes.industry)
        .bind(&attributes.description)
        .bind(&attributes.service_capabilities)
        .bind(&attributes.validation_mode)
        .bind(attributes.require_sign_type_1)
        .bind(told.at.0)
        .bind(new.app_id.as_str())
        .execute(&mut self.connection)
        .await
        .map_err(unavailable)?;
        if inserted.rows_affected() == 0 {
            return Ok(ProductCreation::Exists);
        }
        let row = sqlx::query(sqlx::AssertSqlSafe(format!(
            "{} WHERE p.product_key = ?",
            rows::PRODUCT
        )))
        .bind(inserted.last_insert_rowid())
        .fetch_one(&mut self.connection)
        .await
        .map_err(unavailable)?;
        let product = rows::product(&row)?;
        group.changes.push(RegistryChange::Product(product.key));
        self.tell(group, EventKind::ProductCreated, None, told);
        Ok(ProductCreation::Created(Box::new(product)))
    }

    async fn delete_product(
        &mut self,
        key: ProductKey,
        told: Told,
        group: &mut Group,
    ) -> Result<ProductDeletion> {
        let used = sqlx::query("SELECT 1 FROM devices WHERE product_key = ? LIMIT 1").bind(key.0);
        if used
            .fetch_optional(&mut self.connection)
            .await
            .map_err(unavailable)?
            .is_some()
        {
            return Ok(ProductDeletion::HasDevices);
        }
        let deleted = sqlx::query("DELETE FROM products WHERE product_key = ?").bind(key.0);
        if deleted
            .execute(&mut self.connection)
            .await
            .map_err(unavailable)?
            .rows_affected()
            == 0
        {
            return Ok(ProductDeletion::NotFound);
        }
        group.changes.push(RegistryChange::Product(key));
        self.tell(group, EventKind::ProductDeleted, None, told);
        Ok(ProductDeletion::Deleted)
    }

    async fn device(&mut self, condition: &'static str, value: &str) -> Result<Option<Device>> {
        let sql = format!("{} WHERE d.{condition} = ?", rows::DEVICE);
        let row = sqlx::query(sqlx::AssertSqlSafe(sql))
            .bind(value)
            .fetch_optional(&mut self.connection)
            .await;
        row.map_err(unavailable)?
            .map(|row| rows::device(&row, &self.secrets))
            .transpose()
    }

    async fn device_by_key(&mut self, key: DeviceKey) -> Result<Option<Device>> {
        // Compared as a number: the column's affinity converts the text.
        self.device("device_key", &key.0.to_string()).await
    }

    async fn create_device(
        &mut self,
        new: NewDevice,
        told: Told,
        group: &mut Group,
    ) -> Result<DeviceCreation> {
        if self.device("device_id", new.device_id.as_str()).await?.is_some() {
            return Ok(DeviceCreation::Exists);
        }
        let product = sqlx::query(sqlx::AssertSqlSafe(format!(
            "{} WHERE p.product_key = ?",
            rows::PRODUCT
        )))
        .bind(new.product.0)
        .fetch_optional(&mut self.connection)
        .await
        .map_err(unavailable)?;
        let Some(product) = product.map(|row| rows::product(&row)).transpose()? else {
            return Ok(DeviceCreation::NoProduct);
        };
        let gateway = match &new.gateway {
            None => None,
            Some(id) => match self.device("device_id", id.as_str()).await? {
                None => return Ok(DeviceCreation::NoGateway),
                Some(gateway) if gateway.ancestors.len() >= 2 => return Ok(DeviceCreation::TooDeep),
                Some(gateway) => Some(gateway.key),
            },
        };
        let version = sqlx::query(
            "INSERT INTO device_versions (app_id, device_id, node_id, product_id, gateway_id) VALUES (?, ?, ?, ?, ?)",
        )
        .bind(product.app.app_id.as_str())
        .bind(new.device_id.as_str())
        .bind(new.node_id.as_str())
        .bind(product.product_id.as_str())
        .bind(new.gateway.as_ref().unwrap_or(&new.device_id).as_str())
        .execute(&mut self.connection)
        .await
        .map_err(unavailable)?;
        let key = self
            .insert_device(&new, gateway, version.last_insert_rowid(), told.at.0)
            .await?;
        let device = self.device_by_key(DeviceKey(key)).await?;
        let device = device
            .ok_or_else(|| StoreError::Corrupt("a device is gone right after its insert".to_owned()))?;
        group
            .changes
            .push(RegistryChange::Device(device.device_id.clone(), device.key));
        self.tell(
            group,
            EventKind::DeviceCreated,
            Some((device.key, device.version)),
            told,
        );
        Ok(DeviceCreation::Created(Box::new(device)))
    }

    async fn insert_device(
        &mut self,
        new: &NewDevice,
        gateway: Option<DeviceKey>,
        version: i64,
        created_ms: i64,
    ) -> Result<i64> {
        let inserted = sqlx::query(
            "INSERT INTO devices (device_id, node_id, product_key, gateway_key, name, description, extension_info,
                 secret, secure_access, timeout_seconds, epoch, frozen, version_key, created_ms)
             VALUES (?, ?, ?, ?, ?, ?, ?, x'', ?, ?, 1, 0, ?, ?)",
        )
        .bind(new.device_id.as_str())
        .bind(new.node_id.as_str())
        .bind(new.product.0)
        .bind(gateway.map(|key| key.0))
        .bind(&new.name)
        .bind(&new.description)
        .bind(&new.extension_info)
        .bind(new.secure_access)
        .bind(new.timeout_seconds)
        .bind(version)
        .bind(created_ms)
        .execute(&mut self.connection)
        .await
        .map_err(unavailable)?;
        // The secret is bound to the key, which is known only now.
        let key = inserted.last_insert_rowid();
        let sealed = self.seal(key, &new.secret)?;
        let update = sqlx::query("UPDATE devices SET secret = ? WHERE device_key = ?")
            .bind(sealed)
            .bind(key);
        update.execute(&mut self.connection).await.map_err(unavailable)?;
        Ok(key)
    }

    fn seal(&self, device_key: i64, secret: &Secret) -> Result<Vec<u8>> {
        let sealed = self.secrets.seal(secret.expose(), &rows::binding(device_key));
        sealed.map_err(|error| StoreError::Corrupt(error.to_string()))
    }

    async fn delete_device(
        &mut self,
        key: DeviceKey,
        told: Told,
        group: &mut Group,
    ) -> Result<DeviceDeletion> {
        let Some(device) = self.device_by_key(key).await? else {
            return Ok(DeviceDeletion::NotFound);
        };
        let children = sqlx::query("SELECT 1 FROM devices WHERE gateway_key = ? LIMIT 1").bind(key.0);
        if children
            .fetch_optional(&mut self.connection)
            .await
            .map_err(unavailable)?
            .is_some()
        {
            return Ok(DeviceDeletion::HasChildren);
        }
        let delete = sqlx::query("DELETE FROM devices WHERE device_key = ?").bind(key.0);
        delete.execute(&mut self.connection).await.map_err(unavailable)?;
        self.changed(group, &device.device_id, key);
        self.tell(group, EventKind::DeviceDeleted, Some((key, device.version)), told);
        Ok(DeviceDeletion::Deleted)
    }

    #[expect(clippy::unused_self, reason = "reads like its neighbours")]
    fn changed(&self, group: &mut Group, device_id: &DeviceId, key: DeviceKey) {
        group.changes.push(RegistryChange::Device(device_id.clone(), key));
    }

    async fn set_frozen(
        &mut self,
        key: DeviceKey,
        frozen: bool,
        told: Told,
        group: &mut Group,
    ) -> Result<FreezeOutcome> {
        let Some(device) = self.device_by_key(key).await? else {
            return Ok(FreezeOutcome::NotFound);
        };
        if device.frozen == frozen {
            return Ok(FreezeOutcome::AlreadySo);
        }
        // Freezing raises the epoch: tokens from before it stay dead after an unfreeze.
        let update = sqlx::query("UPDATE devices SET frozen = ?1, epoch = epoch + ?1 WHERE device_key = ?2");
        update
            .bind(frozen)
            .bind(key.0)
            .execute(&mut self.connection)
            .await
            .map_err(unavailable)?;
        self.changed(group, &device.device_id, key);
        self.tell(group, EventKind::DeviceUpdated, Some((key, device.version)), told);
        Ok(FreezeOutcome::Done)
    }

    async fn reset_secret(
        &mut self,
        key: DeviceKey,
        slot: SecretSlot,
        secret: &Secret,
        told: Told,
        group: &mut Group,
    ) -> Result<bool> {
        let Some(device) = self.device_by_key(key).await? else {
            return Ok(false);
        };
        let sealed = self.seal(key.0, secret)?;
        let statement = match slot {
            SecretSlot::Primary => "UPDATE devices SET secret = ?, epoch = epoch + 1 WHERE device_key = ?",
            SecretSlot::Secondary => {
                "UPDATE devices SET secondary_secret = ?, epoch = epoch + 1 WHERE device_key = ?"
            }
        };
        let update = sqlx::query(statement)
            .bind(sealed)
            .bind(key.0)
            .execute(&mut self.connection);
        update.await.map_err(unavailable)?;
        self.changed(group, &device.device_id, key);
        self.tell(group, EventKind::DeviceUpdated, Some((key, device.version)), told);
        Ok(true)
    }

    /// The oldest rows of one step that are too old, or all of the step while the file holds too much.
    async fn purge(&mut self, request: PurgeRequest) -> Result<u64> {
        let before = match request.max_bytes {
            Some(max) if self.used_bytes().await? > max => i64::MAX,
            _ => match request.before {
                Some(before) => before.0,
                None => return Ok(0),
            },
        };
        let row = sqlx::query(
            "SELECT max(position) FROM (SELECT position, received_ms FROM events ORDER BY position LIMIT ?)
             WHERE received_ms < ?",
        )
        .bind(request.step_rows)
        .bind(before)
        .fetch_one(&mut self.connection)
        .await
        .map_err(unavailable)?;
        let up_to: Option<i64> = row.try_get(0).map_err(unavailable)?;
        let Some(up_to) = up_to else { return Ok(0) };
        let delete = sqlx::query("DELETE FROM events WHERE position <= ?").bind(up_to);
        Ok(delete
            .execute(&mut self.connection)
            .await
            .map_err(unavailable)?
            .rows_affected())
    }

    async fn used_bytes(&mut self) -> Result<u64> {
        let row = sqlx::query(
            "SELECT (c.page_count - f.freelist_count) * s.page_size
             FROM pragma_page_count c, pragma_freelist_count f, pragma_page_size s",
        )
        .fetch_one(&mut self.connection)
        .await
        .map_err(unavailable)?;
        let bytes: i64 = row.try_get(0).map_err(unavailable)?;
        Ok(u64::try_from(bytes).unwrap_or(0))
    }
}
