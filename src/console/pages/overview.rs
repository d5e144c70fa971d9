//! The first page: whether the instance takes reports, and what it holds.

use askama::Template;
use http::Method;
use serde_json::{Value, json};

use crate::console::components::{Badge, Tone, time};
use crate::console::page::{self, Frame};
use crate::console::{Answer, Refusal, Visitor, api};

#[derive(Template)]
#[template(path = "overview.html")]
struct Overview {
    frame: Frame,
    state: Badge,
    /// Why it takes no reports; empty when it does.
    reason: String,
    certificate_ends: String,
    tiles: Vec<Tile>,
    facts: Vec<(&'static str, String)>,
}

/// A number and what it counts.
struct Tile {
    name: &'static str,
    number: i64,
    more: String,
}

/// Shows it.
pub async fn show(visitor: Visitor) -> Answer {
    let settings = &visitor.console.0.settings;
    let (status, readiness) = settings.api.readiness().await?;
    let state = if status.is_success() {
        Badge::new(Tone::Good, "Taking reports")
    } else {
        Badge::new(Tone::Bad, "Taking no reports")
    };
    let products = count(&visitor, "/products?limit=1").await?;
    let devices = count(&visitor, "/devices?limit=1").await?;
    let online = devices_that_are(&visitor, "ONLINE").await?;
    let rules = count(&visitor, "/routing-rule/rules?limit=1").await?;
    let active = count(&visitor, "/routing-rule/rules?limit=1&active=true").await?;
    let tile = |name, number, more| Tile { name, number, more };
    page::show(&Overview {
        frame: visitor.frame("Overview"),
        state,
        reason: api::text(&readiness, "/reason").to_owned(),
        certificate_ends: time(api::text(&readiness, "/certificate_ends")),
        tiles: vec![
            tile("Devices", devices, format!("{online} online")),
            tile("Products", products, String::new()),
            tile("Rules", rules, format!("{active} active")),
        ],
        facts: vec![
            ("Project id", settings.project_id.clone()),
            ("Devices connect to", format!("https://{}", settings.device_host)),
        ],
    })
}

async fn count(visitor: &Visitor, path: &str) -> Result<i64, Refusal> {
    let found = visitor.get(path).await?;
    // The documented list of rules has its count beside the rules.
    Ok(api::number(&found, "/page/count") + api::number(&found, "/count"))
}

async fn devices_that_are(visitor: &Visitor, status: &str) -> Result<i64, Refusal> {
    let sql = format!("select count(*) from device where status = '{status}'");
    let found = visitor
        .call(Method::POST, "/search/query-devices", &json!({ "sql": sql }))
        .await?;
    let found = found.unwrap_or(Value::Null);
    Ok(api::number(&found, "/count"))
}
