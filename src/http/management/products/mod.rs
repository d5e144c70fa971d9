//! Products (management-api.md §4): create, list, show, update, delete.

mod body;
pub mod check_report;
pub mod create;
pub mod delete;
pub mod list;
mod model_schema;
pub mod show;
pub mod update;

use axum::extract::{FromRequestParts, Path};
use http::request::Parts;
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

use super::ManagementState;
use super::apps::{self, space};
use crate::domain::event_time;
use crate::domain::ids::{AppId, ProductId};
use crate::http::error::{ApiError, ErrorKind};
use crate::http::extract::query::Parameters;
use crate::http::schema::Id36;
use crate::storage::{Payload, Product, StoreError};

/// A product as the API shows it; lists leave `service_capabilities` out.
#[derive(Serialize, ToSchema)]
pub(super) struct ProductView {
    app_id: String,
    app_name: String,
    product_id: String,
    name: String,
    device_type: String,
    protocol_type: String,
    data_format: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    manufacturer_name: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    industry: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<model_schema::ServiceCapability>>)]
    service_capabilities: Option<Box<RawValue>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    validation_mode: Option<String>,
    require_sign_type_1: bool,
    create_time: String,
}

impl ProductView {
    /// Without the model.
    pub(super) fn summary(product: &Product) -> Self {
        let attributes = product.attributes.clone();
        Self {
            app_id: product.app.app_id.to_string(),
            app_name: product.app.name.clone(),
            product_id: product.product_id.to_string(),
            name: attributes.name,
            device_type: attributes.device_type,
            protocol_type: attributes.protocol_type,
            data_format: attributes.data_format,
            manufacturer_name: attributes.manufacturer_name,
            industry: attributes.industry,
            description: attributes.description,
            service_capabilities: None,
            validation_mode: attributes.validation_mode,
            require_sign_type_1: attributes.require_sign_type_1,
            create_time: event_time::compact(product.created),
        }
    }

    /// With the model.
    pub(super) fn whole(product: &Product) -> Result<Self, StoreError> {
        let model = RawValue::from_string(product.attributes.service_capabilities.clone())
            .map_err(|error| StoreError::Corrupt(format!("a product's model: {error}")))?;
        Ok(Self {
            service_capabilities: Some(model),
            ..Self::summary(product)
        })
    }
}

/// Which of several products with one id is meant.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ProductQuery {
    /// Its resource space; absent: the default one, else that of the earliest made.
    #[param(value_type = Option<Id36>, inline)]
    app_id: Option<String>,
}

/// A change's event shows the whole product as the change leaves it.
fn payload() -> Payload<Product> {
    Payload::json(ProductView::whole)
}

/// The product that a path names.
pub struct ProductPath {
    product_id: String,
    query: ProductQuery,
}

impl FromRequestParts<ManagementState> for ProductPath {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &ManagementState) -> Result<Self, ApiError> {
        let Path((_, product_id)) = Path::<(String, String)>::from_request_parts(parts, state)
            .await
            .map_err(|error| ApiError::new(ErrorKind::INVALID_INPUT, error.body_text()))?;
        let query = Parameters::from_request_parts(parts, state).await?;
        Ok(Self {
            product_id,
            query: ProductQuery {
                app_id: query.text("app_id"),
            },
        })
    }
}

impl ProductPath {
    /// Of this space, where one is named.
    #[must_use]
    pub fn in_space(mut self, app_id: Option<&AppId>) -> Self {
        if let Some(app_id) = app_id {
            self.query.app_id = Some(app_id.to_string());
        }
        self
    }

    /// Loads it.
    pub async fn load(&self, state: &ManagementState) -> Result<Product, ApiError> {
        let app = apps::named(state, self.query.app_id.as_deref()).await?;
        let missing = |_| ApiError::new(ErrorKind::NO_PRODUCT, format!("product_id: {}", self.product_id));
        let product_id = ProductId::parse(&self.product_id).map_err(missing)?;
        load(state, &product_id, app.as_ref()).await
    }
}

/// The product of this id: of the given space, else the default one's, else the earliest made.
pub(super) async fn load(
    state: &ManagementState,
    product_id: &ProductId,
    app_id: Option<&AppId>,
) -> Result<Product, ApiError> {
    if let Some(product) = state.stores.registry.product(product_id, app_id).await? {
        return Ok(product);
    }
    let place = match app_id {
        None => String::new(),
        Some(app_id) => format!(", app_id: {}", space(state, Some(app_id)).await?.app_id),
    };
    let detail = format!("product_id: {product_id}{place}");
    Err(ApiError::new(ErrorKind::NO_PRODUCT, detail))
}
