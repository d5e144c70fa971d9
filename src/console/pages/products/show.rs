//! One product: its model as tables, its settings, and a box in which a report is tried.

use askama::Template;
use axum::extract::Path;
use http::{Method, StatusCode};
use serde_json::Value;

use super::model_form::ModelForm;
use super::{MODES, api_path, path_of, sample_report};
use crate::auth::person::UserRole;
use crate::console::api::object;
use crate::console::components::{Badge, Field, Tone, time};
use crate::console::page::{self, Frame, show_with, to};
use crate::console::visitor::Needs;
use crate::console::{Answer, Asked, Form, Operator, Reader, Refusal, Visitor, api};

const DONE: &[(&str, &str)] = &[
    ("created", "The product is made."),
    ("changed", "The product is changed."),
    (
        "model",
        "The model is saved: it holds from each device's next report on.",
    ),
];

#[derive(Template)]
#[template(path = "product.html")]
struct ProductPage {
    frame: Frame,
    product_id: String,
    app_id: String,
    name: String,
    may_change: bool,
    facts: Vec<(&'static str, String)>,
    devices_path: String,
    model: ModelForm,
    settings: [Field; 3],
    refused: String,
    report: Field,
    checked: Option<Checked>,
}

/// How the server would answer a report.
struct Checked {
    answer: Badge,
    /// What the device would be told.
    message: String,
    faults: Vec<String>,
    more: i64,
    remarks: Vec<String>,
    stored: String,
    /// The report in parts: those that are at fault carry the number of the fault.
    parts: Vec<Part>,
}

struct Part {
    text: String,
    /// From 1; none is as it should be.
    fault: Option<usize>,
}

impl ProductPage {
    fn path(&self, what: &str) -> String {
        path_of(&self.product_id, &self.app_id, what)
    }
}

async fn product<N: Needs>(
    visitor: &Visitor<N>,
    product_id: &str,
    app_id: &str,
) -> Result<ProductPage, Refusal> {
    let text = visitor.get_text(&api_path(product_id, app_id, "")).await?;
    let product: Value = serde_json::from_str(&text).map_err(|error| Refusal::internal(&error))?;
    let model = ModelForm::of_product(&text).map_err(|error| Refusal::internal(&error))?;
    let said = |name: &str| api::text(&product, name).to_owned();
    let mut facts = vec![
        ("Product id", said("/product_id")),
        ("Device type", said("/device_type")),
        ("Protocol", said("/protocol_type")),
        ("Resource space", said("/app_name")),
        ("Manufacturer", said("/manufacturer_name")),
        ("Industry", said("/industry")),
        ("Description", said("/description")),
        ("Made (UTC)", time(&said("/create_time"))),
    ];
    facts.retain(|(_, value)| !value.is_empty());
    Ok(ProductPage {
        frame: visitor.frame(&said("/name")),
        product_id: said("/product_id"),
        app_id: said("/app_id"),
        name: said("/name"),
        may_change: visitor.may(UserRole::Operator),
        facts,
        devices_path: format!(
            "/console/devices{}",
            crate::console::fields::query([("product_id", product_id)])
        ),
        model,
        settings: [
            Field::text("name", "Name").value(said("/name")).required(),
            Field {
                is_optional: true,
                ..Field::text("description", "Description").value(said("/description"))
            },
            mode(&said("/validation_mode")),
        ],
        refused: String::new(),
        report: Field::text("report", "Report")
            .kind("textarea")
            .hint("What a device would send to properties/report. Nothing is stored.")
            .value(pretty(&sample_report(&product))),
        checked: None,
    })
}

/// A product that has a mode cannot go back to having none.
fn mode(current: &str) -> Field {
    let skipped = usize::from(!current.is_empty());
    let offered = MODES.get(skipped..).unwrap_or_default();
    Field::choice("validation_mode", "Reports that break the model", offered).value(current)
}

fn pretty(json: &str) -> String {
    let value: Value = serde_json::from_str(json).unwrap_or_default();
    serde_json::to_string_pretty(&value).unwrap_or_default()
}

/// Shows it.
pub async fn show(visitor: Visitor, Path(product_id): Path<String>, Asked(asked): Asked) -> Answer {
    let mut page = product(&visitor, &product_id, asked.text("app_id")).await?;
    page.frame = page.frame.noticing(asked.text("done"), DONE);
    page::show(&page)
}

/// Changes its name, description and mode.
pub async fn change(Path(product_id): Path<String>, Asked(asked): Asked, form: Form<Operator>) -> Answer {
    let (visitor, said, app_id) = (&form.visitor, &form.fields, asked.text("app_id"));
    // An empty description takes away what the product had; a mode that it has is another or stays.
    let mut body = object(&[
        ("name", said.text("name")),
        ("validation_mode", said.text("validation_mode")),
    ]);
    if let Value::Object(members) = &mut body {
        members.insert("description".to_owned(), said.text("description").into());
    }
    let path = api_path(&product_id, app_id, "");
    match visitor.call(Method::PUT, &path, &body).await? {
        Ok(_) => {
            let separator = if app_id.is_empty() { "?" } else { "&" };
            to(&format!(
                "{}{separator}done=changed",
                path_of(&product_id, app_id, "")
            ))
        }
        Err(told) if told.status == StatusCode::NOT_FOUND => Err(visitor.refuse(told.status, told.message)),
        Err(told) => {
            let mut page = product(visitor, &product_id, app_id).await?;
            page.settings = page.settings.map(|field| {
                let value = said.text(field.name);
                field.value(value)
            });
            page.refused = told.message;
            show_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}

/// Tries a report on its model.
pub async fn check(Path(product_id): Path<String>, Asked(asked): Asked, form: Form<Reader>) -> Answer {
    let (visitor, app_id) = (&form.visitor, asked.text("app_id"));
    let report = form.fields.text("report");
    let path = api_path(&product_id, app_id, "/check-report");
    let called = visitor.call_raw(Method::POST, &path, report.to_owned()).await?;
    let answer = called.map_err(|told| visitor.refuse(told.status, told.message))?;
    let mut page = product(visitor, &product_id, app_id).await?;
    page.report = page.report.value(report);
    page.checked = Some(Checked::of(&answer, report));
    page::show(&page)
}

/// Deletes it.
pub async fn delete(Path(product_id): Path<String>, Asked(asked): Asked, form: Form<Operator>) -> Answer {
    let (visitor, path) = (&form.visitor, api_path(&product_id, asked.text("app_id"), ""));
    match visitor.call(Method::DELETE, &path, &Value::Null).await? {
        Ok(_) => to("/console/products?done=deleted"),
        Err(told) => Err(visitor.refuse(told.status, told.message)),
    }
}

impl Checked {
    fn of(answer: &Value, report: &str) -> Self {
        let status = api::number(answer, "/status");
        let faults = api::list(answer, "/faults");
        let count = api::number(answer, "/fault_count");
        let tone = match (status, count) {
            (200, 0) => Tone::Good,
            (200, _) => Tone::Warning,
            _ => Tone::Bad,
        };
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let message = match (status, count, api::text(answer, "/validation_mode")) {
            (200, 0, _) => "Taken: every value fits the model.".to_owned(),
            (200, _, "filter") => "Taken without what does not fit (filter).".to_owned(),
            (200, ..) => "Taken as it is, with its faults beside it (flag).".to_owned(),
            _ => api::text(answer, "/error_msg").to_owned(),
        };
        let stored = answer.get("stored").map(Value::to_string).unwrap_or_default();
        Self {
            answer: Badge::new(
                tone,
                format!("{status} {}", api::text(answer, "/error_code"))
                    .trim()
                    .to_owned(),
            ),
            message,
            faults: faults
                .iter()
                .map(|fault| api::text(fault, "/message").to_owned())
                .collect(),
            more: (count - i64::try_from(faults.len()).unwrap_or(0)).max(0),
            remarks: api::list(answer, "/remarks").iter().map(text).collect(),
            stored: pretty(&stored),
            parts: parts(report, faults),
        }
    }
}

/// The report cut where faults begin and end.
fn parts(report: &str, faults: &[Value]) -> Vec<Part> {
    let byte = |fault: &Value, name: &str| usize::try_from(api::number(fault, name)).unwrap_or(0);
    let mut marks: Vec<_> = faults
        .iter()
        .enumerate()
        .map(|(index, fault)| (byte(fault, "/from"), byte(fault, "/to"), index + 1))
        .collect();
    marks.sort_unstable();
    let mut parts = Vec::new();
    let mut at = 0;
    let mut push = |text: Option<&str>, fault| {
        if let Some(text) = text.filter(|text| !text.is_empty()) {
            let text = text.to_owned();
            parts.push(Part { text, fault });
        }
    };
    for (from, to, number) in marks {
        if from < at {
            continue;
        }
        push(report.get(at..from), None);
        push(report.get(from..to), Some(number));
        at = to;
    }
    push(report.get(at..), None);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_report_is_cut_where_its_faults_stand() {
        let faults = json!([{"from": 5, "to": 6}, {"from": 1, "to": 2}]);
        let shown: Vec<_> = parts("äb,cd,e", api::list(&faults, ""))
            .into_iter()
            .map(|part| (part.text, part.fault))
            .collect();
        // Byte 1 is inside of "ä": such a place marks nothing, and loses nothing after it.
        assert_eq!(shown.last().unwrap(), &(",e".to_owned(), None));
        let faults = json!([{"from": 2, "to": 3}]);
        let shown: Vec<_> = parts("äb,cd", api::list(&faults, ""))
            .into_iter()
            .map(|part| (part.text, part.fault))
            .collect();
        let expected = [
            ("ä".to_owned(), None),
            ("b".to_owned(), Some(1)),
            (",cd".to_owned(), None),
        ];
        assert_eq!(shown, expected);
    }
}
