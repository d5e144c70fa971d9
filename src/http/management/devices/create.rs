//! `POST …/devices`.

use axum::Json;
use axum::extract::State;
use http::StatusCode;

use super::DeviceView;
use crate::auth::secret::{Secret, check_device_secret, generate_device_secret};
use crate::domain::ids::{AppId, DeviceId, DeviceKey, NodeId, ProductId, VersionKey};
use crate::domain::text_class::is_name;
use crate::http::error::{ApiError, ErrorKind};
use crate::http::extract::body::PlainBody;
use crate::http::extract::fields::Fields;
use crate::http::extract::principal::Writer;
use crate::http::management::{ManagementState, change};
use crate::storage::{Device, DeviceCreation, NewDevice, Product};

/// The largest `extension_info`, in bytes.
const MAX_EXTENSION_BYTES: usize = 1024;

/// Registers a device after checking every field of it; the answer shows its secret.
pub async fn handle(
    State(state): State<ManagementState>,
    writer: Writer,
    body: PlainBody,
) -> Result<(StatusCode, Json<DeviceView>), ApiError> {
    let fields = Fields::parse(body.bytes())?;
    let (new, product) = read(&state, &fields).await?;
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

async fn read(state: &ManagementState, fields: &Fields<'_>) -> Result<(NewDevice, Product), ApiError> {
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
    let (secret, secure_access, timeout_seconds) = auth_info(fields)?;
    let gateway = fields.id("gateway_id", DeviceId::parse)?;
    let name = fields.text("device_name", 256, is_name)?;
    let description = fields.text("description", 2048, is_name)?;
    let extension_info = extension_info(fields)?;
    let app = fields.id("app_id", AppId::parse)?;
    let product = state.stores.registry.product(&product_id, app.as_ref()).await?;
    let product =
        product.ok_or_else(|| ApiError::new(ErrorKind::NO_PRODUCT, format!("product_id: {product_id}")))?;
    let new = NewDevice {
        device_id,
        node_id,
        product: product.key,
        gateway,
        name,
        description,
        extension_info,
        secret,
        secure_access,
        timeout_seconds,
    };
    Ok((new, product))
}

fn auth_info(fields: &Fields<'_>) -> Result<(Secret, bool, i64), ApiError> {
    let generated =
        || generate_device_secret().map_err(|error| ApiError::new(ErrorKind::INTERNAL, error.to_string()));
    let Some(info) = fields.object("auth_info")? else {
        return Ok((generated()?, true, 0));
    };
    if info.choice("auth_type", &["SECRET", "CERTIFICATES"])?.as_deref() == Some("CERTIFICATES") {
        return Err(info.fault("auth_type", "devices authenticate by SECRET over HTTPS"));
    }
    let secret = match info.text("secret", usize::MAX, |_| true)? {
        None => generated()?,
        Some(text) if check_device_secret(&text) => Secret::new(text),
        Some(_) => return Err(info.fault("secret", "must be 8 to 32 letters, digits, '_' or '-'")),
    };
    let secure_access = info.flag("secure_access")?.unwrap_or(true);
    let timeout = info.number("timeout", 0..=i64::from(i32::MAX))?.unwrap_or(0);
    if timeout > 0 {
        return Err(info.fault("timeout", "only 0 (never) is taken by this version"));
    }
    Ok((secret, secure_access, timeout))
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
