//! All products, and the form for one more.

use askama::Template;
use http::{Method, StatusCode};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{MODES, path_of};
use crate::auth::person::UserRole;
use crate::console::api::object;
use crate::console::components::{Field, Pager, time};
use crate::console::fields::query;
use crate::console::page::{Frame, show_with, to};
use crate::console::visitor::Needs;
use crate::console::{Answer, Asked, Fields, Form, Operator, Refusal, Visitor, api};

const DONE: &[(&str, &str)] = &[("deleted", "The product is deleted.")];

#[derive(Template)]
#[template(path = "products.html")]
struct Products {
    frame: Frame,
    filter: Field,
    rows: Vec<Row>,
    pager: Pager,
    may_create: bool,
    fields: Vec<Field>,
    /// Why the product was refused.
    refused: String,
}

struct Row {
    path: String,
    product_id: String,
    name: String,
    device_type: String,
    mode: String,
    space: String,
    created: String,
}

impl Row {
    fn of(product: &Value) -> Self {
        let text = |name: &str| api::text(product, name).to_owned();
        let mode = text("/validation_mode");
        Self {
            path: path_of(&text("/product_id"), &text("/app_id"), ""),
            product_id: text("/product_id"),
            name: text("/name"),
            device_type: text("/device_type"),
            mode: if mode.is_empty() {
                "default".to_owned()
            } else {
                mode
            },
            space: text("/app_name"),
            created: time(&text("/create_time")),
        }
    }
}

fn fields(said: &Fields) -> Vec<Field> {
    let optional = |name, label| Field {
        is_optional: true,
        ..Field::text(name, label)
    };
    let all = [
        Field::text("name", "Name").required(),
        Field::text("device_type", "Device type")
            .hint("Like Meter.")
            .required(),
        optional("product_id", "Product id").hint("Else one is made."),
        Field::choice("validation_mode", "Reports that break the model", MODES),
        Field {
            is_optional: true,
            ..Field::text("service_capabilities", "Model")
                .kind("textarea")
                .hint("The service_capabilities JSON, where you have it; else add services afterwards.")
        },
    ];
    all.into_iter()
        .map(|field| {
            let value = said.text(field.name);
            field.value(value)
        })
        .collect()
}

async fn products<N: Needs>(
    visitor: &Visitor<N>,
    asked: &Fields,
    fields: Vec<Field>,
) -> Result<Products, Refusal> {
    let (name, marker) = (asked.text("product_name"), asked.text("marker"));
    let limit = Pager::LIMIT.to_string();
    let wanted = query([("product_name", name), ("marker", marker), ("limit", &limit)]);
    let found = visitor.get(&format!("/products{wanted}")).await?;
    let rows: Vec<_> = api::list(&found, "/products").iter().map(Row::of).collect();
    let kept = [("product_name", name)];
    Ok(Products {
        frame: visitor.frame("Products"),
        filter: Field::text("product_name", "Name, in whole").value(name),
        pager: Pager::of(&found, rows.len(), "/console/products", &kept, marker),
        rows,
        may_create: visitor.may(UserRole::Operator),
        fields,
        refused: String::new(),
    })
}

/// A page of them.
pub async fn list(visitor: Visitor, Asked(asked): Asked) -> Answer {
    let mut page = products(&visitor, &asked, fields(&Fields::default())).await?;
    page.frame = page.frame.noticing(asked.text("done"), DONE);
    show_with(StatusCode::OK, &page)
}

/// Makes one, and goes on to its page.
pub async fn create(form: Form<Operator>) -> Answer {
    let (visitor, said) = (&form.visitor, &form.fields);
    let made = match creation(said) {
        Ok(body) => visitor.call_raw(Method::POST, "/products", body).await?,
        Err(error) => return refused(&form, error.to_owned()).await,
    };
    match made {
        Ok(made) => {
            let (product_id, app_id) = (api::text(&made, "/product_id"), api::text(&made, "/app_id"));
            to(&format!("{}&done=created", path_of(product_id, app_id, "")))
        }
        Err(told) => refused(&form, told.message).await,
    }
}

async fn refused(form: &Form<Operator>, why: String) -> Answer {
    let mut page = products(&form.visitor, &Fields::default(), fields(&form.fields)).await?;
    page.refused = why;
    show_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
}

/// The API's body, the model in the digits in which it was written.
fn creation(said: &Fields) -> Result<String, &'static str> {
    let names = ["name", "device_type", "product_id", "validation_mode"];
    let texts = names.map(|name| (name, said.text(name)));
    let fixed = [("protocol_type", "HTTPS"), ("data_format", "json")];
    let rest = object(&[&texts[..], &fixed[..]].concat());
    with_model(&rest, said.text("service_capabilities"))
}

/// The body with this model, which must be JSON to be part of it.
pub(super) fn with_model(rest: &Value, model: &str) -> Result<String, &'static str> {
    let model = if model.is_empty() { "[]" } else { model };
    if serde_json::from_str::<&RawValue>(model).is_err() {
        return Err("The model is not JSON.");
    }
    let rest = rest.to_string();
    let rest = rest.trim_start_matches('{').trim_end_matches('}');
    let comma = if rest.is_empty() { "" } else { "," };
    Ok(format!(r#"{{"service_capabilities":{model}{comma}{rest}}}"#))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_product_is_made_of_what_was_written() {
        let said = Fields::parse(br#"name=N&device_type=T&service_capabilities=[{"a":1.50}]"#);
        let body = creation(&said).unwrap();
        assert!(
            body.starts_with(r#"{"service_capabilities":[{"a":1.50}],"#),
            "{body}"
        );
        let read: Value = serde_json::from_str(&body).unwrap();
        assert_eq!(
            (&read["name"], &read["protocol_type"]),
            (&Value::from("N"), &Value::from("HTTPS"))
        );
        assert!(read.get("product_id").is_none(), "the API makes one");
        assert!(creation(&Fields::parse(b"service_capabilities=[],\"x\":[]")).is_err());
    }
}
