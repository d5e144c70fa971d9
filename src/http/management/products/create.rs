//! `POST …/products`.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use utoipa::ToSchema;

use super::ProductView;
use super::model_schema::ServiceCapability;
use crate::auth::secret::random_bytes;
use crate::domain::ids::{AppId, ProductId, ProductKey};
use crate::domain::model::{ProductModel, ValidationMode};
use crate::domain::text_class::{is_description, is_name};
use crate::http::error::{ApiError, ErrorKind};
use crate::http::extract::body::PlainBody;
use crate::http::extract::fields::Fields;
use crate::http::extract::principal::Writer;
use crate::http::management::{ManagementState, change};
use crate::http::schema::{Description128, Id36, Name32, Name64, choice, documented};
use crate::storage::{App, NewProduct, Product, ProductAttributes, ProductCreation};

const PROTOCOLS: [&str; 11] = [
    "MQTT", "CoAP", "HTTP", "HTTPS", "Modbus", "ONVIF", "OPC-UA", "OPC-DA", "Other", "TCP", "UDP",
];

const FORMATS: [&str; 2] = ["json", "binary"];

const MODES: [&str; 3] = [
    ValidationMode::Reject.as_str(),
    ValidationMode::Filter.as_str(),
    ValidationMode::Flag.as_str(),
];

documented! {
    /// What the devices speak.
    ProtocolType = choice(&PROTOCOLS);
    /// What their reports are.
    DataFormat = choice(&FORMATS);
    /// What happens to a report that breaks the model.
    Mode = choice(&MODES);
}

/// The largest model, in bytes.
const MAX_MODEL_BYTES: usize = 500 * 1024;

/// What makes a product.
#[derive(ToSchema)]
struct CreateProduct {
    /// Absent: generated.
    #[schema(value_type = Option<Id36>)]
    product_id: Option<ProductId>,
    /// Its resource space; absent: the default one.
    #[schema(value_type = Option<Id36>)]
    app_id: Option<AppId>,
    #[schema(value_type = Name64)]
    name: String,
    #[schema(value_type = Name32)]
    device_type: String,
    #[schema(value_type = ProtocolType)]
    protocol_type: String,
    #[schema(value_type = DataFormat)]
    data_format: String,
    #[schema(value_type = Option<Name32>)]
    manufacturer_name: Option<String>,
    #[schema(value_type = Option<Name64>)]
    industry: Option<String>,
    #[schema(value_type = Option<Description128>)]
    description: Option<String>,
    /// The product model: its services, at most 500 KB.
    #[schema(value_type = Vec<ServiceCapability>, max_items = 500)]
    service_capabilities: String,
    /// Absent: the configuration's.
    #[schema(value_type = Option<Mode>)]
    validation_mode: Option<String>,
    /// Refuse device-auth with `sign_type` 0.
    require_sign_type_1: Option<bool>,
}

/// Makes a product after checking every field of it.
#[utoipa::path(
    post, path = "/products", operation_id = "create_product", tag = "products",
    request_body = CreateProduct,
    responses((status = CREATED, body = ProductView)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    writer: Writer,
    body: PlainBody,
) -> Result<(StatusCode, Json<ProductView>), ApiError> {
    let asked = CreateProduct::read(&Fields::parse(body.bytes())?)?;
    let product_id = match &asked.product_id {
        Some(id) => id.clone(),
        None => generated_id()?,
    };
    let shown = Product {
        key: ProductKey(0),
        product_id,
        app: space(&state, asked.app_id.as_ref()).await?,
        attributes: asked.attributes(),
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

impl CreateProduct {
    fn read(fields: &Fields<'_>) -> Result<Self, ApiError> {
        let required_choice = |name: &str, choices: &[&str]| {
            fields
                .choice(name, choices)?
                .ok_or_else(|| fields.fault(name, "is missing"))
        };
        Ok(Self {
            name: fields.required("name", 64, is_name)?,
            device_type: fields.required("device_type", 32, is_name)?,
            protocol_type: required_choice("protocol_type", &PROTOCOLS)?,
            data_format: required_choice("data_format", &FORMATS)?,
            manufacturer_name: fields.text("manufacturer_name", 32, is_name)?,
            industry: fields.text("industry", 64, is_name)?,
            description: fields.text("description", 128, is_description)?,
            service_capabilities: service_capabilities(fields)?,
            validation_mode: fields.choice("validation_mode", &MODES)?,
            require_sign_type_1: fields.flag("require_sign_type_1")?,
            product_id: fields.id("product_id", ProductId::parse)?,
            app_id: fields.id("app_id", AppId::parse)?,
        })
    }

    fn attributes(self) -> ProductAttributes {
        ProductAttributes {
            name: self.name,
            device_type: self.device_type,
            protocol_type: self.protocol_type,
            data_format: self.data_format,
            manufacturer_name: self.manufacturer_name,
            industry: self.industry,
            description: self.description,
            service_capabilities: self.service_capabilities,
            validation_mode: self.validation_mode,
            require_sign_type_1: self.require_sign_type_1.unwrap_or(false),
        }
    }
}

async fn space(state: &ManagementState, app_id: Option<&AppId>) -> Result<App, ApiError> {
    match app_id {
        None => Ok(state.stores.registry.default_app().await?),
        Some(app_id) => {
            let app = state.stores.registry.app(app_id).await?;
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

fn service_capabilities(fields: &Fields<'_>) -> Result<String, ApiError> {
    const NAME: &str = "service_capabilities";
    let text = fields.raw(NAME).ok_or_else(|| fields.fault(NAME, "is missing"))?;
    if text.len() > MAX_MODEL_BYTES {
        return Err(fields.fault(NAME, "is larger than 500 KB"));
    }
    ProductModel::parse(text).map_err(|fault| ApiError::new(ErrorKind::INVALID_INPUT, fault.to_string()))?;
    Ok(text.to_owned())
}
