//! One device: how it stands, what it last said, what it was told, and how to speak for it.

use askama::Template;
use axum::extract::Path;
use serde_json::Value;

use super::commands::{Command, commands};
use super::events::{Events, SHOWN, Told};
use super::reported::{self, ServiceShadow};
use super::{path_of, status};
use crate::auth::person::UserRole;
use crate::auth::secret::Secret;
use crate::console::components::{Badge, Field, time};
use crate::console::fields::{query, segment};
use crate::console::page::{self, Frame};
use crate::console::pages::products;
use crate::console::visitor::Needs;
use crate::console::{Answer, Asked, Refusal, Visitor, api};

const DONE: &[(&str, &str)] = &[
    ("frozen", "The device is frozen: nothing of it is taken."),
    ("unfrozen", "The device is taken again."),
];

const KINDS: &[(&str, &str)] = &[
    ("", "All"),
    ("property", "Properties"),
    ("message", "Messages"),
    ("status", "Status"),
    ("device", "Changes of the device"),
];

/// Children and refusals of one page.
const LISTED: usize = 10;

/// What a device's page shows beside the device.
#[derive(Default)]
pub(super) struct Showing {
    /// Just made: shown this once.
    pub(super) secret: Option<Secret>,
    pub(super) notice: Option<&'static str>,
    pub(super) kind: String,
    /// Events before this marker.
    pub(super) events: String,
    /// Refusals before this one.
    pub(super) trace: String,
}

#[derive(Template)]
#[template(path = "device.html")]
pub(super) struct DevicePage {
    frame: Frame,
    device_id: String,
    page_path: String,
    secret: Option<Secret>,
    status: Badge,
    is_frozen: bool,
    may_change: bool,
    facts: Vec<Fact>,
    children: Vec<Child>,
    children_count: i64,
    shadow: Vec<ServiceShadow>,
    kinds: Field,
    events: Events,
    events_first: Option<String>,
    trace: Vec<Told>,
    trace_next: Option<String>,
    commands: Vec<Command>,
    endpoint: String,
}

/// A line of what is known; with a path it leads there.
struct Fact {
    name: &'static str,
    value: String,
    path: String,
}

struct Child {
    device_id: String,
    path: String,
    status: Badge,
}

impl DevicePage {
    fn path(&self, what: &str) -> String {
        path_of(&self.device_id, &format!("/{what}"))
    }
}

/// Shows it.
pub async fn show(visitor: Visitor, Path(device_id): Path<String>, Asked(asked): Asked) -> Answer {
    let showing = Showing {
        kind: asked.text("kind").to_owned(),
        events: asked.text("events").to_owned(),
        trace: asked.text("trace").to_owned(),
        ..Showing::default()
    };
    let mut page = page_of(&visitor, &device_id, showing).await?;
    page.frame = page.frame.noticing(asked.text("done"), DONE);
    page::show(&page)
}

/// A device's page.
pub(super) async fn page_of<N: Needs>(
    visitor: &Visitor<N>,
    device_id: &str,
    showing: Showing,
) -> Result<DevicePage, Refusal> {
    let at = format!("/devices/{}", segment(device_id));
    let device = visitor.get(&at).await?;
    let shadow = visitor.get_text(&format!("{at}/shadow")).await?;
    let events = events(visitor, &at, device_id, &showing).await?;
    let limit = LISTED.to_string();
    let trace = query([("limit", limit.as_str()), ("marker", &showing.trace)]);
    let trace = visitor.get(&format!("{at}/trace{trace}")).await?;
    let children = query([("gateway_id", device_id), ("limit", &limit)]);
    let children = visitor.get(&format!("/devices{children}")).await?;
    let entries = api::list(&trace, "/entries");
    let may_change = visitor.may(UserRole::Operator);
    let mut frame = visitor.frame(device_id);
    frame.notice = showing.notice.map(str::to_owned);
    let word = api::text(&device, "/status");
    Ok(DevicePage {
        frame,
        device_id: device_id.to_owned(),
        page_path: path_of(device_id, ""),
        secret: showing.secret,
        status: status(word),
        is_frozen: word == "FROZEN",
        may_change,
        facts: facts(&device),
        children: api::list(&children, "/devices").iter().map(child).collect(),
        children_count: api::number(&children, "/page/count"),
        shadow: reported::read(&shadow).map_err(|error| Refusal::internal(&error))?,
        kinds: Field::choice("kind", "Kind", KINDS).value(showing.kind.as_str()),
        events,
        events_first: (!showing.events.is_empty())
            .then(|| path_of(device_id, &query([("kind", showing.kind.as_str())]))),
        trace: entries.iter().map(Told::of).collect(),
        trace_next: (entries.len() == LISTED).then(|| {
            let at = query([("trace", api::text(&trace, "/page/marker"))]);
            format!("{}#refusals", path_of(device_id, &at))
        }),
        commands: if may_change {
            commands_of(visitor, &device).await?
        } else {
            Vec::new()
        },
        endpoint: format!("https://{}", visitor.console.0.settings.device_host),
    })
}

