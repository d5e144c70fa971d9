//! `DELETE …/products/{product_id}`.

use axum::extract::State;
use http::StatusCode;

use super::{ProductPath, ProductQuery, payload};
use crate::http::error::{ApiError, ErrorKind};
use crate::http::extract::principal::Writer;
use crate::http::management::{ManagementState, change};
use crate::storage::ProductDeletion;

/// Deletes a product that has no devices.
#[utoipa::path(
    delete, path = "/products/{product_id}", operation_id = "delete_product", tag = "products",
    params(ProductQuery),
    responses((status = NO_CONTENT)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    writer: Writer,
    path: ProductPath,
) -> Result<StatusCode, ApiError> {
    let product = path.load(&state).await?;
    let change = change(&state, writer, payload());
    match state.stores.registry.delete_product(product.key, change).await? {
        ProductDeletion::Deleted => Ok(StatusCode::NO_CONTENT),
        ProductDeletion::NotFound => Err(ErrorKind::NO_PRODUCT.into()),
        ProductDeletion::HasDevices => Err(ErrorKind::PRODUCT_IN_USE.into()),
    }
}
