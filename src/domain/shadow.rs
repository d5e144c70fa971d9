//! Device shadows (routing.md §4): the last reported and the desired values of each service, merged event by event. Pure;
//! the `shadow` module feeds it the log and keeps what it encodes.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::clock::Timestamp;
use super::event::{EventKind, NewEvent};
use super::event_time;

/// The kinds of events that change a shadow.
pub const KINDS: [EventKind; 4] = [
    EventKind::PropertyReport,
    EventKind::DesiredSet,
    EventKind::ShadowCleared,
    EventKind::DeviceDeleted,
];

/// The longest service id of a product model, in characters (management-api.md §4.2).
const LONGEST_SERVICE_ID: usize = 64;

/// What one device's shadow may hold. What a report says beyond is left out; desired values beyond are refused before
/// they are appended (see [`DeviceShadow::admits`]), for what was answered 200 stays.
#[derive(Clone, Copy, Debug)]
pub struct ShadowLimits {
    /// Services of a device.
    pub services: usize,
    /// Bytes of one service's names and values, the reported and the desired ones each.
    pub service_bytes: usize,
}

/// One service: desired and reported values, each in the text that its sender wrote.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct ServiceShadow {
    desired: BTreeMap<String, Box<RawValue>>,
    desired_ms: Option<i64>,
    reported: BTreeMap<String, Reported>,
    version: i64,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Reported {
    value: Box<RawValue>,
    at_ms: i64,
}

impl ServiceShadow {
    /// What a store kept.
    pub fn decode(text: &str) -> serde_json::Result<Self> {
        serde_json::from_str(text)
    }

    /// For a store to keep.
    pub fn encode(&self) -> serde_json::Result<String> {
        serde_json::to_string(self)
    }

    /// The desired values by name, and when they were last set.
    pub fn desired(&self) -> (&BTreeMap<String, Box<RawValue>>, Option<Timestamp>) {
        (&self.desired, self.desired_ms.map(Timestamp))
    }

    /// The reported values by name, and the time of the newest.
    pub fn reported(&self) -> (BTreeMap<&str, &RawValue>, Option<Timestamp>) {
        let values = self
            .reported
            .iter()
            .map(|(name, reported)| (name.as_str(), &*reported.value));
        let newest = self.reported.values().map(|reported| reported.at_ms).max();
        (values.collect(), newest.map(Timestamp))
    }

    /// How many changes it has taken.
    pub const fn version(&self) -> i64 {
        self.version
    }

    fn desired_bytes(&self) -> usize {
        let desired = self.desired.iter();
        desired.map(|(name, value)| name.len() + value.get().len()).sum()
    }

    fn reported_bytes(&self) -> usize {
        let reported = self.reported.iter();
        reported
            .map(|(name, reported)| name.len() + reported.value.get().len())
            .sum()
    }

    /// Merges a report made at `at`, key by key; a key that holds something newer stays.
    fn report(&mut self, properties: Values<'_>, at: Timestamp) -> bool {
        let mut changed = false;
        for (name, value) in properties {
            match self.reported.get_mut(&name) {
                Some(known) if known.at_ms > at.0 => {}
                Some(known) => {
                    if known.value.get() != value.get() {
                        known.value = value.to_owned();
                    }
                    known.at_ms = at.0;
                    changed = true;
                }
                None => {
                    let (value, at_ms) = (value.to_owned(), at.0);
                    self.reported.insert(name, Reported { value, at_ms });
                    changed = true;
                }
            }
        }
        changed
    }

    /// Sets desired values: an empty object clears the section, a null takes one value away.
    fn set_desired(&mut self, desired: Values<'_>, at: Timestamp) {
        if desired.is_empty() {
            self.desired.clear();
        }
        for (name, value) in desired {
            if value.get() == "null" {
                self.desired.remove(&name);
            } else {
                self.desired.insert(name, value.to_owned());
            }
        }
        self.desired_ms = (!self.desired.is_empty()).then_some(at.0);
    }
}

/// All services of a device, and what was changed since it was read.
#[derive(Clone, Debug, Default)]
pub struct DeviceShadow {
    services: BTreeMap<String, ServiceShadow>,
    changed: BTreeSet<String>,
    cleared: bool,
}

/// Whether a model could have a service of this id. With validation mode `flag` a device may report others, which no store
/// has to be able to keep as a key.
fn is_service_id(service_id: &str) -> bool {
    !service_id.contains('\0') && service_id.chars().count() <= LONGEST_SERVICE_ID
}

/// The payload of a report or of desired values.
#[derive(Deserialize)]
struct Body<'a> {
    #[serde(borrow)]
    services: Vec<Entry<'a>>,
}

#[derive(Deserialize)]
struct Entry<'a> {
    service_id: String,
    #[serde(borrow, alias = "desired", alias = "properties")]
    values: Values<'a>,
    #[serde(default, borrow)]
    event_time_ms: Option<&'a str>,
}

type Values<'a> = BTreeMap<String, &'a RawValue>;

impl DeviceShadow {
    /// Of these services.
    pub fn new(services: impl IntoIterator<Item = (String, ServiceShadow)>) -> Self {
        Self {
            services: services.into_iter().collect(),
            ..Self::default()
        }
    }

