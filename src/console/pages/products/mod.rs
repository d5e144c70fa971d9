//! Products and their models: made, looked at, changed, tried on a report.

pub(in crate::console) mod list;
pub(in crate::console) mod model;
mod model_form;
mod sample;
pub(in crate::console) mod show;

use crate::console::fields::{query, segment};
pub(in crate::console) use sample::sample_report;

/// A product's page, or what is below it; its id is its own in each resource space, so the space goes along.
pub(in crate::console) fn path_of(product_id: &str, app_id: &str, below: &str) -> String {
    let space = query([("app_id", app_id)]);
    format!("/console/products/{}{below}{space}", segment(product_id))
}

/// The same of the API.
fn api_path(product_id: &str, app_id: &str, below: &str) -> String {
    let space = query([("app_id", app_id)]);
    format!("/products/{}{below}{space}", segment(product_id))
}

/// How a product treats reports that break its model.
const MODES: &[(&str, &str)] = &[
    ("", "As the configuration says"),
    ("reject", "Reject: the report is refused with its faults"),
    ("filter", "Filter: what fits is stored"),
    ("flag", "Flag: all is stored, with its faults"),
];
