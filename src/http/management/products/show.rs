//! `GET …/products/{product_id}`.

use axum::Json;
use axum::extract::State;

use super::{ProductPath, ProductView};
use crate::http::error::ApiError;
use crate::http::extract::principal::Reader;
use crate::http::management::ManagementState;

/// One product, with its model.
pub async fn handle(
    State(state): State<ManagementState>,
    _: Reader,
    path: ProductPath,
) -> Result<Json<ProductView>, ApiError> {
    Ok(Json(ProductView::whole(&path.load(&state).await?)?))
}
