//! `POST …/tags/query-resources`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::{ResourceType, TagBody, read_tags, resource_type};
use crate::http::error::ApiError;
use crate::http::extract::body::PlainBody;
use crate::http::extract::fields::Fields;
use crate::http::extract::principal::Reader;
use crate::http::extract::query::{Paging, Parameters};
use crate::http::management::{ManagementState, PageView};

/// The tags to look for.
#[derive(ToSchema)]
#[expect(dead_code, reason = "shows what the handler reads")]
struct QueryTags {
    resource_type: ResourceType,
    /// A resource with any of these is found; one without a value stands for every value.
    #[schema(min_items = 1, max_items = 50)]
    tags: Vec<TagBody>,
}

/// `{resources, page}`.
#[derive(Serialize, ToSchema)]
pub struct ResourceList {
    resources: Vec<ResourceView>,
    page: PageView,
}

#[derive(Serialize, ToSchema)]
struct ResourceView {
    resource_id: String,
}

/// A page of the devices that have any of the tags, newest first.
#[utoipa::path(
    post, path = "/tags/query-resources", operation_id = "list_resources_by_tags", tag = "tags",
    params(Paging),
    request_body = QueryTags,
    responses((status = OK, body = ResourceList)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    _: Reader,
    query: Parameters,
    body: PlainBody,
) -> Result<Json<ResourceList>, ApiError> {
    let fields = Fields::parse(body.bytes())?;
    resource_type(&fields)?;
    let tags = read_tags(&fields)?;
    let registry = &state.stores.registry;
    let found = registry.devices_by_tag(&tags, query.page()?).await?;
    let page = PageView::new(found.total, found.items.last().map(|(key, _)| key.0));
    let resources = found.items.into_iter().map(|(_, device_id)| ResourceView {
        resource_id: device_id.to_string(),
    });
    Ok(Json(ResourceList {
        resources: resources.collect(),
        page,
    }))
}
