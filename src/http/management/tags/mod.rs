//! Tags of devices (management-api.md §7): bind, unbind, query.

pub mod bind;
pub mod query;
pub mod unbind;

use utoipa::ToSchema;

use super::ManagementState;
use super::devices::{Heard, load, payload};
use crate::domain::text_class::is_tag;
use crate::http::error::{ApiError, ErrorKind};
use crate::http::extract::fields::Fields;
use crate::http::schema::{Tag64, Tag128, choice, documented};
use crate::storage::{Device, Payload, Tag, TagChange};

/// The most tags of a device.
const MOST: usize = 10;

/// A tag.
#[derive(ToSchema)]
#[expect(dead_code, reason = "shows what `read_tags` reads")]
struct TagBody {
    tag_key: Tag64,
    tag_value: Option<Tag128>,
}

documented! {
    /// The one type.
    ResourceType = choice(&["device"]);
}

/// The device that a body names; devices are the one type of resource.
async fn device(state: &ManagementState, fields: &Fields<'_>) -> Result<Device, ApiError> {
    resource_type(fields)?;
    let device_id = fields.required("resource_id", 128, |_| true)?;
    load(state, "resource_id", &device_id).await
}

fn resource_type(fields: &Fields<'_>) -> Result<(), ApiError> {
    match fields.choice("resource_type", &["device"])? {
        Some(_) => Ok(()),
        None => Err(fields.fault("resource_type", "is missing")),
    }
}

/// `tags`: `[{tag_key, tag_value}]`, each key once.
fn read_tags(fields: &Fields<'_>) -> Result<Vec<Tag>, ApiError> {
    let list = fields.list("tags", 50)?.unwrap_or_default();
    if list.is_empty() {
        return Err(fields.fault("tags", "must name at least one tag"));
    }
    list.iter()
        .map(|entry| {
            Ok(Tag {
                tag_key: entry.required("tag_key", 64, is_tag)?,
                tag_value: entry.text("tag_value", 128, is_tag)?,
            })
        })
        .collect()
}

async fn told(state: &ManagementState, device: &Device) -> Result<Payload<Device>, ApiError> {
    Ok(payload(Heard::of(state, device).await?))
}

fn outcome(change: TagChange, fields: &Fields<'_>) -> Result<(), ApiError> {
    match change {
        TagChange::Changed(_) => Ok(()),
        TagChange::NotFound => Err(ErrorKind::NO_DEVICE.into()),
        TagChange::TooMany => Err(ApiError::new(
            ErrorKind::TOO_MANY_TAGS,
            "tags: those that the device has already count too",
        )),
        TagChange::Unknown(key) => Err(fields.fault("tag_keys", &format!("the device has no tag {key}"))),
    }
}
