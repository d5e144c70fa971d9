//! `POST …/devices/{device_id}/change-gateway`.

use axum::extract::State;
use http::StatusCode;
use utoipa::ToSchema;

use super::{DevicePath, Heard, payload};
use crate::domain::ids::DeviceId;
use crate::http::error::{ApiError, ErrorKind};
use crate::http::extract::body::PlainBody;
use crate::http::extract::fields::Fields;
use crate::http::extract::principal::Writer;
use crate::http::management::{ManagementState, change};
use crate::http::schema::Id128;
use crate::storage::GatewayChange;

/// The gateway that is to report for the child.
#[derive(ToSchema)]
struct ChangeGateway {
    #[schema(value_type = Id128)]
    gateway_id: DeviceId,
}

/// Moves a child without children of its own to another gateway of its resource space.
#[utoipa::path(
    post, path = "/devices/{device_id}/change-gateway", operation_id = "change_gateway", tag = "devices",
    request_body = ChangeGateway,
    responses((status = NO_CONTENT)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    writer: Writer,
    path: DevicePath,
    body: PlainBody,
) -> Result<StatusCode, ApiError> {
    let fields = Fields::parse(body.bytes())?;
    let ChangeGateway { gateway_id } = ChangeGateway::read(&fields)?;
    let device = path.load(&state).await?;
    let change = change(&state, writer, payload(Heard::of(&state, &device).await?));
    let registry = &state.stores.registry;
    let outcome = registry
        .change_gateway(device.key, gateway_id.clone(), change)
        .await?;
    let about_gateway = |kind| ApiError::new(kind, format!("gateway_id: {gateway_id}"));
    let about_device = |kind| ApiError::new(kind, format!("device_id: {}", device.device_id));
    Err(match outcome {
        GatewayChange::Changed(_) => return Ok(StatusCode::NO_CONTENT),
        GatewayChange::SameGateway => {
            let what = "is the device's gateway already, or the device itself";
            fields.fault("gateway_id", what)
        }
        GatewayChange::NotAChild => about_device(ErrorKind::NOT_A_CHILD),
        GatewayChange::HasChildren => about_device(ErrorKind::DEVICE_HAS_CHILDREN),
        GatewayChange::NotFound => about_device(ErrorKind::NO_DEVICE),
        GatewayChange::NoGateway => about_gateway(ErrorKind::NO_DEVICE),
        GatewayChange::OtherApp => about_gateway(ErrorKind::OTHER_APP),
        GatewayChange::TooDeep => about_gateway(ErrorKind::TOO_DEEP),
    })
}

impl ChangeGateway {
    fn read(fields: &Fields<'_>) -> Result<Self, ApiError> {
        let gateway_id = fields.id("gateway_id", DeviceId::parse)?;
        Ok(Self {
            gateway_id: gateway_id.ok_or_else(|| fields.fault("gateway_id", "is missing"))?,
        })
    }
}
