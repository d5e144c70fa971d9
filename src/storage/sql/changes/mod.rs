//! The registry's changes, inside the writer's transaction: each looks, writes, places its event and its row of the
//! audit log. A refused one leaves nothing, since it looks before it writes; a statement that fails takes the whole group
//! down, unacknowledged.

mod apps;
mod devices;
mod products;
mod routing;
mod tags;

use bytes::Bytes;

use super::{Columns, Session, Statement, audit_log, rows};
use crate::auth::secret::Secret;
use crate::auth::secret_box::SecretBox;
use crate::domain::clock::Timestamp;
use crate::domain::event::{EventKind, NewEvent};
use crate::domain::ids::{AppId, DeviceId, DeviceKey, Position, ProductKey, RequestId, VersionKey};
use crate::domain::shadow;
use crate::storage::writer::{Done, Work};
use crate::storage::{
    App, AppDeletion, Change as Told, DONE, Deed, Device, DeviceCreation, DeviceDeletion, DevicePatch,
    FreezeOutcome, GatewayChange, NewAuditEntry, NewDevice, NewProduct, Product, ProductCreation,
    ProductDeletion, ProductPatch, PurgeRequest, RegistryChange, Result, ShadowChange, Slot, StoreError, Tag,
    TagChange,
};
pub(super) use routing::{CREDENTIALS, PREVIOUS_SIGNING, SIGNING, binding};
pub(crate) use routing::{RoutingChange, RoutingOutcome};

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
    EndRegistration(DeviceKey, Timestamp, Told<Device>),
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

/// What one piece of work came to, before its group has positions.
pub(in crate::storage) enum Placed {
    /// Events; so many of the group's are placed with them.
    Events(i64),
    /// A change.
    Changed(Box<Outcome>),
}

impl Placed {
    /// The answer, when the group's first event has got `first`.
    pub(in crate::storage) fn at(self, first: i64) -> Done<Outcome> {
        match self {
            Self::Events(placed) => Done::Appended(Position(first + placed - 1)),
            Self::Changed(outcome) => Done::Changed(*outcome),
        }
    }
}

/// A group on its way into one transaction. Its events are gathered, to be inserted at its end; everything else is written as
/// it comes.
pub(in crate::storage) struct Changes<'a, S> {
    session: &'a mut S,
    secrets: &'a SecretBox,
    /// The group's events, in order.
    pub(in crate::storage) events: Vec<NewEvent>,
    /// What of the registry changed.
    pub(in crate::storage) changed: Vec<RegistryChange>,
}

impl<'a, S: Session> Changes<'a, S> {
    pub(in crate::storage) const fn new(session: &'a mut S, secrets: &'a SecretBox) -> Self {
        Self {
            session,
            secrets,
            events: Vec::new(),
            changed: Vec::new(),
        }
    }

    /// Writes changes, gathers events; what each came to, in the same order.
    pub(in crate::storage) async fn gather(&mut self, work: Vec<Work<Change>>) -> Result<Vec<Placed>> {
        let mut placed = Vec::with_capacity(work.len());
        for work in work {
            placed.push(match work {
                Work::Append(events) => {
                    self.events.extend(events);
                    Placed::Events(i64::try_from(self.events.len()).unwrap_or(i64::MAX))
                }
                Work::Change(change) => Placed::Changed(Box::new(self.apply(change).await?)),
            });
        }
        Ok(placed)
    }

