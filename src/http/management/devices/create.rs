//! `POST …/devices`.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use utoipa::ToSchema;

use super::body::{AuthTypeName, Fingerprint, Timeout};
use super::{DeviceView, Heard, body, payload};
use crate::auth::secret::{Secret, generate_device_secret};
use crate::domain::ids::{AppId, DeviceId, NodeId, ProductId};
use crate::domain::model::ProductModel;
use crate::domain::text_class::is_name;
use crate::http::error::{ApiError, ErrorKind};
use crate::http::extract::body::PlainBody;
use crate::http::extract::fields::Fields;
use crate::http::extract::principal::Writer;
use crate::http::management::products;
use crate::http::management::shadow::Desired;
use crate::http::management::{ManagementState, change};
use crate::http::schema::{DeviceSecret, Id36, Id64, Id128, Name256, Name2048, NameDollar64};
use crate::storage::{AuthType, DeviceCreation, NewDevice};

/// What registers a device.
#[derive(ToSchema)]
struct AddDevice {
    /// Absent: `{product_id}_{node_id}`.
    #[schema(value_type = Option<Id128>)]
    device_id: DeviceId,
    #[schema(value_type = Id64)]
    node_id: NodeId,
    #[schema(value_type = Id36)]
    product_id: ProductId,
    /// The product's resource space; absent: the default one, else that of the earliest product of this id.
    #[schema(value_type = Option<Id36>)]
    app_id: Option<AppId>,
    /// The device that reports for it, which makes it a child.
    #[schema(value_type = Option<Id128>)]
    gateway_id: Option<DeviceId>,
    #[schema(value_type = Option<Name256>)]
    device_name: Option<String>,
    #[schema(value_type = Option<Name2048>)]
    description: Option<String>,
    /// Free, at most 1 KB.
    #[schema(value_type = Option<Object>)]
    extension_info: Option<String>,
    #[schema(value_type = Option<AddAuthInfo>)]
    auth_info: AddAuthInfo,
    /// The shadow's first desired values, over the model's defaults.
    #[schema(value_type = Option<Vec<InitialDesired>>)]
    shadow: Vec<Desired>,
}

/// How a device authenticates.
#[derive(ToSchema)]
struct AddAuthInfo {
    /// SECRET, or CERTIFICATES: such a device is kept, but cannot authenticate over HTTPS.
    #[schema(value_type = Option<AuthTypeName>)]
    auth_type: AuthType,
    /// Absent: generated.
    #[schema(value_type = Option<DeviceSecret>)]
    secret: Secret,
    /// Its certificate's, 40 or 64 hexadecimal digits.
    #[schema(value_type = Option<Fingerprint>)]
    fingerprint: Option<String>,
    /// Whether it connects by a secure protocol alone; true.
    #[schema(value_type = Option<bool>)]
    secure_access: bool,
    /// The registration ends after so many seconds in which the device was never heard; 0: never.
    #[schema(value_type = Option<Timeout>)]
    timeout: Option<i64>,
}

/// Desired values of one service.
#[derive(ToSchema)]
#[expect(dead_code, reason = "shows what `Desired::read_list` reads")]
struct InitialDesired {
    service_id: NameDollar64,
    /// Values by property.
    #[schema(value_type = Object)]
    desired: (),
}

