//! `GET …/devices`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::DeviceSummary;
use crate::http::error::ApiError;
use crate::http::extract::principal::Reader;
use crate::http::extract::query::Parameters;
use crate::http::management::{ManagementState, PageView};
use crate::storage::DeviceFilter;

/// `{devices, page}`.
#[derive(Serialize)]
pub struct DeviceList {
    devices: Vec<DeviceSummary>,
    page: PageView,
}

/// A page of devices, newest first.
pub async fn handle(
    State(state): State<ManagementState>,
    _: Reader,
    query: Parameters,
) -> Result<Json<DeviceList>, ApiError> {
    let (created_from, created_to) = query.time_range()?;
    let filter = DeviceFilter {
        app_id: query.text("app_id"),
        product_id: query.text("product_id"),
        gateway_id: query.text("gateway_id"),
        cascade: query.flag("is_cascade_query")?,
        node_id: query.text("node_id"),
        name: query.text("device_name"),
        created_from,
        created_to,
    };
    let found = state.stores.registry.list_devices(&filter, query.page()?).await?;
    let keys: Vec<_> = found.items.iter().map(|device| device.key).collect();
    let seen = state.activity.last_seen(&keys).await?;
    let page = PageView::new(found.total, keys.last().map(|key| key.0));
    let devices = found
        .items
        .iter()
        .map(|device| DeviceSummary::new(&state, device, seen.get(&device.key).copied()))
        .collect();
    Ok(Json(DeviceList { devices, page }))
}
