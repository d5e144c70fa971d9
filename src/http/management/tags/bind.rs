//! `POST …/tags/bind-resource`.

use axum::extract::State;
use http::StatusCode;
use utoipa::ToSchema;

use super::{MOST, ResourceType, TagBody, device, outcome, read_tags, told};
use crate::http::error::{ApiError, ErrorKind};
use crate::http::extract::body::PlainBody;
use crate::http::extract::fields::Fields;
use crate::http::extract::principal::Writer;
use crate::http::management::{ManagementState, change};
use crate::http::schema::Id128;

/// The tags of a device to add.
#[derive(ToSchema)]
#[expect(dead_code, reason = "shows what the handler reads")]
struct BindTags {
    resource_type: ResourceType,
    resource_id: Id128,
    #[schema(min_items = 1, max_items = 10)]
    tags: Vec<TagBody>,
}

/// Adds tags to a device, or gives those that it has new values.
#[utoipa::path(
    post, path = "/tags/bind-resource", operation_id = "tag_device", tag = "tags",
    request_body = BindTags,
    responses((status = OK)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    writer: Writer,
    body: PlainBody,
) -> Result<StatusCode, ApiError> {
    let fields = Fields::parse(body.bytes())?;
    let tags = read_tags(&fields)?;
    for (index, tag) in tags.iter().enumerate() {
        let field = format!("tags[{index}].tag_key");
        if tag.tag_key.starts_with("iot_") {
            return Err(ApiError::new(
                ErrorKind::TAG_RESERVED,
                format!("{field}: {}", tag.tag_key),
            ));
        }
        if tags.iter().take(index).any(|other| other.tag_key == tag.tag_key) {
            return Err(fields.fault(&field, "stands twice"));
        }
    }
    let device = device(&state, &fields).await?;
    let change = change(&state, writer, told(&state, &device).await?);
    let registry = &state.stores.registry;
    outcome(registry.bind_tags(device.key, tags, MOST, change).await?, &fields)?;
    Ok(StatusCode::OK)
}
