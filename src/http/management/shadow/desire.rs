//! `PUT …/devices/{device_id}/shadow`.

use axum::Json;
use axum::extract::State;
use utoipa::ToSchema;

use super::{Desired, ShadowView};
use crate::domain::model::ProductModel;
use crate::http::error::{ApiError, ErrorKind};
use crate::http::extract::body::PlainBody;
use crate::http::extract::fields::Fields;
use crate::http::extract::principal::Writer;
use crate::http::management::devices::DevicePath;
use crate::http::management::{ManagementState, change};
use crate::http::schema::NameDollar64;

/// Desired values by service.
#[derive(ToSchema)]
struct UpdateShadow {
    #[schema(value_type = Vec<DesiredService>, min_items = 1)]
    shadow: Vec<Desired>,
}

/// Desired values of one service.
#[derive(ToSchema)]
#[expect(dead_code, reason = "shows what `Desired::read_list` reads")]
struct DesiredService {
    service_id: NameDollar64,
    /// Values by property: merged into those that are there, null takes one away, an empty object takes all away.
    #[schema(value_type = Object)]
    desired: (),
    /// Only where the service's shadow has this version.
    #[schema(minimum = 0)]
    version: Option<i64>,
}

/// Sets desired values; they are durable before the answer, which shows the shadow with them.
#[utoipa::path(
    put, path = "/devices/{device_id}/shadow", operation_id = "update_device_shadow_desired_data", tag = "shadow",
    request_body = UpdateShadow,
    responses((status = OK, body = ShadowView)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    writer: Writer,
    path: DevicePath,
    body: PlainBody,
) -> Result<Json<ShadowView>, ApiError> {
    let fields = Fields::parse(body.bytes())?;
    let UpdateShadow { shadow } = UpdateShadow::read(&fields)?;
    let device = path.load(&state).await?;
    let product = state.stores.registry.product_by_key(device.product).await?;
    let product = product.ok_or(ErrorKind::NO_PRODUCT)?;
    let model = ProductModel::parse(&product.attributes.service_capabilities)
        .map_err(|fault| ApiError::new(ErrorKind::INTERNAL, fault.to_string()))?;
    for desired in &shadow {
        desired.check(&model, &fields)?;
    }
    let versions: Vec<_> = shadow
        .iter()
        .filter_map(|desired| Some((desired.service_id.clone(), desired.version?)))
        .collect();
    let payload = Desired::payload(&shadow);
    let told = |payload| change(&state, writer.clone(), payload);
    let set = state.shadows.set_desired(device.key, &payload, &versions, told);
    set.await?;
    let snapshot = state.shadows.current(device.key).await?;
    Ok(Json(ShadowView::of(device.device_id.as_str(), &snapshot.shadow)))
}

impl UpdateShadow {
    fn read(fields: &Fields<'_>) -> Result<Self, ApiError> {
        let shadow = Desired::read_list(fields)?;
        if shadow.is_empty() {
            return Err(fields.fault("shadow", "must name at least one service"));
        }
        Ok(Self { shadow })
    }
}
