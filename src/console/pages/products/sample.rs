//! A report that a device of a product could send: where a person starts from.

use serde_json::{Map, Value, json};

use crate::console::api;

/// Properties of a sample: enough to show the shape.
const PROPERTIES: usize = 4;

/// With the first service's first properties, each with a value that its rules take where they are simple.
pub(in crate::console) fn sample_report(product: &Value) -> String {
    let services = api::list(product, "/service_capabilities");
    let with_properties = |service: &&Value| !api::list(service, "/properties").is_empty();
    let Some(service) = services.iter().find(with_properties).or(services.first()) else {
        return json!({"services": []}).to_string();
    };
    let properties = api::list(service, "/properties").iter().take(PROPERTIES);
    let properties: Map<_, _> = properties
        .map(|property| (api::text(property, "/property_name").to_owned(), value(property)))
        .collect();
    let service_id = api::text(service, "/service_id");
    json!({"services": [{"service_id": service_id, "properties": properties}]}).to_string()
}

fn value(property: &Value) -> Value {
    let allowed = api::list(property, "/enum_list").first();
    match api::text(property, "/data_type").to_ascii_lowercase().as_str() {
        "int" | "long" | "decimal" | "double" => {
            let least = api::text(property, "/min");
            serde_json::from_str(least).unwrap_or(json!(0))
        }
        "boolean" => json!(true),
        "datetime" => json!("2026-01-01T00:00:00Z"),
        "jsonobject" => json!({}),
        "string list" => json!([]),
        _ => allowed.cloned().unwrap_or(json!("")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_fits_its_model() {
        let product = json!({"service_capabilities": [{"service_id": "S", "properties": [
            {"property_name": "n", "data_type": "decimal", "min": "-40"},
            {"property_name": "e", "data_type": "enum", "enum_list": ["on"]},
            {"property_name": "b", "data_type": "boolean"}]}]});
        let sample: Value = serde_json::from_str(&sample_report(&product)).unwrap();
        let expected =
            json!({"services": [{"service_id": "S", "properties": {"n": -40, "e": "on", "b": true}}]});
        assert_eq!(sample, expected);
    }
}
