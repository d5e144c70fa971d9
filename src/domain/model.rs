//! Product models (management-api.md §4.2 to §4.4): read from `service_capabilities`, every field checked, compiled
//! for validation. The text itself is kept by storage.

use std::collections::{HashMap, HashSet};
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::decimal::Decimal;
use super::json_scan;
use super::text_class::{is_description, is_name, is_name_dollar, unfit};

/// The most services of a product, properties of a service, and so on.
const MOST: usize = 500;

/// What happens to a report that breaks its model (device-api.md).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ValidationMode {
    /// It is refused.
    Reject,
    /// What fits is stored.
    Filter,
    /// All is stored, with its faults.
    Flag,
}

impl ValidationMode {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reject => "reject",
            Self::Filter => "filter",
            Self::Flag => "flag",
        }
    }
}

impl FromStr for ValidationMode {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        [Self::Reject, Self::Filter, Self::Flag]
            .into_iter()
            .find(|mode| mode.as_str() == text)
            .ok_or(())
    }
}

/// A property's type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataType {
    /// 32 bits.
    Int,
    /// 64 bits.
    Long,
    /// Any number.
    Decimal,
    /// A string.
    String,
    /// One of a list.
    Enum,
    /// A truth value.
    Boolean,
    /// An instant.
    DateTime,
    /// An object or array.
    JsonObject,
    /// Strings.
    StringList,
}

impl DataType {
    /// Reads a name in any case; `double` is `decimal`.
    pub fn parse(text: &str) -> Option<Self> {
        Some(match text.to_ascii_lowercase().as_str() {
            "int" => Self::Int,
            "long" => Self::Long,
            "decimal" | "double" => Self::Decimal,
            "string" => Self::String,
            "enum" => Self::Enum,
            "boolean" => Self::Boolean,
            "datetime" => Self::DateTime,
            "jsonobject" => Self::JsonObject,
            "string list" => Self::StringList,
            _ => return None,
        })
    }
}

/// A property, ready to judge values.
#[derive(Clone, Debug)]
pub struct Property {
    /// Its type.
    pub data_type: DataType,
    /// The least number, with its text.
    pub min: Option<(Decimal, String)>,
    /// The greatest number, with its text.
    pub max: Option<(Decimal, String)>,
    /// The step, with its text.
    pub step: Option<(Decimal, String)>,
    /// The greatest length.
    pub max_length: Option<usize>,
    /// The allowed texts; empty: all.
    pub enum_list: Vec<String>,
    /// What a new device's shadow desires, as JSON text.
    pub default_value: Option<String>,
}

/// A service and its properties.
#[derive(Clone, Debug, Default)]
pub struct Service {
    properties: HashMap<String, Property>,
}

impl Service {
    /// A property by name.
    pub fn property(&self, name: &str) -> Option<&Property> {
        self.properties.get(name)
    }
}

/// A product's services.
#[derive(Clone, Debug, Default)]
pub struct ProductModel {
    services: HashMap<String, Service>,
}

/// A field that breaks its rule, and its path.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct ModelFault {
    /// Like `service_capabilities[0].properties[1].min`.
    pub path: String,
    /// What is wrong.
    pub message: String,
}

impl ProductModel {
    /// Reads and checks `service_capabilities`.
    pub fn parse(text: &str) -> Result<Self, ModelFault> {
        let mut services = HashMap::new();
        for entry in entries("service_capabilities", text)? {
            let id = entry.required("service_id", 64, is_name_dollar)?;
            let service = service(&entry)?;
            if services.insert(id.clone(), service).is_some() {
                return Err(entry.fault("service_id", format!("{id} stands twice")));
            }
        }
        Ok(Self { services })
    }

    /// A service by id.
    pub fn service(&self, service_id: &str) -> Option<&Service> {
        self.services.get(service_id)
    }

