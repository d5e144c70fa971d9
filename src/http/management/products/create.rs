//! `POST …/products`.

use axum::Json;
use axum::extract::State;
use http::StatusCode;

use super::ProductView;
use crate::auth::secret::random_bytes;
use crate::domain::ids::{AppId, ProductId, ProductKey};
use crate::domain::model::{ProductModel, ValidationMode};
use crate::domain::text_class::{is_description, is_name};
use crate::http::error::{ApiError, ErrorKind};
use crate::http::extract::body::PlainBody;
use crate::http::extract::fields::Fields;
use crate::http::extract::principal::Writer;
use crate::http::management::{ManagementState, change};
use crate::storage::{App, NewProduct, Product, ProductAttributes, ProductCreation};

const PROTOCOLS: [&str; 11] = [
    "MQTT", "CoAP", "HTTP", "HTTPS", "Modbus", "ONVIF", "OPC-UA", "OPC-DA", "Other", "TCP", "UDP",
];

/// The largest model, in bytes.
const MAX_MODEL_BYTES: usize = 500 * 1024;

/// Makes a product after checking every field of it.
pub async fn handle(
    State(state): State<ManagementState>,
    writer: Writer,
    body: PlainBody,
) -> Result<(StatusCode, Json<ProductView>), ApiError> {
    let fields = Fields::parse(body.bytes())?;
    let attributes = attributes(&fields)?;
    let product_id = match fields.id("product_id", ProductId::parse)? {
        Some(id) => id,
        None => generated_id()?,
    };
    let app = space(&state, &fields).await?;
    let shown = Product {
        key: ProductKey(0),
        product_id,
        app,
        attributes,
        created: state.clock.now(),
    };
    let change = change(&state, writer, &ProductView::whole(&shown)?)?;
    let new = NewProduct {
        product_id: shown.product_id,
        app_id: shown.app.app_id,
        attributes: shown.attributes,
    };
    match state.stores.registry.create_product(new, change).await? {
        ProductCreation::Created(product) => Ok((StatusCode::CREATED, Json(ProductView::whole(&product)?))),
        ProductCreation::Exists => Err(ErrorKind::PRODUCT_EXISTS.into()),
    }
}

async fn space(state: &ManagementState, fields: &Fields<'_>) -> Result<App, ApiError> {
    match fields.id("app_id", AppId::parse)? {
        None => Ok(state.stores.registry.default_app().await?),
        Some(app_id) => {
            let app = state.stores.registry.app(&app_id).await?;
            app.ok_or_else(|| ApiError::new(ErrorKind::NO_APP, format!("app_id: {app_id}")))
        }
    }
}

fn generated_id() -> Result<ProductId, ApiError> {
    let random =
        random_bytes::<12>().map_err(|error| ApiError::new(ErrorKind::INTERNAL, error.to_string()))?;
    ProductId::parse(&hex::encode(random))
        .map_err(|error| ApiError::new(ErrorKind::INTERNAL, error.to_string()))
}

fn attributes(fields: &Fields<'_>) -> Result<ProductAttributes, ApiError> {
    let modes = [
        ValidationMode::Reject,
        ValidationMode::Filter,
        ValidationMode::Flag,
    ]
    .map(ValidationMode::as_str);
    let required_choice = |name: &str, choices: &[&str]| {
        fields
            .choice(name, choices)?
            .ok_or_else(|| fields.fault(name, "is missing"))
    };
    Ok(ProductAttributes {
        name: fields.required("name", 64, is_name)?,
        device_type: fields.required("device_type", 32, is_name)?,
        protocol_type: required_choice("protocol_type", &PROTOCOLS)?,
        data_format: required_choice("data_format", &["json", "binary"])?,
        manufacturer_name: fields.text("manufacturer_name", 32, is_name)?,
        industry: fields.text("industry", 64, is_name)?,
        description: fields.text("description", 128, is_description)?,
        service_capabilities: service_capabilities(fields)?,
        validation_mode: fields.choice("validation_mode", &modes)?,
        require_sign_type_1: fields.flag("require_sign_type_1")?.unwrap_or(false),
    })
}

fn service_capabilities(fields: &Fields<'_>) -> Result<String, ApiError> {
    const NAME: &str = "service_capabilities";
    let text = fields.raw(NAME).ok_or_else(|| fields.fault(NAME, "is missing"))?;
    if text.len() > MAX_MODEL_BYTES {
        return Err(fields.fault(NAME, "is larger than 500 KB"));
    }
    ProductModel::parse(text).map_err(|fault| ApiError::new(ErrorKind::INVALID_INPUT, fault.to_string()))?;
    Ok(text.to_owned())
}
