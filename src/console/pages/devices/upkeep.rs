//! What is done to one device.

use axum::extract::Path;
use http::Method;
use serde_json::{Value, json};

use super::path_of;
use super::show::{Showing, page_of};
use crate::auth::secret::Secret;
use crate::console::fields::segment;
use crate::console::page::{self, to};
use crate::console::{Answer, Form, Operator, Refusal, api};

async fn call(form: &Form<Operator>, method: Method, path: &str, body: &Value) -> Result<Value, Refusal> {
    let visitor = &form.visitor;
    let called = visitor.call(method, path, body).await?;
    called.map_err(|refused| visitor.refuse(refused.status, refused.message))
}

async fn act(form: &Form<Operator>, device_id: &str, what: &str, done: &str) -> Answer {
    let path = format!("/devices/{}/{what}", segment(device_id));
    call(form, Method::POST, &path, &Value::Null).await?;
    to(&path_of(device_id, &format!("?done={done}")))
}

/// Refuses the device from now on.
pub async fn freeze(Path(device_id): Path<String>, form: Form<Operator>) -> Answer {
    act(&form, &device_id, "freeze", "frozen").await
}

/// Takes it again.
pub async fn unfreeze(Path(device_id): Path<String>, form: Form<Operator>) -> Answer {
    act(&form, &device_id, "unfreeze", "unfrozen").await
}

/// Makes another secret, which the page that answers shows this once.
pub async fn reset_secret(Path(device_id): Path<String>, form: Form<Operator>) -> Answer {
    let path = format!("/devices/{}/action?action_id=resetSecret", segment(&device_id));
    let reset = call(&form, Method::POST, &path, &json!({})).await?;
    let showing = Showing {
        secret: Some(Secret::new(api::text(&reset, "/secret").to_owned())),
        notice: Some("The secret is another from now on; the device's tokens have ended."),
        ..Showing::default()
    };
    page::show(&page_of(&form.visitor, &device_id, showing).await?)
}

/// Deletes it.
pub async fn delete(Path(device_id): Path<String>, form: Form<Operator>) -> Answer {
    let path = format!("/devices/{}", segment(&device_id));
    call(&form, Method::DELETE, &path, &Value::Null).await?;
    to("/console/devices?done=deleted")
}
