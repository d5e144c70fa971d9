//! `PUT …/products/{product_id}`.

use axum::Json;
use axum::extract::State;
use utoipa::ToSchema;

use super::body::{DataFormat, Mode, ProtocolType};
use super::model_schema::ServiceCapability;
use super::{ProductPath, ProductView, body, payload};
use crate::domain::ids::AppId;
use crate::domain::text_class::{is_description, is_name};
use crate::http::error::{ApiError, ErrorKind};
use crate::http::extract::body::PlainBody;
use crate::http::extract::fields::Fields;
use crate::http::extract::principal::Writer;
use crate::http::management::{ManagementState, change};
use crate::http::schema::{Description128, Id36, Name32, Name64};
use crate::storage::ProductPatch;

/// What of a product changes; what is absent stays, and an empty text takes an optional one away.
#[derive(ToSchema)]
struct UpdateProduct {
    /// Which space's product of this id; absent: the default one's, else the earliest made.
    #[schema(value_type = Option<Id36>)]
    app_id: Option<AppId>,
    #[schema(value_type = Option<Name64>)]
    name: Option<String>,
    #[schema(value_type = Option<Name32>)]
    device_type: Option<String>,
    /// CoAP only where it is that already.
    #[schema(value_type = Option<ProtocolType>)]
    protocol_type: Option<String>,
    #[schema(value_type = Option<DataFormat>)]
    data_format: Option<String>,
    #[schema(value_type = Option<Name32>)]
    manufacturer_name: Option<String>,
    #[schema(value_type = Option<Name64>)]
    industry: Option<String>,
    #[schema(value_type = Option<Description128>)]
    description: Option<String>,
    /// The product model, the whole of it; reports are checked against it from now on.
    #[schema(value_type = Option<Vec<ServiceCapability>>, max_items = 500)]
    service_capabilities: Option<String>,
    #[schema(value_type = Option<Mode>)]
    validation_mode: Option<String>,
    /// Refuse device-auth with `sign_type` 0.
    require_sign_type_1: Option<bool>,
}

/// Changes a product; its devices are checked against the new model from the next report on.
#[utoipa::path(
    put, path = "/products/{product_id}", operation_id = "update_product", tag = "products",
    request_body = UpdateProduct,
    responses((status = OK, body = ProductView)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    writer: Writer,
    path: ProductPath,
    body: PlainBody,
) -> Result<Json<ProductView>, ApiError> {
    let fields = Fields::parse(body.bytes())?;
    let asked = UpdateProduct::read(&fields)?;
    let product = path.in_space(asked.app_id.as_ref()).load(&state).await?;
    if asked.protocol_type.as_deref() == Some("CoAP") && product.attributes.protocol_type != "CoAP" {
        return Err(fields.fault("protocol_type", "cannot be changed to CoAP"));
    }
    let change = change(&state, writer, payload());
    let registry = &state.stores.registry;
    match registry
        .update_product(product.key, asked.patch(), change)
        .await?
    {
        Some(product) => Ok(Json(ProductView::whole(&product)?)),
        None => Err(ErrorKind::NO_PRODUCT.into()),
    }
}

impl UpdateProduct {
    fn read(fields: &Fields<'_>) -> Result<Self, ApiError> {
        let given = |name: &str, longest: usize| match fields.text(name, longest, is_name)? {
            Some(text) if text.is_empty() => Err(fields.fault(name, "must not be empty")),
            text => Ok(text),
        };
        Ok(Self {
            app_id: fields.id("app_id", AppId::parse)?,
            name: given("name", 64)?,
            device_type: given("device_type", 32)?,
            protocol_type: body::protocol_type(fields)?,
            data_format: body::data_format(fields)?,
            manufacturer_name: fields.text("manufacturer_name", 32, is_name)?,
            industry: fields.text("industry", 64, is_name)?,
            description: fields.text("description", 128, is_description)?,
            service_capabilities: body::service_capabilities(fields)?,
            validation_mode: body::validation_mode(fields)?,
            require_sign_type_1: fields.flag("require_sign_type_1")?,
        })
    }

    fn patch(self) -> ProductPatch {
        ProductPatch {
            name: self.name,
            device_type: self.device_type,
            protocol_type: self.protocol_type,
            data_format: self.data_format,
            manufacturer_name: self.manufacturer_name,
            industry: self.industry,
            description: self.description,
            service_capabilities: self.service_capabilities,
            validation_mode: self.validation_mode,
            require_sign_type_1: self.require_sign_type_1,
        }
    }
}