/// Registers a device after checking every field of it; the answer shows its secret.
#[utoipa::path(
    post, path = "/devices", operation_id = "add_device", tag = "devices",
    request_body = AddDevice,
    responses((status = CREATED, body = DeviceView)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    writer: Writer,
    body: PlainBody,
) -> Result<(StatusCode, Json<DeviceView>), ApiError> {
    let fields = Fields::parse(body.bytes())?;
    let asked = AddDevice::read(&fields)?;
    let timeout = asked.auth_info.timeout;
    let new = asked.with_product(&state, &fields).await?;
    let change = change(
        &state,
        writer.making(&new.device_id),
        payload(Heard::never(&state)),
    );
    let device_id = format!("device_id: {}", new.device_id);
    let gateway_id = new
        .gateway
        .as_ref()
        .map_or(String::new(), |id| format!("gateway_id: {id}"));
    match state.stores.registry.create_device(new, change).await? {
        DeviceCreation::Created(device) => Ok((
            StatusCode::CREATED,
            Json(DeviceView::load(&state, &device, timeout).await?),
        )),
        DeviceCreation::Exists => Err(ApiError::new(ErrorKind::DEVICE_EXISTS, device_id)),
        DeviceCreation::NoProduct => Err(ErrorKind::NO_PRODUCT.into()),
        DeviceCreation::NoGateway => Err(ApiError::new(ErrorKind::NO_DEVICE, gateway_id)),
        DeviceCreation::TooDeep => Err(ApiError::new(ErrorKind::TOO_DEEP, gateway_id)),
    }
}

impl AddDevice {
    fn read(fields: &Fields<'_>) -> Result<Self, ApiError> {
        let node_id = fields
            .id("node_id", NodeId::parse)?
            .ok_or_else(|| fields.fault("node_id", "is missing"))?;
        let product_id = fields.id("product_id", ProductId::parse)?;
        let product_id = product_id.ok_or_else(|| fields.fault("product_id", "is missing"))?;
        let device_id = match fields.id("device_id", DeviceId::parse)? {
            Some(id) => id,
            None => DeviceId::parse(&format!("{product_id}_{node_id}"))
                .map_err(|error| fields.fault("node_id", &format!("makes a device id that {error}")))?,
        };
        Ok(Self {
            device_id,
            node_id,
            product_id,
            auth_info: AddAuthInfo::read(fields.object("auth_info")?)?,
            gateway_id: fields.id("gateway_id", DeviceId::parse)?,
            device_name: fields.text("device_name", 256, is_name)?,
            description: fields.text("description", 2048, is_name)?,
            extension_info: body::extension_info(fields)?,
            app_id: fields.id("app_id", AppId::parse)?,
            shadow: Desired::read_list(fields)?,
        })
    }

    async fn with_product(self, state: &ManagementState, fields: &Fields<'_>) -> Result<NewDevice, ApiError> {
        let product = products::load(state, &self.product_id, self.app_id.as_ref()).await?;
        let model = ProductModel::parse(&product.attributes.service_capabilities)
            .map_err(|fault| ApiError::new(ErrorKind::INTERNAL, fault.to_string()))?;
        for desired in &self.shadow {
            desired.check(&model, fields)?;
        }
        Ok(NewDevice {
            device_id: self.device_id,
            node_id: self.node_id,
            product: product.key,
            gateway: self.gateway_id,
            name: self.device_name,
            description: self.description,
            extension_info: self.extension_info,
            auth_type: self.auth_info.auth_type,
            secret: self.auth_info.secret,
            fingerprint: self.auth_info.fingerprint,
            secure_access: self.auth_info.secure_access,
            timeout_seconds: self.auth_info.timeout.unwrap_or(0),
            desired: Desired::first_payload(&model, &self.shadow),
        })
    }
}

impl AddAuthInfo {
    fn read(info: Option<Fields<'_>>) -> Result<Self, ApiError> {
        let Some(info) = info else {
            return Ok(Self {
                auth_type: AuthType::Secret,
                secret: generate_device_secret()?,
                fingerprint: None,
                secure_access: true,
                timeout: None,
            });
        };
        let auth_type = info.choice("auth_type", &body::AUTH_TYPES)?;
        let auth_type = auth_type.as_deref().and_then(AuthType::parse);
        Ok(Self {
            auth_type: auth_type.unwrap_or(AuthType::Secret),
            secret: body::secret(&info)?,
            fingerprint: body::fingerprint(&info)?,
            secure_access: info.flag("secure_access")?.unwrap_or(true),
            timeout: body::timeout(&info)?,
        })
    }
}
