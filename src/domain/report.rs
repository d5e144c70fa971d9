//! The shape of property reports (device-api.md): read with borrowed texts, so that values stay as the device sent them.
//! The text was scanned before, so members stand once. Unknown members are ignored.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// A member that is missing or of the wrong type, and its path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct ShapeFault {
    /// Like `services[0].properties`.
    pub path: String,
    /// What is wrong.
    pub message: &'static str,
}

/// One entry of `services`.
#[derive(Clone, Debug)]
pub struct ServiceReport<'a> {
    /// `service_id`.
    pub service_id: Cow<'a, str>,
    /// The members of `properties` in their order, each value as text.
    pub properties: Vec<(Cow<'a, str>, &'a RawValue)>,
    /// `properties`, as text.
    pub text: &'a str,
    /// `event_time`; the JSON text of it when it is no string.
    pub event_time: Option<Cow<'a, str>>,
}

/// One entry of a gateway's `devices`.
#[derive(Clone, Debug)]
pub struct ChildReport<'a> {
    /// `device_id`.
    pub device_id: Cow<'a, str>,
    /// Its services.
    pub services: Vec<ServiceReport<'a>>,
}

/// Reads `{"services":[…]}`.
pub fn parse_properties(text: &str) -> Result<Vec<ServiceReport<'_>>, ShapeFault> {
    #[derive(Deserialize)]
    struct Body<'a> {
        #[serde(borrow)]
        services: Option<&'a RawValue>,
    }
    let body: Body<'_> = object("body", text)?;
    services("", body.services)
}

/// Reads `{"devices":[…]}` up to its elements, so that they can be counted before one is looked at.
pub fn parse_batch(text: &str) -> Result<Vec<&RawValue>, ShapeFault> {
    #[derive(Deserialize)]
    struct Body<'a> {
        #[serde(borrow)]
        devices: Option<&'a RawValue>,
    }
    let body: Body<'_> = object("body", text)?;
    elements("devices", body.devices)
}

/// Reads one element of `devices`.
pub fn parse_child(index: usize, entry: &RawValue) -> Result<ChildReport<'_>, ShapeFault> {
    #[derive(Deserialize)]
    struct Child<'a> {
        #[serde(borrow)]
        device_id: Option<&'a RawValue>,
        #[serde(borrow)]
        services: Option<&'a RawValue>,
    }
    let path = format!("devices[{index}]");
    let child: Child<'_> = object(&path, entry.get())?;
    let device_id = text_member(format!("{path}.device_id"), child.device_id)?;
    Ok(ChildReport {
        device_id,
        services: services(&format!("{path}."), child.services)?,
    })
}

fn fault(path: impl Into<String>, message: &'static str) -> ShapeFault {
    ShapeFault {
        path: path.into(),
        message,
    }
}

fn object<'a, T: Deserialize<'a>>(path: &str, text: &'a str) -> Result<T, ShapeFault> {
    // serde would read an array into a struct, by position.
    if !text.trim_start().starts_with('{') {
        return Err(fault(path, "must be an object"));
    }
    serde_json::from_str(text).map_err(|_| fault(path, "must be an object"))
}

fn elements<'a>(path: &str, value: Option<&'a RawValue>) -> Result<Vec<&'a RawValue>, ShapeFault> {
    let value = value.ok_or_else(|| fault(path, "is missing"))?;
    let elements: Vec<&RawValue> =
        serde_json::from_str(value.get()).map_err(|_| fault(path, "must be an array"))?;
    if elements.is_empty() {
        return Err(fault(path, "must not be empty"));
    }
    Ok(elements)
}

fn services<'a>(prefix: &str, value: Option<&'a RawValue>) -> Result<Vec<ServiceReport<'a>>, ShapeFault> {
    let elements = elements(&format!("{prefix}services"), value)?;
    elements
        .into_iter()
        .enumerate()
        .map(|(index, entry)| service(prefix, index, entry))
        .collect()
}