    /// The properties that have a default: service, property, JSON text.
    pub fn defaults(&self) -> impl Iterator<Item = (&str, &str, &str)> {
        self.services.iter().flat_map(|(service_id, service)| {
            service.properties.iter().filter_map(|(name, property)| {
                Some((
                    service_id.as_str(),
                    name.as_str(),
                    property.default_value.as_deref()?,
                ))
            })
        })
    }
}

fn service(entry: &Entry<'_>) -> Result<Service, ModelFault> {
    entry.required("service_type", 64, is_name_dollar)?;
    entry.text("description", 128, is_description)?;
    entry.choice("option", &["Master", "Mandatory", "Optional"])?;
    let mut properties = HashMap::new();
    for property in entry.list("properties")? {
        let name = property.required("property_name", 64, |text| is_name(text) && !text.contains('.'))?;
        property.flag("required")?;
        property.required_choice("method", &["RWE", "RW", "RE", "WE", "E", "W", "R"])?;
        if properties.insert(name.clone(), value_rule(&property)?).is_some() {
            return Err(property.fault("property_name", format!("{name} stands twice")));
        }
    }
    let mut names = HashSet::new();
    for command in entry.list("commands")? {
        let name = command.required("command_name", 64, is_name)?;
        if !names.insert(name.clone()) {
            return Err(command.fault("command_name", format!("{name} stands twice")));
        }
        parameters(&command)?;
        for response in command.list("responses")? {
            response.required("response_name", 128, is_name)?;
            parameters(&response)?;
        }
    }
    names.clear();
    for event in entry.list("events")? {
        let name = event.required("event_type", 32, is_name)?;
        if !names.insert(name.clone()) {
            return Err(event.fault("event_type", format!("{name} stands twice")));
        }
        parameters(&event)?;
    }
    Ok(Service { properties })
}

fn parameters(entry: &Entry<'_>) -> Result<(), ModelFault> {
    for parameter in entry.list("paras")? {
        parameter.required("para_name", 64, is_name)?;
        parameter.flag("required")?;
        value_rule(&parameter)?;
    }
    Ok(())
}

/// What properties and parameters share.
fn value_rule(entry: &Entry<'_>) -> Result<Property, ModelFault> {
    let name = entry.required("data_type", 64, |_| true)?;
    let data_type = DataType::parse(&name).ok_or_else(|| {
        let known = "int, long, decimal, string, DateTime, jsonObject, enum, boolean, string list";
        entry.fault("data_type", format!("must be one of {known}"))
    })?;
    entry.text("unit", 16, |_| true)?;
    entry.text("description", 128, is_description)?;
    let (min, max) = (entry.bound("min")?, entry.bound("max")?);
    let is_number = matches!(data_type, DataType::Int | DataType::Long | DataType::Decimal);
    if let (true, Some((low, _)), Some((high, _))) = (is_number, &min, &max)
        && low > high
    {
        return Err(entry.fault("min", "is over max"));
    }
    Ok(Property {
        data_type,
        min,
        max,
        step: entry.step()?,
        max_length: entry.max_length()?,
        enum_list: entry.texts("enum_list")?,
        default_value: entry.raw("default_value").map(str::to_owned),
    })
}

/// An object inside the model and its path.
struct Entry<'a> {
    path: String,
    members: HashMap<String, &'a RawValue>,
}

fn entries<'a>(path: &str, text: &'a str) -> Result<Vec<Entry<'a>>, ModelFault> {
    let fault = |path: String, message: &str| ModelFault {
        path,
        message: message.to_owned(),
    };
    let elements: Vec<&RawValue> =
        serde_json::from_str(text).map_err(|_| fault(path.to_owned(), "must be an array"))?;
    if elements.len() > MOST {
        return Err(fault(path.to_owned(), "has more than 500 elements"));
    }
    let entry = |(index, element): (usize, &'a RawValue)| {
        let path = format!("{path}[{index}]");
        match serde_json::from_str(element.get()) {
            Ok(members) => Ok(Entry { path, members }),
            Err(_) => Err(fault(path, "must be an object")),
        }
    };
    elements.into_iter().enumerate().map(entry).collect()
}

