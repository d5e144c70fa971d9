//! `POST …/routing-rule/test`: what a rule would do with an event, before there is the rule (routing.md §6).

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use utoipa::ToSchema;

use super::{SubjectBody, subject};
use crate::domain::ids::Position;
use crate::http::error::{ApiError, ErrorKind};
use crate::http::extract::body::PlainBody;
use crate::http::extract::fields::Fields;
use crate::http::extract::principal::Reader;
use crate::http::management::ManagementState;
use crate::routing::sql::{Select, Where};
use crate::routing::subject::Subject;

/// A rule's subject and SQL, and the event to try it on: of the log by its `sequence`, or as it stands in `event`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "shows what the handler reads")]
struct RuleTest {
    subject: SubjectBody,
    /// What goes out; absent or empty: the whole event.
    #[schema(max_length = 2500)]
    select: Option<String>,
    /// Which events are taken; absent or empty: all of the subject.
    #[schema(rename = "where", max_length = 2500)]
    condition: Option<String>,
    /// Of an event that the log still holds.
    #[schema(pattern = "^[0-9]{1,19}$")]
    sequence: Option<String>,
    /// An event made up; where it names no `resource` or `event`, the subject's are taken for granted.
    #[schema(value_type = Option<Object>)]
    event: Option<()>,
}

/// What the rule does with the event.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the answer is put together from texts")]
struct RuleTestOutcome {
    /// Whether the rule takes it.
    taken: bool,
    /// What would go out; null when the rule does not take it.
    #[schema(value_type = Option<Object>)]
    result: (),
}

/// Tries a rule's subject and SQL on an event; a clause that does not parse is a 400 that tells where.
#[utoipa::path(
    post, path = "/routing-rule/test", operation_id = "test_routing_rule", tag = "routing",
    request_body = RuleTest,
    responses((status = OK, body = RuleTestOutcome)),
)]
pub async fn handle(
    State(state): State<ManagementState>,
    _: Reader,
    body: PlainBody,
) -> Result<Response, ApiError> {
    let fields = Fields::parse(body.bytes())?;
    let subject = subject(&fields)?;
    let clause = |name| {
        fields
            .text(name, usize::MAX, |_| true)
            .map(Option::unwrap_or_default)
    };
    let select = Select::parse(&clause("select")?).map_err(|fault| ApiError::of_clause("select", fault))?;
    let condition = Where::parse(&clause("where")?).map_err(|fault| ApiError::of_clause("where", fault))?;
    let event = event(&state, &fields).await?;
    let taken = event.is_of(subject) && condition.holds(&event.envelope);
    // Numbers and texts stay as the device wrote them.
    let result = if taken {
        select.of(&event.envelope)
    } else {
        "null".into()
    };
    let body = format!(r#"{{"taken":{taken},"result":{result}}}"#);
    Ok(([(CONTENT_TYPE, "application/json")], body).into_response())
}

/// The event to try.
struct Tried {
    resource: Option<String>,
    event: Option<String>,
    envelope: String,
}

impl Tried {
    fn is_of(&self, subject: Subject) -> bool {
        let fits = |own: &Option<String>, wanted| own.as_deref().is_none_or(|own| own == wanted);
        fits(&self.resource, subject.resource()) && fits(&self.event, subject.event())
    }
}

async fn event(state: &ManagementState, fields: &Fields<'_>) -> Result<Tried, ApiError> {
    match (fields.raw("sequence"), fields.object("event")?) {
        (Some(sequence), None) => {
            let Some(position) = position(sequence) else {
                return Err(fields.fault("sequence", "must be a decimal number as a string"));
            };
            let Some((kind, envelope)) = state.history.event(position).await? else {
                return Err(ApiError::new(ErrorKind::NO_EVENT, position.0.to_string()));
            };
            Ok(Tried {
                resource: Some(kind.resource().to_owned()),
                event: Some(kind.event().to_owned()),
                envelope,
            })
        }
        (None, Some(event)) => Ok(Tried {
            resource: event.text("resource", usize::MAX, |_| true)?,
            event: event.text("event", usize::MAX, |_| true)?,
            envelope: fields.raw("event").unwrap_or_default().to_owned(),
        }),
        (None, None) => Err(fields.fault("sequence", "is missing, and so is event")),
        (Some(_), Some(_)) => Err(fields.fault("sequence", "stands beside event; give one of them")),
    }
}

/// `"7"`; also `7`.
pub(super) fn position(text: &str) -> Option<Position> {
    let digits = text
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'))
        .unwrap_or(text);
    let whole = (1..=19).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|_| whole).map(Position)
}
