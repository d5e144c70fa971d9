//! The model's editor: rows that the form's own buttons add and remove, and the same as JSON.

use askama::Template;
use axum::extract::Path;
use axum::response::IntoResponse;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;

use super::list::with_model;
use super::model_form::{MOST_ROWS, ModelForm};
use super::{api_path, path_of};
use crate::console::components::Field;
use crate::console::page::{self, Frame, show_with, to};
use crate::console::{Answer, Asked, Form, Operator, Refusal, Visitor};

#[derive(Template)]
#[template(path = "model.html")]
struct Editor {
    frame: Frame,
    product_id: String,
    app_id: String,
    model: ModelForm,
    /// Too large for rows.
    is_large: bool,
    /// Why it was not saved.
    refused: String,
    import: Field,
    import_refused: String,
}

impl Editor {
    fn path(&self, what: &str) -> String {
        path_of(&self.product_id, &self.app_id, what)
    }

    /// Whether the refusal is about this row.
    fn is_wrong(&self, service: usize, property: usize) -> bool {
        let place = format!("service_capabilities[{service}].properties[{property}]");
        self.refused.contains(&place)
    }
}

fn editor(visitor: &Visitor<Operator>, product_id: &str, app_id: &str, model: ModelForm) -> Editor {
    Editor {
        frame: visitor.frame(&format!("Model of {product_id}")),
        product_id: product_id.to_owned(),
        app_id: app_id.to_owned(),
        is_large: model.rows() > MOST_ROWS,
        model,
        refused: String::new(),
        import: Field::text("service_capabilities", "The service_capabilities JSON")
            .kind("textarea")
            .hint("It replaces the whole model."),
        import_refused: String::new(),
    }
}

async fn stored(visitor: &Visitor<Operator>, product_id: &str, app_id: &str) -> Result<ModelForm, Refusal> {
    let text = visitor.get_text(&api_path(product_id, app_id, "")).await?;
    ModelForm::of_product(&text).map_err(|error| Refusal::internal(&error))
}

/// The model in rows.
pub async fn edit(visitor: Visitor<Operator>, Path(product_id): Path<String>, Asked(asked): Asked) -> Answer {
    let app_id = asked.text("app_id");
    let model = stored(&visitor, &product_id, app_id).await?;
    page::show(&editor(&visitor, &product_id, app_id, model))
}

/// Adds or removes a row, which saves nothing yet; any other button saves.
pub async fn work(Path(product_id): Path<String>, Asked(asked): Asked, form: Form<Operator>) -> Answer {
    let (visitor, said, app_id) = (&form.visitor, &form.fields, asked.text("app_id"));
    let mut model = ModelForm::of_fields(said);
    if model.work(said.text("do")) {
        return page::show(&editor(visitor, &product_id, app_id, model));
    }
    match save(visitor, &product_id, app_id, &model.json()).await? {
        None => done(&product_id, app_id),
        Some(why) => {
            let mut page = editor(visitor, &product_id, app_id, model);
            page.refused = why;
            show_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}

/// Replaces the model by what was pasted.
pub async fn import(Path(product_id): Path<String>, Asked(asked): Asked, form: Form<Operator>) -> Answer {
    let (visitor, app_id) = (&form.visitor, asked.text("app_id"));
    let text = form.fields.text("service_capabilities");
    match save(visitor, &product_id, app_id, text).await? {
        None => done(&product_id, app_id),
        Some(why) => {
            let model = stored(visitor, &product_id, app_id).await?;
            let mut page = editor(visitor, &product_id, app_id, model);
            page.import = page.import.value(text);
            page.import_refused = why;
            show_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
    }
}

/// Stores it; else why not.
async fn save(
    visitor: &Visitor<Operator>,
    product_id: &str,
    app_id: &str,
    model: &str,
) -> Result<Option<String>, Refusal> {
    let body = match with_model(&json!({}), model) {
        Ok(body) => body,
        Err(why) => return Ok(Some(why.to_owned())),
    };
    let path = api_path(product_id, app_id, "");
    match visitor.call_raw(Method::PUT, &path, body).await? {
        Ok(_) => Ok(None),
        Err(told) if told.status == StatusCode::NOT_FOUND => Err(visitor.refuse(told.status, told.message)),
        Err(told) => Ok(Some(told.message)),
    }
}

fn done(product_id: &str, app_id: &str) -> Answer {
    let separator = if app_id.is_empty() { "?" } else { "&" };
    to(&format!(
        "{}{separator}done=model",
        path_of(product_id, app_id, "")
    ))
}

/// Downloads the model as the JSON that `import` takes.
pub async fn export(visitor: Visitor, Path(product_id): Path<String>, Asked(asked): Asked) -> Answer {
    #[derive(Deserialize)]
    struct Product {
        service_capabilities: Box<RawValue>,
    }
    let text = visitor
        .get_text(&api_path(&product_id, asked.text("app_id"), ""))
        .await?;
    let product: Product = serde_json::from_str(&text).map_err(|error| Refusal::internal(&error))?;
    let headers = [
        (CONTENT_TYPE, "application/json"),
        (CONTENT_DISPOSITION, "attachment; filename=\"model.json\""),
    ];
    Ok((headers, product.service_capabilities.get().to_owned()).into_response())
}
