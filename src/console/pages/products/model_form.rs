//! A product model as a form: its services and properties in rows. What the form has no field for (commands, events, default
//! values, descriptions) goes along as the text that it is, so that saving loses nothing of it.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::console::Fields;

/// More rows than this are not edited in a form but as JSON.
pub(super) const MOST_ROWS: usize = 200;

pub(super) const TYPES: [&str; 9] = [
    "int",
    "long",
    "decimal",
    "string",
    "DateTime",
    "jsonObject",
    "enum",
    "boolean",
    "string list",
];

pub(super) const METHODS: [&str; 7] = ["R", "W", "RW", "RE", "WE", "RWE", "E"];

/// A model in rows.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ModelForm {
    pub(super) services: Vec<ServiceForm>,
}

/// A service.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct ServiceForm {
    pub(super) id: String,
    pub(super) kind: String,
    /// The other members, as a JSON object.
    pub(super) rest: String,
    pub(super) properties: Vec<PropertyForm>,
}

/// A property.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct PropertyForm {
    pub(super) name: String,
    pub(super) data_type: String,
    pub(super) method: String,
    pub(super) is_required: bool,
    pub(super) min: String,
    pub(super) max: String,
    pub(super) step: String,
    pub(super) max_length: String,
    pub(super) unit: String,
    /// The allowed texts with commas between them, or a JSON array where one of them has a comma.
    pub(super) enum_list: String,
    /// The other members, as a JSON object.
    pub(super) rest: String,
}

type Members = BTreeMap<String, Box<RawValue>>;

/// The text of a string, else the JSON as it stands; null is nothing.
fn taken(members: &mut Members, name: &str) -> String {
    let Some(value) = members.remove(name) else {
        return String::new();
    };
    match value.get() {
        "null" => String::new(),
        text => serde_json::from_str(text).unwrap_or_else(|_| text.to_owned()),
    }
}

fn rest(members: &Members) -> String {
    serde_json::to_string(members).unwrap_or_default()
}

impl ModelForm {
    /// Of the API's text of a product.
    pub(super) fn of_product(text: &str) -> serde_json::Result<Self> {
        #[derive(Deserialize)]
        struct Product {
            service_capabilities: Vec<Members>,
        }
        let product: Product = serde_json::from_str(text)?;
        let services = product.service_capabilities.into_iter().map(ServiceForm::of);
        Ok(Self {
            services: services.collect::<Result<_, _>>()?,
        })
    }

    /// Of what was written in the form.
    pub(super) fn of_fields(said: &Fields) -> Self {
        let mut rows = 0;
        let services = (0..MOST_ROWS).map_while(|at| {
            let service = format!("s{at}");
            said.flag(&format!("{service}.id")).then(|| {
                let properties = (0..MOST_ROWS).map_while(|at| {
                    let property = format!("{service}.p{at}");
                    rows += 1;
                    (rows <= 2 * MOST_ROWS && said.flag(&format!("{property}.name")))
                        .then(|| PropertyForm::of_fields(said, &property))
                });
                ServiceForm {
                    properties: properties.collect(),
                    id: said.text(&format!("{service}.id")).to_owned(),
                    kind: said.text(&format!("{service}.type")).to_owned(),
                    rest: said.text(&format!("{service}.rest")).to_owned(),
                }
            })
        });
        Self {
            services: services.collect(),
        }
    }

    /// How many rows it has.
    pub(super) fn rows(&self) -> usize {
        self.services
            .iter()
            .map(|service| 1 + service.properties.len())
            .sum()
    }

    /// Adds or removes a row; false where the deed is none of these.
    pub(super) fn work(&mut self, deed: &str) -> bool {
        let mut words = deed.split('.');
        let what = words.next().unwrap_or_default();
        let mut number = || words.next().and_then(|word| word.parse::<usize>().ok());
        let (service, property) = (number(), number());
        match (what, service, property) {
            ("add-service", ..) => self.services.push(ServiceForm {
                properties: vec![PropertyForm::fresh()],
                ..ServiceForm::default()
            }),
            ("remove-service", Some(at), _) if at < self.services.len() => {
                self.services.remove(at);
            }
            ("add-property", Some(at), _) => {
                if let Some(service) = self.services.get_mut(at) {
                    service.properties.push(PropertyForm::fresh());
                }
            }
            ("remove-property", Some(at), Some(row)) => {
                if let Some(service) = self.services.get_mut(at)
                    && row < service.properties.len()
                {
                    service.properties.remove(row);
                }
            }
            _ => return false,
        }
        true
    }