async fn events<N: Needs>(
    visitor: &Visitor<N>,
    at: &str,
    device_id: &str,
    showing: &Showing,
) -> Result<Events, Refusal> {
    let limit = SHOWN.to_string();
    let asked = query([
        ("kind", showing.kind.as_str()),
        ("limit", &limit),
        ("marker", &showing.events),
    ]);
    let text = visitor.get_text(&format!("{at}/events{asked}")).await?;
    Events::read(&text, device_id, &showing.kind).map_err(|error| Refusal::internal(&error))
}

/// With the secret that the API tells, which the page itself does not show. A child has none to speak with: its gateway
/// reports for it.
async fn commands_of<N: Needs>(visitor: &Visitor<N>, device: &Value) -> Result<Vec<Command>, Refusal> {
    let secret = Secret::new(api::text(device, "/auth_info/secret").to_owned());
    if secret.expose().is_empty() || api::text(device, "/node_type") == "ENDPOINT" {
        return Ok(Vec::new());
    }
    let product = query([("app_id", api::text(device, "/app_id"))]);
    let product = format!("/products/{}{product}", segment(api::text(device, "/product_id")));
    let report = products::sample_report(&visitor.get(&product).await?);
    let settings = &visitor.console.0.settings;
    let device_id = api::text(device, "/device_id");
    Ok(commands(
        &settings.device_host,
        device_id,
        &secret,
        settings.clock.now(),
        &report,
    ))
}

fn child(device: &Value) -> Child {
    let device_id = api::text(device, "/device_id").to_owned();
    Child {
        path: path_of(&device_id, ""),
        status: status(api::text(device, "/status")),
        device_id,
    }
}

fn facts(device: &Value) -> Vec<Fact> {
    let text = |name: &str| api::text(device, name).to_owned();
    let fact = |name, value: String| Fact {
        name,
        value,
        path: String::new(),
    };
    let when = |name: &str, never: &str| match text(name) {
        at if at.is_empty() => never.to_owned(),
        at => format!("{} UTC", time(&at)),
    };
    let mut facts = vec![
        fact("Name", text("/device_name")),
        Fact {
            name: "Product",
            value: format!("{} ({})", text("/product_name"), text("/product_id")),
            path: products::path_of(&text("/product_id"), &text("/app_id"), ""),
        },
        fact("Node id", text("/node_id")),
        fact("Last heard", when("/last_heard_time", "Never")),
        fact("Status since", when("/connection_status_update_time", "")),
        fact("First heard", when("/active_time", "")),
        fact("Registered", when("/create_time", "")),
        fact("Description", text("/description")),
    ];
    if text("/node_type") == "ENDPOINT" {
        let gateway = Fact {
            name: "Gateway",
            value: text("/gateway_id"),
            path: path_of(&text("/gateway_id"), ""),
        };
        facts.insert(3, gateway);
    }
    facts.retain(|fact| !fact.value.is_empty());
    facts
}
