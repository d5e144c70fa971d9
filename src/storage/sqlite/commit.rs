//! One commit: a group of appends and registry changes in one transaction, events inserted many at a time. Changes look
//! before they write, so a refused one leaves nothing; a statement that fails takes the whole group down, unacknowledged.
//! The changes themselves stand in `changes`.

use std::path::PathBuf;
use std::sync::{Arc, LazyLock, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Row};
use tokio::sync::watch;

use super::changes::{RoutingChange, RoutingOutcome};
use super::{DURABLE, Listeners, connect, rows, unavailable};
use crate::auth::secret::Secret;
use crate::auth::secret_box::SecretBox;
use crate::domain::clock::Timestamp;
use crate::domain::event::{EventKind, NewEvent};
use crate::domain::ids::{AppId, DeviceId, DeviceKey, Position, ProductKey};
use crate::domain::shadow;
use crate::storage::writer::{CommitBackend, Done, Work};
use crate::storage::{
    App, AppDeletion, Change as Told, Device, DeviceCreation, DeviceDeletion, DevicePatch, FreezeOutcome,
    GatewayChange, NewAuditEntry, NewDevice, NewProduct, Product, ProductCreation, ProductDeletion,
    ProductPatch, PurgeRequest, RegistryChange, Result, ShadowChange, Slot, StoreError, Tag, TagChange,
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

/// A registry change, an audit entry, or a step of retention.
#[derive(Debug)]
pub(crate) enum Change {
    CreateApp(AppId, String, Told<App>),
    RenameApp(AppId, String, Told<App>),
    DeleteApp(AppId, Told<App>),
    CreateProduct(Box<NewProduct>, Told<Product>),
    UpdateProduct(ProductKey, Box<ProductPatch>, Told<Product>),
    DeleteProduct(ProductKey, Told<Product>),
    CreateDevice(Box<NewDevice>, Told<Device>),
    UpdateDevice(DeviceKey, Box<DevicePatch>, Told<Device>),
    DeleteDevice(DeviceKey, Told<Device>),
    SetFrozen(DeviceKey, bool, Option<Bytes>, Told<Device>),
    ResetSecret(DeviceKey, Slot, Secret, Told<Device>),
    ResetFingerprint(DeviceKey, Slot, Option<String>, Told<Device>),
    MoveToGateway(DeviceKey, DeviceId, Told<Device>),
    BindTags(DeviceKey, Vec<Tag>, usize, Told<Device>),
    UnbindTags(DeviceKey, Vec<String>, Told<Device>),
    TellShadow(DeviceKey, EventKind, Option<Position>, Told<Device>),
    KeepRegistration(DeviceKey),
    Routing(Box<RoutingChange>, Told<()>),
    Audit(Box<NewAuditEntry>),
    Purge(PurgeRequest),
    PurgeAudit(Timestamp, u32),
}

/// Gives each outcome a variant and the way in and out, so that a change's caller names the type alone.
macro_rules! outcomes {
    ($($variant:ident($type:ty)),* $(,)?) => {
        /// What a change came to.
        #[derive(Debug)]
        pub(crate) enum Outcome {
            $($variant($type)),*
        }

        $(
            impl From<$type> for Outcome {
                fn from(outcome: $type) -> Self {
                    Self::$variant(outcome)
                }
            }

            impl TryFrom<Outcome> for $type {
                type Error = StoreError;

                fn try_from(outcome: Outcome) -> Result<Self> {
                    match outcome {
                        Outcome::$variant(outcome) => Ok(outcome),
                        _ => Err(StoreError::Corrupt("the writer answered another change".to_owned())),
                    }
                }
            }
        )*
    };
}

outcomes! {
    AppMade(App),
    AppChanged(Option<App>),
    AppDeleted(AppDeletion),
    ProductMade(ProductCreation),
    ProductChanged(Option<Product>),
    ProductDeleted(ProductDeletion),
    DeviceMade(DeviceCreation),
    DeviceChanged(Option<Device>),
    DeviceDeleted(DeviceDeletion),
    Frozen(FreezeOutcome),
    GatewayChanged(GatewayChange),
    TagsChanged(TagChange),
    ShadowChanged(ShadowChange),
    Done(bool),
    RoutingChanged(RoutingOutcome),
    Rows(u64),
}

/// The writer's connection.
pub(crate) struct SqliteCommit {
    connection: SqliteConnection,
    path: PathBuf,
    secrets: Arc<SecretBox>,
    listeners: Listeners,
    appended: watch::Sender<Position>,
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
pub(super) struct Group {
    events: Vec<(i64, NewEvent)>,
    pub(super) changes: Vec<RegistryChange>,
}

impl Group {
    /// Whether an event that waits to be inserted changes this device's shadow.
    pub(super) fn changes_shadow_of(&self, key: DeviceKey) -> bool {
        let of_device = |event: &NewEvent| event.device.is_some_and(|(device, _)| device == key);
        self.events
            .iter()
            .any(|(_, event)| of_device(event) && shadow::KINDS.contains(&event.kind))
    }
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
        appended: watch::Sender<Position>,
    ) -> std::result::Result<Self, sqlx::Error> {
        let mut commit = Self {
            connection,
            path,
            secrets,
            listeners,
            appended,
            last: 0,
            unsure: false,
        };
        commit.last = commit.last_position().await?;
        commit.announce();
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
        self.announce();
        for change in &group.changes {
            listeners.iter().for_each(|listener| listener(change));
        }
        Ok(done)
    }

    /// Tells those who follow the log how far it goes, once for each commit.
    fn announce(&self) {
        let last = Position(self.last);
        self.appended.send_if_modified(|known| {
            let rises = *known < last;
            *known = last.max(*known);
            rises
        });
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
            Change::CreateApp(app_id, name, told) => self.create_app(app_id, name, told).await?.into(),
            Change::RenameApp(app_id, name, told) => self.rename_app(&app_id, &name, told).await?.into(),
            Change::DeleteApp(app_id, told) => self.delete_app(&app_id, told).await?.into(),
            Change::CreateProduct(new, told) => self.create_product(*new, told, group).await?.into(),
            Change::UpdateProduct(key, patch, told) => {
                self.update_product(key, *patch, told, group).await?.into()
            }
            Change::DeleteProduct(key, told) => self.delete_product(key, told, group).await?.into(),
            Change::CreateDevice(new, told) => self.create_device(*new, told, group).await?.into(),
            Change::UpdateDevice(key, patch, told) => {
                self.update_device(key, *patch, told, group).await?.into()
            }
            Change::DeleteDevice(key, told) => self.delete_device(key, told, group).await?.into(),
            Change::SetFrozen(key, frozen, status, told) => {
                self.set_frozen(key, frozen, status, told, group).await?.into()
            }
            Change::ResetSecret(key, slot, secret, told) => {
                self.reset_secret(key, slot, &secret, told, group).await?.into()
            }
            Change::ResetFingerprint(key, slot, fingerprint, told) => self
                .reset_fingerprint(key, slot, fingerprint, told, group)
                .await?
                .into(),
            Change::MoveToGateway(key, gateway, told) => {
                self.change_gateway(key, &gateway, told, group).await?.into()
            }
            Change::BindTags(key, tags, most, told) => {
                self.bind_tags(key, tags, most, told, group).await?.into()
            }
            Change::UnbindTags(key, tag_keys, told) => {
                self.unbind_tags(key, &tag_keys, told, group).await?.into()
            }
            Change::TellShadow(key, kind, unless_since, told) => self
                .change_shadow(key, kind, unless_since, told, group)
                .await?
                .into(),
            Change::KeepRegistration(key) => self.keep_registration(key).await?.into(),
            Change::Routing(change, told) => self.change_routing(*change, told, group).await?.into(),
            Change::Audit(entry) => self.note(&entry).await?.into(),
            Change::Purge(request) => self.purge(request).await?.into(),
            Change::PurgeAudit(before, step_rows) => self.purge_audit(before, step_rows).await?.into(),
        })
    }

    pub(super) const fn connection(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }

    pub(super) fn seal(&self, device_key: i64, secret: &Secret) -> Result<Vec<u8>> {
        let sealed = self.secrets.seal(secret.expose(), &rows::binding(device_key));
        sealed.map_err(|error| StoreError::Corrupt(error.to_string()))
    }

    /// The last position that was given, also to events that wait to be inserted.
    pub(super) const fn last_given(&self) -> Position {
        Position(self.last)
    }

    pub(super) fn secrets(&self) -> &SecretBox {
        &self.secrets
    }

    pub(super) fn place(&mut self, group: &mut Group, event: NewEvent) {
        self.last += 1;
        group.events.push((self.last, event));
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
