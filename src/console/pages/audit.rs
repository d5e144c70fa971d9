//! Who changed what: the audit log, newest first.

use askama::Template;
use http::{Method, StatusCode};
use serde_json::Value;

use crate::console::components::{Badge, Field, Pager, Tone, time};
use crate::console::fields::query;
use crate::console::page::{Frame, show_with};
use crate::console::{Admin, Answer, Asked, Fields, Visitor, api};

#[derive(Template)]
#[template(path = "audit.html")]
struct Audit {
    frame: Frame,
    /// Why the API refused the filters.
    error: String,
    fields: [Field; 3],
    rows: Vec<Row>,
    pager: Pager,
}

struct Row {
    time: String,
    actor: String,
    action: String,
    resource: String,
    from: String,
    outcome: Badge,
    request_id: String,
}

impl Row {
    fn of(entry: &Value) -> Self {
        let text = |name: &str| api::text(entry, name).to_owned();
        let outcome = text("/outcome");
        Self {
            time: time(&text("/time")),
            actor: text("/actor"),
            action: text("/action"),
            resource: text("/resource"),
            from: text("/from"),
            outcome: if outcome == "done" {
                Badge::new(Tone::Good, "Done")
            } else {
                Badge::new(Tone::Bad, format!("Refused: {outcome}"))
            },
            request_id: text("/request_id"),
        }
    }
}

/// What a date's field sends (`2026-11-24T22:30`) as the API takes it; anything else goes there as it is, to be refused.
pub(super) fn compact(sent: &str, seconds: &str) -> String {
    let digits: String = sent.chars().filter(|c| !matches!(c, '-' | ':')).collect();
    match (sent.len(), digits.len()) {
        (16, 13) => format!("{digits}{seconds}Z"),
        (19, 15) => format!("{digits}Z"),
        _ => sent.to_owned(),
    }
}

/// What a date's field can show again.
pub(super) fn moment(sent: &str) -> &str {
    if compact(sent, "") == sent { "" } else { sent }
}

fn fields(asked: &Fields) -> [Field; 3] {
    [
        Field::text("actor", "User or access key").value(asked.text("actor")),
        Field::text("from", "From, UTC")
            .kind("datetime-local")
            .value(moment(asked.text("from"))),
        Field::text("to", "To, UTC")
            .kind("datetime-local")
            .value(moment(asked.text("to"))),
    ]
}

/// A page of it.
pub async fn list(visitor: Visitor<Admin>, Asked(asked): Asked) -> Answer {
    let said = |name| asked.text(name);
    let limit = Pager::LIMIT.to_string();
    let (start, end) = (compact(said("from"), "00"), compact(said("to"), "59"));
    let path = query([
        ("actor", said("actor")),
        ("start_time", &start),
        ("end_time", &end),
        ("marker", said("marker")),
        ("limit", &limit),
    ]);
    let found = visitor
        .call(Method::GET, &format!("/audit{path}"), &Value::Null)
        .await?;
    let (found, error, status) = match found {
        Ok(found) => (found, String::new(), StatusCode::OK),
        Err(refused) => (Value::Null, refused.message, refused.status),
    };
    let rows: Vec<_> = api::list(&found, "/entries").iter().map(Row::of).collect();
    let filters = ["actor", "from", "to"].map(|name| (name, said(name)));
    let page = Audit {
        frame: visitor.frame("Audit"),
        error,
        fields: fields(&asked),
        pager: Pager::of(&found, rows.len(), "/console/audit", &filters, said("marker")),
        rows,
    };
    show_with(status, &page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dates_field_becomes_the_apis_time() {
        assert_eq!(compact("2026-11-24T22:30", "59"), "20261124T223059Z");
        assert_eq!(compact("2026-11-24T22:30:05", "00"), "20261124T223005Z");
        assert_eq!(compact("", "00"), "");
        assert_eq!(compact("yesterday", "00"), "yesterday");
    }
}
