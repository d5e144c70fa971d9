//! Devices.

use bytes::Bytes;

use super::super::{Session, Statement, rows};
use super::Changes;
use crate::auth::secret::Secret;
use crate::domain::clock::Timestamp;
use crate::domain::event::{EventKind, NewEvent};
use crate::domain::ids::{DeviceId, DeviceKey, Position};
use crate::domain::shadow::KINDS;
use crate::storage::{
    Change as Told, Device, DeviceCreation, DeviceDeletion, DevicePatch, FreezeOutcome, GatewayChange,
    NewDevice, Product, RegistryChange, Result, ShadowChange, Slot, StoreError, Tag,
};

/// An event that goes with a change, beside the change's own.
fn beside(kind: EventKind, device: &Device, told: &Told<Device>, payload: Bytes) -> NewEvent {
    NewEvent {
        kind,
        device: Some((device.key, device.version)),
        reported_by: None,
        received: told.at,
        request_id: told.request_id.clone(),
        payload,
        faults: None,
    }
}

impl<S: Session> Changes<'_, S> {
    pub(super) async fn device(&mut self, key: DeviceKey) -> Result<Option<Device>> {
        let row = self.row(rows::DEVICE, "d.device_key", key.0).await?;
        row.map(|row| rows::device(&row, self.secrets)).transpose()
    }

    async fn device_by_id(&mut self, device_id: &DeviceId) -> Result<Option<Device>> {
        let sql = format!("{} WHERE d.device_id = $1", rows::DEVICE);
        let row = Statement::new(sql).bind(device_id.as_str());
        let row = self.first(row).await?;
        row.map(|row| rows::device(&row, self.secrets)).transpose()
    }

    pub(super) async fn create_device(
        &mut self,
        new: NewDevice,
        told: Told<Device>,
    ) -> Result<DeviceCreation> {
        if self.device_by_id(&new.device_id).await?.is_some() {
            return Ok(DeviceCreation::Exists);
        }
        let Some(product) = self.product(new.product).await? else {
            return Ok(DeviceCreation::NoProduct);
        };
        let gateway = match &new.gateway {
            None => None,
            Some(id) => match self.device_by_id(id).await? {
                None => return Ok(DeviceCreation::NoGateway),
                Some(gateway) if gateway.ancestors.len() >= 2 => return Ok(DeviceCreation::TooDeep),
                Some(gateway) => Some(gateway.key),
            },
        };
        let version = self.first_version(&new, &product).await?;
        let key = self.insert_device(&new, gateway, version, told.at.0).await?;
        let device = self.device(DeviceKey(key)).await?;
        let device = device
            .ok_or_else(|| StoreError::Corrupt("a device is gone right after its insert".to_owned()))?;
        let desired = new
            .desired
            .map(|payload| beside(EventKind::DesiredSet, &device, &told, payload));
        self.changed(EventKind::DeviceCreated, &device, told).await?;
        if let Some(event) = desired {
            self.place(event);
        }
        Ok(DeviceCreation::Created(Box::new(device)))
    }

    async fn first_version(&mut self, new: &NewDevice, product: &Product) -> Result<i64> {
        let insert = Statement::new(
            "INSERT INTO device_versions (app_id, device_id, node_id, product_id, gateway_id)
             VALUES ($1, $2, $3, $4, $5) RETURNING version_key",
        )
        .bind(product.app.app_id.as_str())
        .bind(new.device_id.as_str())
        .bind(new.node_id.as_str())
        .bind(product.product_id.as_str())
        .bind(new.gateway.as_ref().unwrap_or(&new.device_id).as_str());
        self.inserted(insert).await
    }

    async fn insert_device(
        &mut self,
        new: &NewDevice,
        gateway: Option<DeviceKey>,
        version: i64,
        created_ms: i64,
    ) -> Result<i64> {
        let insert = Statement::new(
            "INSERT INTO devices (device_id, node_id, product_key, app_key, gateway_key, name, description,
                 extension_info, auth_type, secret, fingerprint, secure_access, timeout_seconds, epoch, frozen,
                 version_key, created_ms)
             SELECT $1, $2, product_key, app_key, $3, nullif($4, ''), nullif($5, ''), $6, $7, $8, $9, $10, $11, 1, $12, $13, $14 FROM products
             WHERE product_key = $15 RETURNING device_key",
        )
        .bind(new.device_id.as_str())
        .bind(new.node_id.as_str())
        .bind(gateway.map(|key| key.0))
        .bind(&new.name)
        .bind(&new.description)
        .bind(&new.extension_info)
        .bind(new.auth_type.as_str())
        .bind(Vec::new())
        .bind(&new.fingerprint)
        .bind(new.secure_access)
        .bind(new.timeout_seconds)
        .bind(false)
        .bind(version)
        .bind(created_ms)
        .bind(new.product.0);
        // The secret is bound to the key, which is known only now.
        let key = self.inserted(insert).await?;
        let sealed = self.seal(key, &new.secret)?;
        let update = Statement::new("UPDATE devices SET secret = $1 WHERE device_key = $2")
            .bind(sealed)
            .bind(key);
        self.session.execute(update).await?;
        Ok(key)
    }

    /// The device changed as `told` says: caches hear of it, the log gets its event.
    pub(super) async fn changed(
        &mut self,
        kind: EventKind,
        device: &Device,
        told: Told<Device>,
    ) -> Result<()> {
        self.changed
            .push(RegistryChange::Device(device.device_id.clone(), device.key));
        self.tell(kind, Some((device.key, device.version)), device, told)
            .await
    }

    /// After an update: reads the device again and tells of it. None: there is none.
    async fn updated(&mut self, key: DeviceKey, told: Told<Device>) -> Result<Option<Device>> {
        let Some(device) = self.device(key).await? else {
            return Ok(None);
        };
        self.changed(EventKind::DeviceUpdated, &device, told).await?;
        Ok(Some(device))
    }

    pub(super) async fn update_device(
        &mut self,
        key: DeviceKey,
        patch: DevicePatch,
        told: Told<Device>,
    ) -> Result<Option<Device>> {
        self.session.execute(Statement::new(
            "UPDATE devices SET name = nullif(coalesce($1, name), ''),
                 description = nullif(coalesce($2, description), ''), extension_info = coalesce($3, extension_info),
                 secure_access = coalesce($4, secure_access), timeout_seconds = coalesce($5, timeout_seconds)
             WHERE device_key = $6",
        )
        .bind(&patch.name)
        .bind(&patch.description)
        .bind(&patch.extension_info)
        .bind(patch.secure_access)
        .bind(patch.timeout_seconds)
        .bind(key.0)).await?;
        self.updated(key, told).await
    }

    pub(super) async fn delete_device(
        &mut self,
        key: DeviceKey,
        told: Told<Device>,
    ) -> Result<DeviceDeletion> {
        let Some(device) = self.device(key).await? else {
            return Ok(DeviceDeletion::NotFound);
        };
        if self.has_children(key).await? {
            return Ok(DeviceDeletion::HasChildren);
        }
        for statement in [
            "DELETE FROM device_tags WHERE device_key = $1",
            "DELETE FROM devices WHERE device_key = $1",
        ] {
            let delete = Statement::new(statement).bind(key.0);
            self.session.execute(delete).await?;
        }
        self.changed(EventKind::DeviceDeleted, &device, told).await?;
        Ok(DeviceDeletion::Deleted)
    }

    /// Looks once more: another node may have heard the device, and its registration may have been changed.
    pub(super) async fn end_registration(
        &mut self,
        key: DeviceKey,
        before: Timestamp,
        told: Told<Device>,
    ) -> Result<DeviceDeletion> {
        let ran_out = Statement::new(
            "SELECT 1 FROM devices WHERE device_key = $1 AND timeout_seconds > 0
             AND created_ms + timeout_seconds * 1000 < $2",
        );
        let ran_out = self.first(ran_out.bind(key.0).bind(before.0)).await?;
        if ran_out.is_none() || self.session.was_heard(key).await? {
            return Ok(DeviceDeletion::NotFound);
        }
        self.delete_device(key, told).await
    }

    async fn has_children(&mut self, key: DeviceKey) -> Result<bool> {
        self.any("SELECT 1 FROM devices WHERE gateway_key = $1 LIMIT 1", key.0)
            .await
    }

    pub(super) async fn set_frozen(
        &mut self,
        key: DeviceKey,
        frozen: bool,
        status: Option<Bytes>,
        told: Told<Device>,
    ) -> Result<FreezeOutcome> {
        let Some(device) = self.device(key).await? else {
            return Ok(FreezeOutcome::NotFound);
        };
        if device.frozen == frozen {
            return Ok(FreezeOutcome::AlreadySo);
        }
        // Freezing raises the epoch: tokens from before it stay dead after an unfreeze.
        let update =
            Statement::new("UPDATE devices SET frozen = $1, epoch = epoch + $2 WHERE device_key = $3");
        let update = update.bind(frozen).bind(i64::from(frozen)).bind(key.0);
        self.session.execute(update).await?;
        let status = status.map(|payload| beside(EventKind::StatusUpdated, &device, &told, payload));
        self.updated(key, told).await?;
        if let Some(event) = status {
            self.place(event);
        }
        Ok(FreezeOutcome::Done)
    }

    pub(super) async fn reset_secret(
        &mut self,
        key: DeviceKey,
        slot: Slot,
        secret: &Secret,
        told: Told<Device>,
    ) -> Result<bool> {
        let sealed = self.seal(key.0, secret)?;
        let update = Statement::new(match slot {
            Slot::Primary => "UPDATE devices SET secret = $1, epoch = epoch + 1 WHERE device_key = $2",
            Slot::Secondary => {
                "UPDATE devices SET secondary_secret = $1, epoch = epoch + 1 WHERE device_key = $2"
            }
        });
        let update = update.bind(sealed).bind(key.0);
        self.session.execute(update).await?;
        Ok(self.updated(key, told).await?.is_some())
    }

    pub(super) async fn reset_fingerprint(
        &mut self,
        key: DeviceKey,
        slot: Slot,
        fingerprint: Option<String>,
        told: Told<Device>,
    ) -> Result<bool> {
        let update = Statement::new(match slot {
            Slot::Primary => "UPDATE devices SET fingerprint = $1 WHERE device_key = $2",
            Slot::Secondary => "UPDATE devices SET secondary_fingerprint = $1 WHERE device_key = $2",
        });
        let update = update.bind(fingerprint).bind(key.0);
        self.session.execute(update).await?;
        Ok(self.updated(key, told).await?.is_some())
    }

    pub(super) async fn change_gateway(
        &mut self,
        key: DeviceKey,
        gateway_id: &DeviceId,
        told: Told<Device>,
    ) -> Result<GatewayChange> {
        let Some(device) = self.device(key).await? else {
            return Ok(GatewayChange::NotFound);
        };
        let Some(current) = &device.gateway else {
            return Ok(GatewayChange::NotAChild);
        };
        if current == gateway_id || device.device_id == *gateway_id {
            return Ok(GatewayChange::SameGateway);
        }
        if self.has_children(key).await? {
            return Ok(GatewayChange::HasChildren);
        }
        let Some(gateway) = self.device_by_id(gateway_id).await? else {
            return Ok(GatewayChange::NoGateway);
        };
        if gateway.app.app_id != device.app.app_id {
            return Ok(GatewayChange::OtherApp);
        }
        if gateway.ancestors.len() >= 2 {
            return Ok(GatewayChange::TooDeep);
        }
        let update = Statement::new("UPDATE devices SET gateway_key = $1 WHERE device_key = $2");
        let update = update.bind(gateway.key.0).bind(key.0);
        self.session.execute(update).await?;
        self.new_version(&device, gateway_id, &device.tags).await?;
        Ok(match self.updated(key, told).await? {
            Some(device) => GatewayChange::Changed(Box::new(device)),
            None => GatewayChange::NotFound,
        })
    }

    /// What events show of the device from now on.
    pub(super) async fn new_version(
        &mut self,
        device: &Device,
        gateway_id: &DeviceId,
        tags: &[Tag],
    ) -> Result<()> {
        let text = serde_json::to_string(tags).map_err(|error| StoreError::Corrupt(error.to_string()))?;
        let insert = Statement::new(
            "INSERT INTO device_versions (app_id, device_id, node_id, product_id, gateway_id, tags)
             SELECT app_id, device_id, node_id, product_id, $1, $2 FROM device_versions WHERE version_key = $3
             RETURNING version_key",
        )
        .bind(gateway_id.as_str())
        .bind((!tags.is_empty()).then_some(text))
        .bind(device.version.0);
        let version = self.inserted(insert).await?;
        let update = Statement::new("UPDATE devices SET version_key = $1 WHERE device_key = $2")
            .bind(version)
            .bind(device.key.0);
        self.session.execute(update).await?;
        Ok(())
    }

    pub(super) async fn change_shadow(
        &mut self,
        key: DeviceKey,
        kind: EventKind,
        unless_since: Option<Position>,
        told: Told<Device>,
    ) -> Result<ShadowChange> {
        let Some(device) = self.device(key).await? else {
            return Ok(ShadowChange::NotFound);
        };
        if let Some(since) = unless_since
            && (self.changes_shadow_of(key) || self.shadow_changed(key, since).await?)
        {
            return Ok(ShadowChange::Overtaken);
        }
        self.tell(kind, Some((key, device.version)), &device, told)
            .await?;
        Ok(ShadowChange::Done)
    }

    async fn shadow_changed(&mut self, key: DeviceKey, since: Position) -> Result<bool> {
        let sql = format!(
            "SELECT 1 FROM events WHERE position > $1 AND device_key = $2 AND kind IN ({}) LIMIT 1",
            rows::codes(&KINDS)
        );
        let row = Statement::new(sql).bind(since.0).bind(key.0);
        let row = self.first(row).await?;
        Ok(row.is_some())
    }

    pub(super) async fn keep_registration(&mut self, key: DeviceKey) -> Result<bool> {
        let update =
            Statement::new("UPDATE devices SET timeout_seconds = 0 WHERE device_key = $1").bind(key.0);
        self.session.execute(update).await?;
        Ok(true)
    }
}
