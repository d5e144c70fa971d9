//! A device's shadow as a table of values, each as it was written.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::console::components::time;

/// One service of the shadow.
pub(super) struct ServiceShadow {
    pub(super) service_id: String,
    pub(super) reported_at: String,
    pub(super) desired_at: String,
    pub(super) version: i64,
    pub(super) rows: Vec<ShadowRow>,
}

/// A property: what was last reported, and what it is desired to be.
pub(super) struct ShadowRow {
    pub(super) name: String,
    pub(super) reported: String,
    pub(super) desired: String,
}

#[derive(Deserialize)]
struct Shadow {
    shadow: Vec<Service>,
}

#[derive(Deserialize)]
struct Service {
    #[serde(rename = "service_id")]
    id: String,
    #[serde(default)]
    desired: Section,
    #[serde(default)]
    reported: Section,
    version: i64,
}

#[derive(Default, Deserialize)]
struct Section {
    properties: BTreeMap<String, Box<RawValue>>,
    event_time: Option<String>,
}

impl Section {
    fn value(&self, name: &str) -> String {
        self.properties
            .get(name)
            .map_or(String::new(), |value| value.get().to_owned())
    }

    fn at(&self) -> String {
        self.event_time.as_deref().map(time).unwrap_or_default()
    }
}

/// Reads the API's text.
pub(super) fn read(text: &str) -> serde_json::Result<Vec<ServiceShadow>> {
    let read: Shadow = serde_json::from_str(text)?;
    Ok(read.shadow.into_iter().map(ServiceShadow::of).collect())
}

impl ServiceShadow {
    fn of(service: Service) -> Self {
        let (reported, desired) = (&service.reported, &service.desired);
        let names: BTreeSet<_> = reported
            .properties
            .keys()
            .chain(desired.properties.keys())
            .collect();
        let row = |name: &String| ShadowRow {
            name: name.clone(),
            reported: reported.value(name),
            desired: desired.value(name),
        };
        Self {
            rows: names.into_iter().map(row).collect(),
            reported_at: reported.at(),
            desired_at: desired.at(),
            version: service.version,
            service_id: service.id,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reported_and_desired_values_stand_beside_each_other_as_written() {
        let text = r#"{"device_id":"d","shadow":[{"service_id":"S","reported":{"properties":{"a":1.50},"event_time":"20261123T081530Z"},"desired":{"properties":{"b":"x"}},"version":2}]}"#;
        let services = read(text).unwrap();
        let service = services.first().unwrap();
        let shown: Vec<_> = service
            .rows
            .iter()
            .map(|row| (row.name.as_str(), row.reported.as_str(), row.desired.as_str()))
            .collect();
        assert_eq!(shown, [("a", "1.50", ""), ("b", "", "\"x\"")]);
        assert_eq!(service.reported_at, "2026-11-23 08:15:30");
    }
}
