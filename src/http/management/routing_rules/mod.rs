//! Forwarding rules (management-api.md §9, routing.md §6).

mod action_view;
pub mod backlog;
pub mod create_action;
pub mod create_rule;
mod dead_letter_users;
pub mod delete_action;
pub mod delete_rule;
pub mod deliveries;
pub mod flow_control;
pub mod list_actions;
pub mod list_rules;
mod path;
mod policy;
pub mod rotate_secret;
mod rule_view;
pub mod show_action;
pub mod show_rule;
mod target;
pub mod test_rule;
pub mod update_action;
pub mod update_rule;
pub mod upkeep;

use utoipa::ToSchema;

use crate::auth::secret::random_bytes;
use crate::domain::ids::IdError;
use crate::http::error::{ApiError, ErrorKind};
use crate::http::extract::fields::Fields;
use crate::http::extract::query::Parameters;
use crate::http::schema::{choice, documented};
use crate::routing::channel::target::CHANNELS;
use crate::routing::sql::SqlFault;
use crate::routing::subject::Subject;

const APP_TYPES: [&str; 2] = ["GLOBAL", "APP"];

/// The longest name and description of a rule.
const LONGEST_TEXT: usize = 256;

/// What a rule takes, before its scope and SQL narrow it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "shows what `subject` reads")]
struct SubjectBody {
    resource: ResourceName,
    event: EventName,
}

documented! {
    /// What events tell of.
    ResourceName = choice(&Subject::RESOURCES);
    /// What befell it; not every resource has every event.
    EventName = choice(&Subject::EVENTS);
    /// Whether a rule sees all resource spaces or one.
    AppType = choice(&APP_TYPES);
    /// The channels that are built in.
    ChannelName = choice(&CHANNELS.map(|kind| kind.name));
}

/// `subject`: `{resource, event}`.
fn subject(fields: &Fields<'_>) -> Result<Subject, ApiError> {
    let Some(named) = fields.object("subject")? else {
        return Err(fields.fault("subject", "is missing"));
    };
    let [resource, event] = ["resource", "event"].map(|name| {
        let text = named.choice(
            name,
            if name == "event" {
                &Subject::EVENTS
            } else {
                &Subject::RESOURCES
            },
        )?;
        text.ok_or_else(|| named.fault(name, "is missing"))
    });
    let (resource, event) = (resource?, event?);
    Subject::new(&resource, &event)
        .ok_or_else(|| fields.fault("subject", &format!("{resource} has no event {event}")))
}

/// `app_type` of a query: whether of one space (true) or of all (false).
fn scoped(query: &Parameters) -> Result<Option<bool>, ApiError> {
    match query.text("app_type").as_deref() {
        None => Ok(None),
        Some("GLOBAL") => Ok(Some(false)),
        Some("APP") => Ok(Some(true)),
        Some(_) => Err(ApiError::new(
            ErrorKind::INVALID_INPUT,
            "app_type: must be one of GLOBAL, APP",
        )),
    }
}

/// A clause as it is written, which must parse; none when it is absent.
fn clause<T>(
    fields: &Fields<'_>,
    name: &'static str,
    parse: impl Fn(&str) -> Result<T, SqlFault>,
) -> Result<Option<String>, ApiError> {
    let text = fields.text(name, usize::MAX, |_| true)?;
    if let Some(text) = &text {
        parse(text).map_err(|fault| ApiError::of_clause(name, fault))?;
    }
    Ok(text)
}

/// A new id: a UUID, as the documented platform gives.
fn new_id<T>(parse: impl Fn(&str) -> Result<T, IdError>) -> Result<T, ApiError> {
    let id = uuid::Builder::from_random_bytes(random_bytes::<16>()?).into_uuid();
    parse(&id.to_string()).map_err(|error| ApiError::new(ErrorKind::INTERNAL, error.to_string()))
}