impl<'a> Entry<'a> {
    fn fault(&self, name: &str, message: impl Into<String>) -> ModelFault {
        ModelFault {
            path: format!("{}.{name}", self.path),
            message: message.into(),
        }
    }

    fn raw(&self, name: &str) -> Option<&'a str> {
        self.members
            .get(name)
            .map(|raw| raw.get())
            .filter(|text| *text != "null")
    }

    fn list(&self, name: &str) -> Result<Vec<Entry<'a>>, ModelFault> {
        self.raw(name).map_or_else(
            || Ok(Vec::new()),
            |text| entries(&format!("{}.{name}", self.path), text),
        )
    }

    fn text(
        &self,
        name: &str,
        longest: usize,
        rule: impl Fn(&str) -> bool,
    ) -> Result<Option<String>, ModelFault> {
        let Some(raw) = self.raw(name) else {
            return Ok(None);
        };
        let text: String = serde_json::from_str(raw).map_err(|_| self.fault(name, "must be a string"))?;
        if text.chars().count() > longest {
            return Err(self.fault(name, format!("is longer than {longest} characters")));
        }
        if !rule(&text) {
            return Err(self.fault(name, unfit(&text, rule)));
        }
        Ok(Some(text))
    }

    fn required(
        &self,
        name: &str,
        longest: usize,
        rule: impl Fn(&str) -> bool,
    ) -> Result<String, ModelFault> {
        match self.text(name, longest, rule)? {
            Some(text) if !text.is_empty() => Ok(text),
            Some(_) => Err(self.fault(name, "must not be empty")),
            None => Err(self.fault(name, "is missing")),
        }
    }

    fn choice(&self, name: &str, choices: &[&str]) -> Result<Option<String>, ModelFault> {
        match self.text(name, usize::MAX, |_| true)? {
            Some(text) if !text.is_empty() && !choices.contains(&text.as_str()) => {
                Err(self.fault(name, format!("must be one of {}", choices.join(", "))))
            }
            text => Ok(text),
        }
    }

    fn required_choice(&self, name: &str, choices: &[&str]) -> Result<(), ModelFault> {
        match self.choice(name, choices)? {
            Some(text) if !text.is_empty() => Ok(()),
            _ => Err(self.fault(name, format!("is missing; one of {}", choices.join(", ")))),
        }
    }

    fn flag(&self, name: &str) -> Result<(), ModelFault> {
        match self.raw(name) {
            None | Some("true" | "false") => Ok(()),
            Some(_) => Err(self.fault(name, "must be true or false")),
        }
    }

    /// `min` or `max`: a string of 1 to 16 characters that is a number, or a number itself; empty is none.
    fn bound(&self, name: &str) -> Result<Option<(Decimal, String)>, ModelFault> {
        let Some(raw) = self.raw(name) else {
            return Ok(None);
        };
        let text = if raw.starts_with('"') {
            self.text(name, 16, |_| true)?
        } else {
            Some(raw.to_owned())
        };
        let Some(text) = text.filter(|text| !text.is_empty()) else {
            return Ok(None);
        };
        if text.len() > 16 {
            return Err(self.fault(name, "is longer than 16 characters"));
        }
        // The scan bounds digits and exponent, as it does for the numbers that are compared with it.
        match Decimal::parse(&text).filter(|_| json_scan::scan(text.as_bytes()).is_ok()) {
            Some(number) => Ok(Some((number, text))),
            None => Err(self.fault(name, "must be a number, as a string")),
        }
    }

    fn step(&self) -> Result<Option<(Decimal, String)>, ModelFault> {
        let Some(text) = self.raw("step") else {
            return Ok(None);
        };
        let number = Decimal::parse(text).ok_or_else(|| self.fault("step", "must be a number"))?;
        if number.is_zero() {
            return Ok(None);
        }
        if !number.is_step() {
            return Err(self.fault("step", "must be above zero, with at most 18 significant digits"));
        }
        Ok(Some((number, text.to_owned())))
    }

    fn max_length(&self) -> Result<Option<usize>, ModelFault> {
        let Some(text) = self.raw("max_length") else {
            return Ok(None);
        };
        match text.parse::<i32>().map(usize::try_from) {
            Ok(Ok(0)) => Ok(None),
            Ok(Ok(length)) => Ok(Some(length)),
            _ => Err(self.fault("max_length", "must be a whole number from 0 to 2147483647")),
        }
    }

    fn texts(&self, name: &str) -> Result<Vec<String>, ModelFault> {
        let Some(text) = self.raw(name) else {
            return Ok(Vec::new());
        };
        serde_json::from_str(text).map_err(|_| self.fault(name, "must be an array of strings"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_property(members: &str) -> String {
        format!(
            r#"[{{"service_id":"S","service_type":"S","properties":[{{"property_name":"p","method":"RW",{members}}}]}}]"#
        )
    }

    fn refusal(text: &str) -> String {
        ProductModel::parse(text).unwrap_err().to_string()
    }

    #[test]
    fn a_whole_model_reads() {
        let text = r#"[{"service_id":"Meter","service_type":"Meter","option":"Optional","properties":[
            {"property_name":"温度","data_type":"DECIMAL","min":"-40","max":120,"step":0.1,"method":"RE","unit":"C"},
            {"property_name":"mode","data_type":"string list","max_length":0,"step":0,"min":"0","method":"R"}],
            "commands":[{"command_name":"ON","paras":[{"para_name":"v","data_type":"int"}],"responses":[]}]}]"#;
        let model = ProductModel::parse(text).unwrap();
        let property = model.service("Meter").unwrap().property("温度").unwrap();
        assert_eq!(property.data_type, DataType::Decimal);
        assert_eq!(property.max.as_ref().unwrap().1, "120");
        assert!(model.service("meter").is_none());
        assert!(ProductModel::parse("[]").is_ok());
    }

    #[test]
    fn each_broken_rule_names_its_path() {
        let place = "service_capabilities[0].properties[0]";
        for (members, expected) in [
            (r#""data_type":"float""#, "data_type: must be one of"),
            (r#""x":1"#, "data_type: is missing"),
            (r#""data_type":"int","min":"abc""#, "min: must be a number"),
            (r#""data_type":"int","min":"2","max":"1""#, "min: is over max"),
            (
                r#""data_type":"int","max":"12345678901234567""#,
                "max: is longer than 16",
            ),
            (r#""data_type":"int","step":-1"#, "step: must be above zero"),
            (r#""data_type":"int","step":"1""#, "step: must be a number"),
            (
                r#""data_type":"string","max_length":-1"#,
                "max_length: must be a whole number",
            ),
            (
                r#""data_type":"enum","enum_list":[1]"#,
                "enum_list: must be an array of strings",
            ),
            (
                r#""data_type":"int","required":"yes""#,
                "required: must be true or false",
            ),
            (
                r#""data_type":"int","unit":"12345678901234567""#,
                "unit: is longer than 16",
            ),
        ] {
            let text = refusal(&with_property(members));
            assert!(text.starts_with(&format!("{place}.{expected}")), "{text}");
        }
        let twice = r#"[{"service_id":"S","service_type":"S"},{"service_id":"S","service_type":"S"}]"#;
        assert_eq!(
            refusal(twice),
            "service_capabilities[1].service_id: S stands twice"
        );
        assert_eq!(refusal("{}"), "service_capabilities: must be an array");
        assert_eq!(refusal("[1]"), "service_capabilities[0]: must be an object");
        assert!(
            refusal(r#"[{"service_id":"a b","service_type":"S"}]"#)
                .contains("holds a character that is not allowed: ' '")
        );
    }
}
