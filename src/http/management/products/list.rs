//! `GET …/products`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::{IntoParams, ToSchema};

use super::ProductView;
use crate::http::error::ApiError;
use crate::http::extract::principal::Reader;
use crate::http::extract::query::{Paging, Parameters};
use crate::http::management::{ManagementState, PageView, apps};
use crate::storage::ProductFilter;

/// Which products.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
struct ListProducts {
    /// Those of one resource space.
    app_id: Option<String>,
    /// Those of this name.
    product_name: Option<String>,
}

impl ListProducts {
    fn read(query: &Parameters) -> Self {
        Self {
            app_id: query.text("app_id"),
            product_name: query.text("product_name"),
        }
    }
}

/// `{products, page}`.
#[derive(Serialize, ToSchema)]
pub struct ProductList {
    products: Vec<ProductView>,
    page: PageView,
}

/// A page of products, newest first.
#[utoipa::path(
    get, path = "/products", operation_id = "list_products", tag = "products",
    params(ListProducts, Paging),
    responses((status = OK, body = ProductList)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    _: Reader,
    query: Parameters,
) -> Result<Json<ProductList>, ApiError> {
    let asked = ListProducts::read(&query);
    let app_id = apps::named(&state, asked.app_id.as_deref()).await?;
    let filter = ProductFilter {
        app_id: app_id.map(|id| id.to_string()),
        name: asked.product_name,
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