    /// The services by id.
    pub const fn services(&self) -> &BTreeMap<String, ServiceShadow> {
        &self.services
    }

    /// The services that were changed, and whether all that were there before are gone.
    pub fn changes(&self) -> (impl Iterator<Item = (&str, &ServiceShadow)>, bool) {
        let changed = self.changed.iter();
        let changed = changed.filter_map(|id| Some((id.as_str(), self.services.get(id)?)));
        (changed, self.cleared)
    }

    /// Takes an event of the device in. False: something of it was left out, beyond the limits or unreadable.
    pub fn apply(&mut self, event: &NewEvent, limits: ShadowLimits) -> bool {
        match event.kind {
            EventKind::PropertyReport => self.merge(event, Some(limits), |service, entry| {
                let at = entry.event_time_ms.and_then(event_time::parse_event_time);
                service.report(entry.values, at.unwrap_or(event.received))
            }),
            EventKind::DesiredSet => self.merge(event, None, |service, entry| {
                service.set_desired(entry.values, event.received);
                true
            }),
            EventKind::ShadowCleared | EventKind::DeviceDeleted => {
                self.services.clear();
                self.changed.clear();
                self.cleared = true;
                true
            }
            _ => true,
        }
    }

    /// Whether the shadow keeps within the limits when it takes this `DesiredSet` event in; else the service at fault.
    pub fn admits(&self, desired: &NewEvent, limits: ShadowLimits) -> Result<(), String> {
        let mut next = self.clone();
        // What the event itself changes, not what was changed before it.
        next.changed.clear();
        next.apply(desired, limits);
        let bytes = |shadow: &Self, id: &str| shadow.services.get(id).map_or(0, ServiceShadow::desired_bytes);
        let fault = next.changed.iter().find(|id| {
            let is_new = !self.services.contains_key(*id);
            let after = bytes(&next, id);
            // What a model's defaults have put beyond may still become less.
            let grows_beyond = after > limits.service_bytes && after > bytes(self, id);
            (is_new && next.services.len() > limits.services) || grows_beyond
        });
        fault.map_or(Ok(()), |id| Err(id.clone()))
    }

    fn merge<'e>(
        &mut self,
        event: &'e NewEvent,
        limits: Option<ShadowLimits>,
        mut change: impl FnMut(&mut ServiceShadow, Entry<'e>) -> bool,
    ) -> bool {
        let text = std::str::from_utf8(&event.payload).unwrap_or_default();
        let Ok(body) = serde_json::from_str::<Body<'_>>(text) else {
            return false;
        };
        let mut whole = true;
        for entry in body.services {
            if !is_service_id(&entry.service_id) {
                whole = false;
                continue;
            }
            let service_id = entry.service_id.clone();
            let known = self.services.get(&service_id);
            let is_beyond = |limits: ShadowLimits| known.is_none() && self.services.len() >= limits.services;
            if limits.is_some_and(is_beyond) {
                whole = false;
                continue;
            }
            let mut service = known.cloned().unwrap_or_default();
            if !change(&mut service, entry) {
                continue;
            }
            if limits.is_some_and(|limits| service.reported_bytes() > limits.service_bytes) {
                whole = false;
                continue;
            }
            service.version += 1;
            self.services.insert(service_id.clone(), service);
            self.changed.insert(service_id);
        }
        whole
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::{DeviceKey, RequestId, VersionKey};

    const LIMITS: ShadowLimits = ShadowLimits {
        services: 2,
        service_bytes: 100,
    };

    fn event(kind: EventKind, payload: &str) -> NewEvent {
        NewEvent {
            kind,
            device: Some((DeviceKey(1), VersionKey(1))),
            reported_by: None,
            received: Timestamp(1_000_000),
            request_id: RequestId::from_bytes([0; 16]),
            payload: payload.to_owned().into(),
            faults: None,
        }
    }

    fn report(shadow: &mut DeviceShadow, properties: &str, at: &str) -> bool {
        let payload = format!(
            r#"{{"services":[{{"service_id":"S","properties":{properties},"event_time":"x","event_time_ms":"{at}"}}]}}"#
        );
        shadow.apply(&event(EventKind::PropertyReport, &payload), LIMITS)
    }

