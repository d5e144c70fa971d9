//! Which events a rule takes, and what of them goes out: each is judged by the version of the rule that was in force at its
//! position.

use bytes::Bytes;
use serde::Deserialize;

use super::channel::Outgoing;
use super::dispatcher::{LIVE, Taken};
use super::sql::{Select, SqlFault, Where};
use super::tail::Rendered;
use crate::domain::ids::Position;
use crate::storage::RuleVersion;

/// One version, compiled.
#[derive(Debug)]
struct Version {
    rule: RuleVersion,
    select: Select,
    condition: Where,
}

/// A rule as it judged and judges.
#[derive(Debug, Default)]
pub struct Judge {
    versions: Vec<Version>,
}

impl Judge {
    /// From a rule's versions, by position.
    pub fn new(versions: Vec<RuleVersion>) -> Result<Self, SqlFault> {
        let compiled = versions.into_iter().map(|rule| {
            Ok(Version {
                select: Select::parse(&rule.text.select)?,
                condition: Where::parse(&rule.text.condition)?,
                rule,
            })
        });
        Ok(Self {
            versions: compiled.collect::<Result<_, SqlFault>>()?,
        })
    }

    /// The event, if the rule takes it. The live lane goes by the version of the event's position; a replay by the rule as it
    /// is, active or not, since the past comes by replay alone.
    pub fn take(&self, event: &Rendered, lane: i64) -> Option<Taken> {
        let version = if lane == LIVE {
            self.at(event.stored.position)
                .filter(|version| version.rule.active)?
        } else {
            self.versions.last()?
        };
        version.takes(event).then(|| version.taken(event))
    }

    /// What goes out of an event that was taken before.
    pub fn again(&self, event: &Rendered, lane: i64) -> Option<Taken> {
        let at = self.at(event.stored.position).filter(|_| lane == LIVE);
        Some(at.or_else(|| self.versions.last())?.taken(event))
    }

    fn at(&self, position: Position) -> Option<&Version> {
        self.versions
            .iter()
            .rfind(|version| version.rule.after < position)
    }
}

impl Version {
    fn takes(&self, event: &Rendered) -> bool {
        let (kind, text) = (event.stored.event.kind, &self.rule.text);
        if kind.resource() != text.resource || kind.event() != text.event {
            return false;
        }
        if let Some(scope) = &text.app_id
            && app_of(event).is_none_or(|app| app != scope.as_str())
        {
            return false;
        }
        self.condition.holds(&event.envelope)
    }

    fn taken(&self, event: &Rendered) -> Taken {
        let body = self.select.of(&event.envelope).into_owned();
        let device = event.device.as_ref();
        Taken {
            outgoing: Outgoing {
                position: event.stored.position,
                device_id: device.map(|device| device.device_id.clone()),
                product_id: device.map(|device| device.product_id.clone()),
                app_id: device.map(|device| device.app_id.clone()),
                body: Bytes::from(body),
            },
            device: event.stored.event.device.map(|(key, _)| key),
            received: event.stored.event.received,
        }
    }
}

/// The space of an event: its device's, or the one that a product's own text names.
fn app_of(event: &Rendered) -> Option<String> {
    #[derive(Deserialize)]
    struct Product {
        app_id: String,
    }
    match &event.device {
        Some(device) => Some(device.app_id.clone()),
        None => serde_json::from_slice::<Product>(&event.stored.event.payload)
            .ok()
            .map(|product| product.app_id),
    }
}