fn service<'a>(prefix: &str, index: usize, entry: &'a RawValue) -> Result<ServiceReport<'a>, ShapeFault> {
    #[derive(Deserialize)]
    struct Service<'a> {
        #[serde(borrow, rename = "service_id")]
        id: Option<&'a RawValue>,
        #[serde(borrow)]
        properties: Option<&'a RawValue>,
        #[serde(borrow)]
        event_time: Option<&'a RawValue>,
    }
    // Paths are built only where something is wrong: this is the hot path.
    let at = |member: &str| format!("{prefix}services[{index}]{member}");
    if !entry.get().starts_with('{') {
        return Err(fault(at(""), "must be an object"));
    }
    let service: Service<'a> =
        serde_json::from_str(entry.get()).map_err(|_| fault(at(""), "must be an object"))?;
    let Some(id) = service.id else {
        return Err(fault(at(".service_id"), "is missing"));
    };
    let service_id = text(id).ok_or_else(|| fault(at(".service_id"), "must be a string"))?;
    let Some(properties) = service.properties else {
        return Err(fault(at(".properties"), "is missing"));
    };
    let Members(members) =
        serde_json::from_str(properties.get()).map_err(|_| fault(at(".properties"), "must be an object"))?;
    Ok(ServiceReport {
        service_id,
        properties: members,
        text: properties.get(),
        event_time: service
            .event_time
            .filter(|raw| raw.get() != "null")
            .map(|raw| text(raw).unwrap_or(Cow::Borrowed(raw.get()))),
    })
}

fn text_member(path: String, value: Option<&RawValue>) -> Result<Cow<'_, str>, ShapeFault> {
    match value {
        None => Err(fault(path, "is missing")),
        Some(value) => text(value).ok_or_else(|| fault(path, "must be a string")),
    }
}

/// A string's value, without a copy where it has no escape.
pub(super) fn text(value: &RawValue) -> Option<Cow<'_, str>> {
    serde_json::from_str::<Text<'_>>(value.get())
        .ok()
        .map(|text| text.0)
}

#[derive(Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// An object's members in their order.
pub(super) struct Members<'a>(pub(super) Vec<(Cow<'a, str>, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InOrder;

        impl<'de> Visitor<'de> for InOrder {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some((name, value)) = map.next_entry::<Text<'de>, &'de RawValue>()? {
                    members.push((name.0, value));
                }
                Ok(Members(members))
            }
        }

        deserializer.deserialize_map(InOrder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_reads_with_its_own_texts() {
        let text = r#"{"x":1,"services":[{"service_id":"B\u0061t","properties":{"v":3.920,"l":"a"},"event_time":7}]}"#;
        let services = parse_properties(text).unwrap();
        assert_eq!(services[0].service_id, "Bat");
        assert_eq!(services[0].properties[0].1.get(), "3.920");
        assert_eq!(services[0].text, r#"{"v":3.920,"l":"a"}"#);
        assert_eq!(services[0].event_time.as_deref(), Some("7"));
    }

    #[test]
    fn each_wrong_shape_names_its_path() {
        for (text, expected) in [
            ("[]", "body: must be an object"),
            ("{}", "services: is missing"),
            (r#"{"services":{}}"#, "services: must be an array"),
            (r#"{"services":[]}"#, "services: must not be empty"),
            (r#"{"services":[1]}"#, "services[0]: must be an object"),
            (r#"{"services":[["A",{}]]}"#, "services[0]: must be an object"),
            (
                r#"{"services":[{"properties":{}}]}"#,
                "services[0].service_id: is missing",
            ),
            (
                r#"{"services":[{"service_id":1,"properties":{}}]}"#,
                "services[0].service_id: must be a string",
            ),
            (
                r#"{"services":[{"service_id":"A"}]}"#,
                "services[0].properties: is missing",
            ),
            (
                r#"{"services":[{"service_id":"A","properties":[]}]}"#,
                "services[0].properties: must be an object",
            ),
        ] {
            assert_eq!(parse_properties(text).unwrap_err().to_string(), expected);
        }
        let batch =
            parse_batch(r#"{"devices":[{"device_id":"a","services":[{}]},{"services":[]}]}"#).unwrap();
        let shape = |index: usize| parse_child(index, batch[index]).unwrap_err().to_string();
        assert_eq!(shape(0), "devices[0].services[0].service_id: is missing");
        assert_eq!(shape(1), "devices[1].device_id: is missing");
        assert_eq!(
            parse_batch(r#"{"devices":[]}"#).unwrap_err().to_string(),
            "devices: must not be empty"
        );
    }
}