    /// The `service_capabilities` that it stands for.
    pub(super) fn json(&self) -> String {
        let services: Vec<_> = self.services.iter().map(ServiceForm::json).collect();
        format!("[{}]", services.join(","))
    }
}

impl ServiceForm {
    fn of(mut members: Members) -> serde_json::Result<Self> {
        let properties = members.remove("properties");
        let properties: Option<Vec<Members>> = match &properties {
            Some(text) => serde_json::from_str(text.get())?,
            None => None,
        };
        Ok(Self {
            id: taken(&mut members, "service_id"),
            kind: taken(&mut members, "service_type"),
            properties: properties.into_iter().flatten().map(PropertyForm::of).collect(),
            rest: rest(&members),
        })
    }

    fn json(&self) -> String {
        let kind = if self.kind.is_empty() {
            &self.id
        } else {
            &self.kind
        };
        let properties: Vec<_> = self.properties.iter().map(PropertyForm::json).collect();
        let members = [
            ("service_id", quoted(&self.id)),
            ("service_type", quoted(kind)),
            ("properties", format!("[{}]", properties.join(","))),
        ];
        object(&members, &self.rest)
    }
}

impl PropertyForm {
    fn fresh() -> Self {
        Self {
            data_type: "decimal".to_owned(),
            method: "R".to_owned(),
            ..Self::default()
        }
    }

    fn of(mut members: Members) -> Self {
        let mut text = |name| taken(&mut members, name);
        Self {
            name: text("property_name"),
            data_type: type_name(text("data_type")),
            method: text("method"),
            is_required: text("required") == "true",
            min: text("min"),
            max: text("max"),
            step: text("step"),
            max_length: text("max_length"),
            unit: text("unit"),
            enum_list: with_commas(text("enum_list")),
            rest: rest(&members),
        }
    }

    fn of_fields(said: &Fields, at: &str) -> Self {
        let text = |name: &str| said.text(&format!("{at}.{name}")).to_owned();
        Self {
            name: text("name"),
            data_type: text("data_type"),
            method: text("method"),
            is_required: said.flag(&format!("{at}.required")),
            min: text("min"),
            max: text("max"),
            step: text("step"),
            max_length: text("max_length"),
            unit: text("unit"),
            enum_list: text("enum_list"),
            rest: text("rest"),
        }
    }

