//! Devices' tags.

use super::super::{Session, Statement};
use super::Changes;
use crate::domain::event::EventKind;
use crate::domain::ids::DeviceKey;
use crate::storage::{Change as Told, Device, Result, Tag, TagChange};

impl<S: Session> Changes<'_, S> {
    pub(super) async fn bind_tags(
        &mut self,
        key: DeviceKey,
        tags: Vec<Tag>,
        most: usize,
        told: Told<Device>,
    ) -> Result<TagChange> {
        let Some(device) = self.device(key).await? else {
            return Ok(TagChange::NotFound);
        };
        let mut all = device.tags.clone();
        for tag in tags {
            match all.iter_mut().find(|known| known.tag_key == tag.tag_key) {
                Some(known) => known.tag_value = tag.tag_value,
                None => all.push(tag),
            }
        }
        if all.len() > most {
            return Ok(TagChange::TooMany);
        }
        self.set_tags(device, all, told).await
    }

    pub(super) async fn unbind_tags(
        &mut self,
        key: DeviceKey,
        tag_keys: &[String],
        told: Told<Device>,
    ) -> Result<TagChange> {
        let Some(device) = self.device(key).await? else {
            return Ok(TagChange::NotFound);
        };
        let unknown = tag_keys
            .iter()
            .find(|key| !device.tags.iter().any(|tag| tag.tag_key == **key));
        if let Some(unknown) = unknown {
            return Ok(TagChange::Unknown(unknown.clone()));
        }
        let mut left = device.tags.clone();
        left.retain(|tag| !tag_keys.contains(&tag.tag_key));
        self.set_tags(device, left, told).await
    }

    async fn set_tags(
        &mut self,
        device: Device,
        mut tags: Vec<Tag>,
        told: Told<Device>,
    ) -> Result<TagChange> {
        tags.sort_by(|one, other| one.tag_key.cmp(&other.tag_key));
        let delete = Statement::new("DELETE FROM device_tags WHERE device_key = $1").bind(device.key.0);
        self.session.execute(delete).await?;
        for tag in &tags {
            self.session
                .execute(
                    Statement::new(
                        "INSERT INTO device_tags (device_key, tag_key, tag_value) VALUES ($1, $2, $3)",
                    )
                    .bind(device.key.0)
                    .bind(&tag.tag_key)
                    .bind(&tag.tag_value),
                )
                .await?;
        }
        let gateway = device.gateway.clone().unwrap_or_else(|| device.device_id.clone());
        self.new_version(&device, &gateway, &tags).await?;
        let Some(device) = self.device(device.key).await? else {
            return Ok(TagChange::NotFound);
        };
        self.changed(EventKind::DeviceUpdated, &device, told).await?;
        Ok(TagChange::Changed(Box::new(device)))
    }
}
