//! `GET …/devices`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::{DeviceSummary, Heard};
use crate::http::error::ApiError;
use crate::http::extract::principal::Reader;
use crate::http::extract::query::{Paging, Parameters, TimeRange};
use crate::http::management::{ManagementState, PageView, apps};
use crate::storage::DeviceFilter;

/// Which devices; the times are those of registration.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
struct ListDevices {
    /// Those of one resource space.
    app_id: Option<String>,
    /// Those of one product.
    product_id: Option<String>,
    /// The children of one device.
    gateway_id: Option<String>,
    /// With `gateway_id`: its children's children too.
    is_cascade_query: Option<bool>,
    /// Those with this node id.
    node_id: Option<String>,
    /// Those of this name.
    device_name: Option<String>,
}

impl ListDevices {
    fn read(query: &Parameters) -> Result<Self, ApiError> {
        Ok(Self {
            app_id: query.text("app_id"),
            product_id: query.text("product_id"),
            gateway_id: query.text("gateway_id"),
            is_cascade_query: Some(query.flag("is_cascade_query")?),
            node_id: query.text("node_id"),
            device_name: query.text("device_name"),
        })
    }
}

/// `{devices, page}`.
#[derive(Serialize, ToSchema)]
pub struct DeviceList {
    devices: Vec<DeviceSummary>,
    page: PageView,
}

/// A page of devices, newest first.
#[utoipa::path(
    get, path = "/devices", operation_id = "list_devices", tag = "devices",
    params(ListDevices, TimeRange, Paging),
    responses((status = OK, body = DeviceList)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    _: Reader,
    query: Parameters,
) -> Result<Json<DeviceList>, ApiError> {
    let (created_from, created_to) = query.time_range()?;
    let asked = ListDevices::read(&query)?;
    let app_id = apps::named(&state, asked.app_id.as_deref()).await?;
    let filter = DeviceFilter {
        app_id: app_id.map(|id| id.to_string()),
        product_id: asked.product_id,
        gateway_id: asked.gateway_id,
        cascade: asked.is_cascade_query.unwrap_or(false),
        node_id: asked.node_id,
        name: asked.device_name,
        created_from,
        created_to,
    };
    let found = state.stores.registry.list_devices(&filter, query.page()?).await?;
    let keys: Vec<_> = found.items.iter().map(|device| device.key).collect();
    let heard = Heard::of_each(&state, &keys).await?;
    let never = Heard::never(&state);
    let page = PageView::new(found.total, keys.last().map(|key| key.0));
    let devices = found
        .items
        .iter()
        .map(|device| DeviceSummary::new(device, heard.get(&device.key).unwrap_or(&never)))
        .collect();
    Ok(Json(DeviceList { devices, page }))
}
