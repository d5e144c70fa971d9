//! Forwarding rules (management-api.md §9, routing.md §6).

pub mod backlog;
pub mod deliveries;
pub mod flow_control;
mod policy;
pub mod test_rule;
pub mod upkeep;

use utoipa::ToSchema;

use crate::http::error::ApiError;
use crate::http::extract::fields::Fields;
use crate::http::schema::{choice, documented};
use crate::routing::subject::Subject;

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
