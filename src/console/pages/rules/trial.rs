//! A rule tried on an event before it takes any: a pasted one, or the newest of its kind.

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::subject;
use crate::console::api::{self, ApiRefusal};
use crate::console::components::{Badge, Field, Tone};
use crate::console::fields::query;
use crate::console::json_text::set_out;
use crate::console::visitor::Needs;
use crate::console::{Fields, Refusal, Visitor};

/// What the rule does with the event.
pub struct Trial {
    /// Whether it takes it.
    pub verdict: Badge,
    /// Which event it was.
    pub of: String,
    /// What would go out.
    pub result: String,
    /// The event, if it was not pasted.
    pub event: String,
}

/// Why there is no trial.
pub enum NoTrial {
    /// The event is none, or there is none.
    Event(String),
    /// The API refused it.
    Refused(ApiRefusal),
}

#[derive(Deserialize)]
struct Outcome {
    taken: bool,
    result: Box<RawValue>,
}

#[derive(Deserialize)]
struct Recent {
    events: Vec<Box<RawValue>>,
}

/// The event to try on.
struct Tried {
    /// Its member of the API's body.
    member: String,
    of: String,
    shown: String,
}

/// How many events of a kind are looked through for one of the subject: kinds have up to three.
const LOOKED_THROUGH: &str = "200";

/// The box for an event.
pub fn event_field(said: &str) -> Field {
    let hint = "An event as JSON. Empty: the newest of this kind.";
    Field {
        is_optional: true,
        ..Field::text("event", "Event to try it on")
            .kind("textarea")
            .hint(hint)
            .value(said)
    }
}

/// Tries the clauses of a form on an event of this subject.
pub async fn run<N: Needs>(
    visitor: &Visitor<N>,
    chosen: &str,
    said: &Fields,
) -> Result<Result<Trial, NoTrial>, Refusal> {
    let tried = match said.text("event") {
        "" => match newest(visitor, chosen).await? {
            Some(tried) => tried,
            // The clauses are checked all the same.
            None => nothing(),
        },
        pasted => match serde_json::from_str::<&RawValue>(pasted) {
            Ok(event) => Tried {
                member: format!(r#""event":{event}"#),
                of: "the event that you pasted".to_owned(),
                shown: String::new(),
            },
            Err(error) => return Ok(Err(NoTrial::Event(format!("This is not JSON: {error}.")))),
        },
    };
    let rule =
        json!({"subject": subject::body(chosen), "select": said.text("select"), "where": said.text("where")});
    // The event joins it as text, so that its numbers stay as they are.
    let rule = rule.to_string();
    let open = rule.strip_suffix('}').unwrap_or_default();
    let body = format!("{open},{}}}", tried.member);
    let answer = visitor
        .call_for::<Outcome>(Method::POST, "/routing-rule/test", body)
        .await?;
    Ok(match answer {
        Ok(_) if tried.of.is_empty() => Err(NoTrial::Event(
            "There is no recent event of this kind: paste one here.".to_owned(),
        )),
        Ok(outcome) => Ok(Trial::of(&outcome, tried)),
        Err(refused) if refused.status == StatusCode::BAD_REQUEST => Err(NoTrial::Refused(refused)),
        Err(refused) => return Err(visitor.refuse(refused.status, refused.message)),
    })
}

impl Trial {
    fn of(outcome: &Outcome, tried: Tried) -> Self {
        let (verdict, result) = if outcome.taken {
            (Badge::new(Tone::Good, "Taken"), set_out(outcome.result.get()))
        } else {
            (Badge::new(Tone::Quiet, "Not taken"), String::new())
        };
        Self {
            verdict,
            of: tried.of,
            result,
            event: tried.shown,
        }
    }
}

fn nothing() -> Tried {
    Tried {
        member: r#""event":{}"#.to_owned(),
        of: String::new(),
        shown: String::new(),
    }
}

async fn newest<N: Needs>(visitor: &Visitor<N>, chosen: &str) -> Result<Option<Tried>, Refusal> {
    let Some(kind) = subject::kind(chosen) else {
        return Ok(None);
    };
    let limits = [
        ("kind", kind),
        ("last", LOOKED_THROUGH),
        ("limit", LOOKED_THROUGH),
    ];
    let path = format!("/events/stream{}", query(limits));
    let found = visitor
        .call_for::<Recent>(Method::GET, &path, String::new())
        .await?;
    let found = found.map_err(|refused| visitor.refuse(refused.status, refused.message))?;
    Ok(found.events.iter().rev().find_map(|event| {
        let read: Value = serde_json::from_str(event.get()).ok()?;
        let [resource, told, sequence] = ["/resource", "/event", "/sequence"].map(|at| api::text(&read, at));
        (format!("{resource}:{told}") == chosen).then(|| Tried {
            member: format!(r#""event":{event}"#),
            of: format!("event {sequence}, the newest of this kind"),
            shown: set_out(event.get()),
        })
    }))
}
