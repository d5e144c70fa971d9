//! `POST …/devices`.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use utoipa::ToSchema;

use super::DeviceView;
use crate::auth::secret::{Secret, check_device_secret, generate_device_secret};
use crate::domain::ids::{AppId, DeviceId, DeviceKey, NodeId, ProductId, VersionKey};
use crate::domain::text_class::is_name;
use crate::http::error::{ApiError, ErrorKind};
use crate::http::extract::body::PlainBody;
use crate::http::extract::fields::Fields;
use crate::http::extract::principal::Writer;
use crate::http::management::{ManagementState, change};
use crate::http::schema::{DeviceSecret, Id36, Id64, Id128, Name256, Name2048, choice, documented};
use crate::storage::{Device, DeviceCreation, NewDevice, Product};

/// The largest `extension_info`, in bytes.
const MAX_EXTENSION_BYTES: usize = 1024;

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
}

documented! {
    /// Certificates are for MQTT.
    AuthType = choice(&["SECRET"]);
}

/// How a device authenticates.
#[derive(ToSchema)]
struct AddAuthInfo {
    /// What a device over HTTPS authenticates by.
    #[expect(dead_code, reason = "there is one kind")]
    #[schema(value_type = Option<AuthType>)]
    auth_type: (),
    /// Absent: generated.
    #[schema(value_type = Option<DeviceSecret>)]
    secret: Secret,
    /// Whether it connects by a secure protocol alone; true.
    #[schema(value_type = Option<bool>)]
    secure_access: bool,
    /// 0: the registration never ends.
    #[schema(value_type = Option<i64>, minimum = 0, maximum = 0)]
    timeout: i64,
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
    let asked = AddDevice::read(&Fields::parse(body.bytes())?)?;
    let (new, product) = asked.with_product(&state).await?;
    let shown = DeviceView::event(&state, &preview(&state, &new, product)).await?;
    let change = change(&state, writer, &shown)?;
    let gateway = new.gateway.clone();
    match state.stores.registry.create_device(new, change).await? {
        DeviceCreation::Created(device) => Ok((
            StatusCode::CREATED,
            Json(DeviceView::load(&state, &device).await?),
        )),
        DeviceCreation::Exists => Err(ErrorKind::DEVICE_EXISTS.into()),
        DeviceCreation::NoProduct => Err(ErrorKind::NO_PRODUCT.into()),
        DeviceCreation::NoGateway => {
            let id = gateway.map(|id| id.to_string()).unwrap_or_default();
            Err(ApiError::new(ErrorKind::NO_DEVICE, format!("gateway_id: {id}")))
        }
        DeviceCreation::TooDeep => Err(ErrorKind::TOO_DEEP.into()),
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
        if fields.raw("shadow").is_some() {
            return Err(fields.fault("shadow", "initial desired values are not taken by this version"));
        }
        Ok(Self {
            device_id,
            node_id,
            product_id,
            auth_info: AddAuthInfo::read(fields.object("auth_info")?)?,
            gateway_id: fields.id("gateway_id", DeviceId::parse)?,
            device_name: fields.text("device_name", 256, is_name)?,
            description: fields.text("description", 2048, is_name)?,
            extension_info: extension_info(fields)?,
            app_id: fields.id("app_id", AppId::parse)?,
        })
    }

    async fn with_product(self, state: &ManagementState) -> Result<(NewDevice, Product), ApiError> {
        let registry = &state.stores.registry;
        let product = registry.product(&self.product_id, self.app_id.as_ref()).await?;
        let missing = || ApiError::new(ErrorKind::NO_PRODUCT, format!("product_id: {}", self.product_id));
        let product = product.ok_or_else(missing)?;
        let new = NewDevice {
            device_id: self.device_id,
            node_id: self.node_id,
            product: product.key,
            gateway: self.gateway_id,
            name: self.device_name,
            description: self.description,
            extension_info: self.extension_info,
            secret: self.auth_info.secret,
            secure_access: self.auth_info.secure_access,
            timeout_seconds: self.auth_info.timeout,
        };
        Ok((new, product))
    }
}

impl AddAuthInfo {
    fn read(info: Option<Fields<'_>>) -> Result<Self, ApiError> {
        let generated = || {
            generate_device_secret().map_err(|error| ApiError::new(ErrorKind::INTERNAL, error.to_string()))
        };
        let Some(info) = info else {
            return Ok(Self {
                auth_type: (),
                secret: generated()?,
                secure_access: true,
                timeout: 0,
            });
        };
        if info.choice("auth_type", &["SECRET", "CERTIFICATES"])?.as_deref() == Some("CERTIFICATES") {
            return Err(info.fault("auth_type", "devices authenticate by SECRET over HTTPS"));
        }
        let secret = match info.text("secret", usize::MAX, |_| true)? {
            None => generated()?,
            Some(text) if check_device_secret(&text) => Secret::new(text),
            Some(_) => return Err(info.fault("secret", "must be 8 to 32 letters, digits, '_' or '-'")),
        };
        let timeout = info.number("timeout", 0..=i64::from(i32::MAX))?.unwrap_or(0);
        if timeout > 0 {
            return Err(info.fault("timeout", "only 0 (never) is taken by this version"));
        }
        Ok(Self {
            auth_type: (),
            secret,
            secure_access: info.flag("secure_access")?.unwrap_or(true),
            timeout,
        })
    }
}

fn extension_info(fields: &Fields<'_>) -> Result<Option<String>, ApiError> {
    const NAME: &str = "extension_info";
    let Some(text) = fields.raw(NAME) else {
        return Ok(None);
    };
    if !text.starts_with('{') {
        return Err(fields.fault(NAME, "must be an object"));
    }
    if text.len() > MAX_EXTENSION_BYTES {
        return Err(fields.fault(NAME, "is larger than 1 KB"));
    }
    Ok(Some(text.to_owned()))
}

/// The device as its creation's event shows it, before the store has given it a key.
fn preview(state: &ManagementState, new: &NewDevice, product: Product) -> Device {
    Device {
        key: DeviceKey(0),
        device_id: new.device_id.clone(),
        node_id: new.node_id.clone(),
        product: product.key,
        product_id: product.product_id,
        product_name: product.attributes.name,
        app: product.app,
        gateway: new.gateway.clone(),
        ancestors: Vec::new(),
        name: new.name.clone(),
        description: new.description.clone(),
        extension_info: new.extension_info.clone(),
        secret: new.secret.clone(),
        secondary_secret: None,
        secure_access: new.secure_access,
        timeout_seconds: new.timeout_seconds,
        epoch: 0,
        frozen: false,
        version: VersionKey(0),
        created: state.clock.now(),
    }
}
