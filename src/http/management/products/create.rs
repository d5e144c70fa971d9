//! `POST …/products`.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use utoipa::ToSchema;

use super::body::{DataFormat, Mode, ProtocolType};
use super::model_schema::ServiceCapability;
use super::{ProductView, body, payload};
use crate::auth::secret::random_bytes;
use crate::domain::ids::{AppId, ProductId};
use crate::domain::text_class::{is_description, is_name};
use crate::http::error::{ApiError, ErrorKind};
use crate::http::extract::body::PlainBody;
use crate::http::extract::fields::Fields;
use crate::http::extract::principal::Writer;
use crate::http::management::apps::space;
use crate::http::management::{ManagementState, change};
use crate::http::schema::{Description128, Id36, Name32, Name64};
use crate::storage::{NewProduct, ProductAttributes, ProductCreation};

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
    let app = space(&state, asked.app_id.as_ref()).await?;
    let writer = writer.making(&product_id);
    let new = NewProduct {
        product_id,
        app_id: app.app_id,
        attributes: asked.attributes(),
    };
    let taken = format!("product_id: {}", new.product_id);
    let change = change(&state, writer, payload());
    match state.stores.registry.create_product(new, change).await? {
        ProductCreation::Created(product) => Ok((StatusCode::CREATED, Json(ProductView::whole(&product)?))),
        ProductCreation::Exists => Err(ApiError::new(ErrorKind::PRODUCT_EXISTS, taken)),
        ProductCreation::NoApp => Err(ErrorKind::NO_APP.into()),
    }
}

impl CreateProduct {
    fn read(fields: &Fields<'_>) -> Result<Self, ApiError> {
        let required =
            |name: &str, choice: Option<String>| choice.ok_or_else(|| fields.fault(name, "is missing"));
        Ok(Self {
            name: fields.required("name", 64, is_name)?,
            device_type: fields.required("device_type", 32, is_name)?,
            protocol_type: required("protocol_type", body::protocol_type(fields)?)?,
            data_format: required("data_format", body::data_format(fields)?)?,
            manufacturer_name: fields.text("manufacturer_name", 32, is_name)?,
            industry: fields.text("industry", 64, is_name)?,
            description: fields.text("description", 128, is_description)?,
            service_capabilities: required("service_capabilities", body::service_capabilities(fields)?)?,
            validation_mode: body::validation_mode(fields)?,
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

fn generated_id() -> Result<ProductId, ApiError> {
    ProductId::parse(&hex::encode(random_bytes::<12>()?))
        .map_err(|error| ApiError::new(ErrorKind::INTERNAL, error.to_string()))
}
