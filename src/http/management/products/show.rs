//! `GET …/products/{product_id}`.

use axum::Json;
use axum::extract::State;

use super::{ProductPath, ProductQuery, ProductView};
use crate::http::error::ApiError;
use crate::http::extract::principal::Reader;
use crate::http::management::ManagementState;

/// One product, with its model.
#[utoipa::path(
    get, path = "/products/{product_id}", operation_id = "show_product", tag = "products",
    params(ProductQuery),
    responses((status = OK, body = ProductView)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    _: Reader,
    path: ProductPath,
) -> Result<Json<ProductView>, ApiError> {
    Ok(Json(ProductView::whole(&path.load(&state).await?)?))
}