    async fn apply(&mut self, change: Change) -> Result<Outcome> {
        Ok(match change {
            Change::CreateApp(app_id, name, told) => self.create_app(app_id, name, told).await?.into(),
            Change::RenameApp(app_id, name, told) => self.rename_app(&app_id, &name, told).await?.into(),
            Change::DeleteApp(app_id, told) => self.delete_app(&app_id, told).await?.into(),
            Change::CreateProduct(new, told) => self.create_product(*new, told).await?.into(),
            Change::UpdateProduct(key, patch, told) => self.update_product(key, *patch, told).await?.into(),
            Change::DeleteProduct(key, told) => self.delete_product(key, told).await?.into(),
            Change::CreateDevice(new, told) => self.create_device(*new, told).await?.into(),
            Change::UpdateDevice(key, patch, told) => self.update_device(key, *patch, told).await?.into(),
            Change::DeleteDevice(key, told) => self.delete_device(key, told).await?.into(),
            Change::SetFrozen(key, frozen, status, told) => {
                self.set_frozen(key, frozen, status, told).await?.into()
            }
            Change::ResetSecret(key, slot, secret, told) => {
                self.reset_secret(key, slot, &secret, told).await?.into()
            }
            Change::ResetFingerprint(key, slot, fingerprint, told) => {
                self.reset_fingerprint(key, slot, fingerprint, told).await?.into()
            }
            Change::MoveToGateway(key, gateway, told) => {
                self.change_gateway(key, &gateway, told).await?.into()
            }
            Change::BindTags(key, tags, most, told) => self.bind_tags(key, tags, most, told).await?.into(),
            Change::UnbindTags(key, tag_keys, told) => self.unbind_tags(key, &tag_keys, told).await?.into(),
            Change::TellShadow(key, kind, unless_since, told) => {
                self.change_shadow(key, kind, unless_since, told).await?.into()
            }
            Change::KeepRegistration(key) => self.keep_registration(key).await?.into(),
            Change::EndRegistration(key, before, told) => {
                self.end_registration(key, before, told).await?.into()
            }
            Change::Routing(change, told) => self.change_routing(*change, told).await?.into(),
            Change::Audit(entry) => self.note(&entry).await?.into(),
            Change::Purge(request) => self.session.purge(request).await?.into(),
            Change::PurgeAudit(before, step_rows) => self.purge_audit(before, step_rows).await?.into(),
        })
    }

    fn place(&mut self, event: NewEvent) {
        self.events.push(event);
    }

    /// Whether an event that waits to be inserted changes this device's shadow.
    fn changes_shadow_of(&self, key: DeviceKey) -> bool {
        let of_device = |event: &NewEvent| event.device.is_some_and(|(device, _)| device == key);
        self.events
            .iter()
            .any(|event| of_device(event) && shadow::KINDS.contains(&event.kind))
    }

    fn seal(&self, device_key: i64, secret: &Secret) -> Result<Vec<u8>> {
        let sealed = self.secrets.seal(secret.expose(), &rows::binding(device_key));
        sealed.map_err(|error| StoreError::Corrupt(error.to_string()))
    }

    async fn first(&mut self, statement: Statement) -> Result<Option<S::Row>> {
        Ok(self.session.rows(statement).await?.into_iter().next())
    }

    /// The key that an insert returns.
    async fn inserted(&mut self, insert: Statement) -> Result<i64> {
        let row = self.first(insert).await?;
        let row = row.ok_or_else(|| StoreError::Corrupt("an insert without its key".to_owned()))?;
        row.int_at(0)
    }

    /// Writes a row of the audit log.
    async fn note(&mut self, entry: &NewAuditEntry) -> Result<bool> {
        self.session.execute(audit_log::insert(entry)).await?;
        Ok(true)
    }

    async fn purge_audit(&mut self, before: Timestamp, step_rows: u32) -> Result<u64> {
        let delete = Statement::new(
            "DELETE FROM audit WHERE audit_key IN (SELECT audit_key FROM audit WHERE at_ms < $1 ORDER BY at_ms LIMIT $2)",
        )
        .bind(before.0)
        .bind(step_rows);
        self.session.execute(delete).await
    }

    /// A change that has no event.
    async fn done(&mut self, at: Timestamp, request_id: RequestId, deed: Deed) -> Result<()> {
        let outcome = DONE.to_owned();
        self.note(&NewAuditEntry {
            at,
            request_id,
            deed,
            outcome,
        })
        .await?;
        Ok(())
    }

    /// A change's event, told of `record`, and its row of the audit log.
    async fn tell<T>(
        &mut self,
        kind: EventKind,
        device: Option<(DeviceKey, VersionKey)>,
        record: &T,
        told: Told<T>,
    ) -> Result<()> {
        let event = NewEvent {
            kind,
            device,
            reported_by: None,
            received: told.at,
            request_id: told.request_id.clone(),
            payload: told.payload.render(record)?,
            faults: None,
        };
        self.place(event);
        self.done(told.at, told.request_id, told.deed).await
    }

    /// Whether the query finds a row for this number.
    async fn any(&mut self, sql: &'static str, key: i64) -> Result<bool> {
        Ok(self.first(Statement::new(sql).bind(key)).await?.is_some())
    }

    async fn row(
        &mut self,
        select: &'static str,
        condition: &'static str,
        key: i64,
    ) -> Result<Option<S::Row>> {
        let sql = format!("{select} WHERE {condition} = $1");
        self.first(Statement::new(sql).bind(key)).await
    }
}
