//! A range of the log delivered by an action again.

use axum::extract::Path;
use http::{Method, StatusCode};
use serde_json::Value;

use super::standing::{self, api_path};
use super::{action, blame, members};
use crate::console::components::Field;
use crate::console::page::{show_with, to};
use crate::console::pages::audit::{compact, moment};
use crate::console::{Answer, Fields, Form, Operator, api};

/// From and to, each by time or by sequence, and the device.
pub(super) type ReplayFields = [Field; 5];

pub(super) fn fields(said: &Fields) -> ReplayFields {
    let time = |name, label| {
        Field::text(name, label)
            .kind("datetime-local")
            .value(moment(said.text(name)))
    };
    let text = |name, label| Field::text(name, label).value(said.text(name));
    [
        time("from_time", "From, UTC"),
        text("from_sequence", "or from sequence"),
        time("to_time", "To, UTC"),
        text("to_sequence", "or to sequence"),
        text("device_id", "Only of the device"),
    ]
}

/// What is done.
pub(super) fn notice(count: u64) -> String {
    match count {
        0 => "The rule takes no event of this range: nothing is delivered again.".to_owned(),
        1 => "One event is delivered again.".to_owned(),
        count => format!("{count} events are delivered again."),
    }
}

fn body(said: &Fields) -> Value {
    let mut body = members(said, &["from_sequence", "to_sequence", "device_id"]);
    for (name, seconds) in [("from_time", "00"), ("to_time", "59")] {
        if !said.text(name).is_empty() {
            let time = compact(said.text(name), seconds);
            body.insert(name.to_owned(), time.into());
        }
    }
    Value::Object(body)
}

/// Delivers it.
pub async fn replay(Path(action_id): Path<String>, form: Form<Operator>) -> Answer {
    let (visitor, said) = (&form.visitor, &form.fields);
    let (_, mut page) = action::load(visitor, &action_id).await?;
    let at = format!("{}/replay", api_path(&action_id));
    match visitor.call(Method::POST, &at, &body(said)).await? {
        Ok(found) => {
            let count = api::number(&found, "/replaying");
            to(&format!("{}?replaying={count}", standing::path(&action_id)))
        }
        Err(refused) if refused.status.is_client_error() => {
            page.replay = fields(said);
            page.replay_error = blame(&mut page.replay, &refused);
            show_with(StatusCode::UNPROCESSABLE_ENTITY, &page)
        }
        Err(refused) => Err(visitor.refuse(refused.status, refused.message)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_form_becomes_the_apis_range() {
        let said =
            Fields::parse(b"from_time=2026-11-24T22:30&to_time=2026-11-24T22:31&from_sequence=&device_id=a");
        let wanted =
            json!({"from_time": "20261124T223000Z", "to_time": "20261124T223159Z", "device_id": "a"});
        assert_eq!(body(&said), wanted);
    }
}
