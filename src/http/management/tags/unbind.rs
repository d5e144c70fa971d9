//! `POST …/tags/unbind-resource`.

use axum::extract::State;
use http::StatusCode;
use utoipa::ToSchema;

use super::{ResourceType, device, outcome, told};
use crate::http::error::ApiError;
use crate::http::extract::body::PlainBody;
use crate::http::extract::fields::Fields;
use crate::http::extract::principal::Writer;
use crate::http::management::{ManagementState, change};
use crate::http::schema::{Id128, Tag64};

/// The tags of a device to take off.
#[derive(ToSchema)]
#[expect(dead_code, reason = "shows what the handler reads")]
struct UnbindTags {
    resource_type: ResourceType,
    resource_id: Id128,
    #[schema(min_items = 1, max_items = 50)]
    tag_keys: Vec<Tag64>,
}

/// Takes tags off a device, all or none.
#[utoipa::path(
    post, path = "/tags/unbind-resource", operation_id = "untag_device", tag = "tags",
    request_body = UnbindTags,
    responses((status = OK)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    writer: Writer,
    body: PlainBody,
) -> Result<StatusCode, ApiError> {
    let fields = Fields::parse(body.bytes())?;
    let tag_keys = fields.texts("tag_keys", 50)?.unwrap_or_default();
    if tag_keys.is_empty() {
        return Err(fields.fault("tag_keys", "must name at least one key"));
    }
    for (index, key) in tag_keys.iter().enumerate() {
        if tag_keys.iter().take(index).any(|other| other == key) {
            return Err(fields.fault(&format!("tag_keys[{index}]"), "stands twice"));
        }
    }
    let device = device(&state, &fields).await?;
    let change = change(&state, writer, told(&state, &device).await?);
    let registry = &state.stores.registry;
    outcome(registry.unbind_tags(device.key, tag_keys, change).await?, &fields)?;
    Ok(StatusCode::OK)
}
