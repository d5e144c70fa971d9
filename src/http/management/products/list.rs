//! `GET …/products`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;

use super::ProductView;
use crate::http::error::ApiError;
use crate::http::extract::principal::Reader;
use crate::http::extract::query::Parameters;
use crate::http::management::{ManagementState, PageView};
use crate::storage::ProductFilter;

/// `{products, page}`.
#[derive(Serialize)]
pub struct ProductList {
    products: Vec<ProductView>,
    page: PageView,
}

/// A page of products, newest first.
pub async fn handle(
    State(state): State<ManagementState>,
    _: Reader,
    query: Parameters,
) -> Result<Json<ProductList>, ApiError> {
    let filter = ProductFilter {
        app_id: query.text("app_id"),
        name: query.text("product_name"),
    };
    let found = state
        .stores
        .registry
        .list_products(&filter, query.page()?)
        .await?;
    let page = PageView::new(found.total, found.items.last().map(|product| product.key.0));
    Ok(Json(ProductList {
        products: found.items.iter().map(ProductView::summary).collect(),
        page,
    }))
}