    fn desire(shadow: &mut DeviceShadow, desired: &str) -> bool {
        let payload = format!(r#"{{"services":[{{"service_id":"S","desired":{desired}}}]}}"#);
        shadow.apply(&event(EventKind::DesiredSet, &payload), LIMITS)
    }

    fn shown(shadow: &DeviceShadow) -> String {
        let service = &shadow.services["S"];
        let (desired, _) = service.desired();
        let (reported, _) = service.reported();
        let desired = serde_json::to_string(desired).unwrap();
        let reported = serde_json::to_string(&reported).unwrap();
        format!("{desired} {reported} v{}", service.version())
    }

    #[test]
    fn reports_merge_key_by_key_in_the_senders_own_text() {
        let mut shadow = DeviceShadow::default();
        report(&mut shadow, r#"{"a":21.50,"b":1e3}"#, "2026-11-23T08:00:00.000Z");
        report(&mut shadow, r#"{"b":2}"#, "2026-11-23T08:00:01.000Z");
        assert_eq!(shown(&shadow), r#"{} {"a":21.50,"b":2} v2"#);
        let read = ServiceShadow::decode(&shadow.services["S"].encode().unwrap()).unwrap();
        let again = DeviceShadow::new([("S".to_owned(), read)]);
        assert_eq!(shown(&again), shown(&shadow));
    }

    #[test]
    fn what_is_older_does_not_overwrite_and_counts_only_where_it_changes_something() {
        let mut shadow = DeviceShadow::default();
        report(&mut shadow, r#"{"a":1}"#, "2026-11-23T08:00:01.000Z");
        report(&mut shadow, r#"{"a":0}"#, "2026-11-23T08:00:00.999Z");
        assert_eq!(shown(&shadow), r#"{} {"a":1} v1"#);
        report(&mut shadow, r#"{"a":0,"b":5}"#, "2026-11-23T08:00:00.999Z");
        assert_eq!(shown(&shadow), r#"{} {"a":1,"b":5} v2"#);
    }

    #[test]
    fn desired_values_are_set_taken_away_and_cleared() {
        let mut shadow = DeviceShadow::default();
        desire(&mut shadow, r#"{"a":21.50,"b":{"k":null}}"#);
        assert_eq!(shown(&shadow), r#"{"a":21.50,"b":{"k":null}} {} v1"#);
        desire(&mut shadow, r#"{"a":null,"c":3}"#);
        assert_eq!(shown(&shadow), r#"{"b":{"k":null},"c":3} {} v2"#);
        desire(&mut shadow, "{}");
        assert_eq!(shown(&shadow), "{} {} v3");
        assert_eq!(shadow.services["S"].desired().1, None);
    }

    #[test]
    fn a_cleared_shadow_starts_anew() {
        let mut shadow = DeviceShadow::default();
        desire(&mut shadow, r#"{"a":1}"#);
        assert!(shadow.apply(&event(EventKind::ShadowCleared, ""), LIMITS));
        assert!(shadow.services.is_empty() && shadow.changes().1);
        desire(&mut shadow, r#"{"a":2}"#);
        assert_eq!(shown(&shadow), r#"{"a":2} {} v1"#);
    }

    #[test]
    fn what_is_beyond_a_limit_is_left_out_and_told() {
        let mut shadow = DeviceShadow::default();
        assert!(report(&mut shadow, r#"{"a":1}"#, "2026-11-23T08:00:00.000Z"));
        let large = format!(r#"{{"b":"{}"}}"#, "x".repeat(100));
        assert!(!report(&mut shadow, &large, "2026-11-23T08:00:00.000Z"));
        assert_eq!(shown(&shadow), r#"{} {"a":1} v1"#);
        for (service, whole) in [("T", true), ("U", false)] {
            let payload = format!(r#"{{"services":[{{"service_id":"{service}","properties":{{"a":1}}}}]}}"#);
            let event = event(EventKind::PropertyReport, &payload);
            assert_eq!(shadow.apply(&event, LIMITS), whole);
        }
        assert_eq!(shadow.services.len(), 2);
    }

    #[test]
    fn a_service_that_no_model_can_have_is_left_out() {
        let mut shadow = DeviceShadow::default();
        for service_id in [r"a\u0000".to_owned(), "x".repeat(65)] {
            let payload =
                format!(r#"{{"services":[{{"service_id":"{service_id}","properties":{{"a":1}}}}]}}"#);
            assert!(!shadow.apply(&event(EventKind::PropertyReport, &payload), LIMITS));
        }
        assert!(shadow.services.is_empty());
    }

    #[test]
    fn desired_values_are_admitted_before_and_never_left_out() {
        let mut shadow = DeviceShadow::default();
        let desired = |service: &str, text: &str| {
            let payload =
                format!(r#"{{"services":[{{"service_id":"{service}","desired":{{"a":"{text}"}}}}]}}"#);
            event(EventKind::DesiredSet, &payload)
        };
        let large = "x".repeat(100);
        assert_eq!(shadow.admits(&desired("S", "x"), LIMITS), Ok(()));
        assert_eq!(shadow.admits(&desired("S", &large), LIMITS), Err("S".to_owned()));
        assert!(shadow.apply(&desired("S", &large), LIMITS));
        assert!(shadow.apply(&desired("T", "x"), LIMITS));
        assert_eq!(shadow.admits(&desired("T", "y"), LIMITS), Ok(()));
        let (less, more) = ("x".repeat(99), "x".repeat(101));
        assert_eq!(shadow.admits(&desired("S", &less), LIMITS), Ok(()));
        assert_eq!(shadow.admits(&desired("S", &more), LIMITS), Err("S".to_owned()));
        assert_eq!(shadow.admits(&desired("U", "x"), LIMITS), Err("U".to_owned()));
        assert!(report(&mut shadow, r#"{"b":1}"#, "2026-11-23T08:00:00.000Z"));
        assert_eq!(shadow.services.len(), 2);
    }
}