    fn json(&self) -> String {
        let mut members = vec![
            ("property_name", quoted(&self.name)),
            ("data_type", quoted(&self.data_type)),
            ("method", quoted(&self.method)),
            ("required", self.is_required.to_string()),
        ];
        let texts = [("min", &self.min), ("max", &self.max), ("unit", &self.unit)];
        let given = |(_, text): &(&'static str, &String)| !text.is_empty();
        members.extend(
            texts
                .into_iter()
                .filter(given)
                .map(|(name, text)| (name, quoted(text))),
        );
        let numbers = [("step", &self.step), ("max_length", &self.max_length)];
        members.extend(
            numbers
                .into_iter()
                .filter(given)
                .map(|(name, text)| (name, number(text))),
        );
        if !self.enum_list.is_empty() {
            members.push(("enum_list", list(&self.enum_list)));
        }
        object(&members, &self.rest)
    }

    /// The limits in short, for tables.
    pub(super) fn limits(&self) -> String {
        let mut limits = Vec::new();
        match (self.min.as_str(), self.max.as_str()) {
            ("", "") => {}
            (min, "") => limits.push(format!("from {min}")),
            ("", max) => limits.push(format!("to {max}")),
            (min, max) => limits.push(format!("{min} to {max}")),
        }
        for (word, text) in [("steps of", &self.step), ("at most", &self.max_length)] {
            if !text.is_empty() && text != "0" {
                let characters = if word == "at most" { " characters" } else { "" };
                limits.push(format!("{word} {text}{characters}"));
            }
        }
        if !self.enum_list.is_empty() {
            limits.push(format!("one of {}", self.enum_list));
        }
        limits.join(", ")
    }
}

/// The type in the letters of the form's choice.
fn type_name(text: String) -> String {
    let known = TYPES.iter().find(|name| name.eq_ignore_ascii_case(&text));
    match known {
        Some(name) => (*name).to_owned(),
        None if text.eq_ignore_ascii_case("double") => "decimal".to_owned(),
        None => text,
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// A number in its own digits; what is none goes as a text, for the API to refuse.
fn number(text: &str) -> String {
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Number(_)) => text.to_owned(),
        _ => quoted(text),
    }
}

/// An array of texts as it is written in the form.
fn with_commas(json: String) -> String {
    let Ok(texts) = serde_json::from_str::<Vec<String>>(&json) else {
        return json;
    };
    let is_plain = |text: &String| {
        !text.is_empty() && !text.contains(',') && text.trim() == text && !text.starts_with('[')
    };
    if texts.iter().all(is_plain) {
        texts.join(", ")
    } else {
        json
    }
}

fn list(text: &str) -> String {
    if serde_json::from_str::<Vec<String>>(text).is_ok() {
        return text.to_owned();
    }
    let texts = text.split(',').map(str::trim).filter(|text| !text.is_empty());
    Value::from(texts.collect::<Vec<_>>()).to_string()
}

/// An object of these members and the rest, which is one itself.
fn object(members: &[(&str, String)], rest: &str) -> String {
    let rest: Members = serde_json::from_str(rest).unwrap_or_default();
    let own: Vec<_> = members.iter().map(|(name, _)| *name).collect();
    let rest = rest
        .iter()
        .filter(|(name, _)| !own.contains(&name.as_str()))
        .map(|(name, value)| format!("{}:{}", quoted(name), value.get()));
    let members = members
        .iter()
        .map(|(name, value)| format!("{}:{value}", quoted(name)));
    format!("{{{}}}", members.chain(rest).collect::<Vec<_>>().join(","))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::model::ProductModel;

    const MODEL: &str = r#"[{"service_id":"S","service_type":"T","properties":[{"property_name":"p","data_type":"double","method":"RW","required":true,"min":"-1.50","max":"9","step":0.10,"unit":"C","default_value":1.00},{"property_name":"e","data_type":"enum","method":"R","enum_list":["a,b","c"],"max_length":4}],"commands":[{"command_name":"c"}]}]"#;

    fn form() -> ModelForm {
        ModelForm::of_product(&format!(r#"{{"service_capabilities":{MODEL}}}"#)).unwrap()
    }

    #[test]
    fn saving_a_model_loses_nothing_of_it() {
        let text = form().json();
        ProductModel::parse(&text).unwrap();
        for kept in [
            r#""step":0.10"#,
            r#""default_value":1.00"#,
            r#""commands":[{"command_name":"c"}]"#,
            r#""enum_list":["a,b","c"]"#,
            r#""min":"-1.50""#,
            r#""required":true"#,
            r#""max_length":4"#,
        ] {
            assert!(text.contains(kept), "{kept} is not in {text}");
        }
        assert_eq!(
            ModelForm::of_product(&format!(r#"{{"service_capabilities":{text}}}"#)).unwrap(),
            form()
        );
    }

    #[test]
    fn rows_come_from_fields_and_are_added_and_removed() {
        let said = Fields::parse(
            b"s0.id=S&s0.type=&s0.rest={}&s0.p0.name=p&s0.p0.data_type=int&s0.p0.method=R&s0.p0.required=yes&s0.p0.step=x\
              &s0.p0.enum_list=a,+b&s1.id=U",
        );
        let mut model = ModelForm::of_fields(&said);
        assert_eq!(
            model.json(),
            r#"[{"service_id":"S","service_type":"S","properties":[{"property_name":"p","data_type":"int","method":"R","required":true,"step":"x","enum_list":["a","b"]}]},{"service_id":"U","service_type":"U","properties":[]}]"#
        );
        assert!(model.work("add-property.1") && model.work("remove-service.0") && model.work("add-service"));
        assert_eq!(model.rows(), 4);
        assert!(model.work("remove-property.0.0") && model.work("remove-property.7.7"));
        assert_eq!(model.rows(), 3);
        assert!(!model.work("save") && !model.work("remove-service.9"));
    }
}
