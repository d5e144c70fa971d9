//! Reads a management body field by field: each refusal names the field and its rule.

use std::collections::HashMap;

use serde_json::value::RawValue;

use crate::domain::ids::IdError;
use crate::domain::{json_scan, text_class};
use crate::http::error::{ApiError, ErrorKind};

/// The members of a JSON object, as text.
pub struct Fields<'a> {
    path: String,
    members: HashMap<String, &'a RawValue>,
}

impl<'a> Fields<'a> {
    /// From a request's body; an empty one reads as an empty object.
    pub fn parse(body: &'a [u8]) -> Result<Self, ApiError> {
        if body.is_empty() {
            return Ok(Self {
                path: String::new(),
                members: HashMap::new(),
            });
        }
        let text = json_scan::scan(body)
            .map_err(|fault| ApiError::new(ErrorKind::BAD_FORMAT, format!("The body: {fault}.")))?;
        let members = serde_json::from_str(text)
            .map_err(|_| ApiError::new(ErrorKind::BAD_FORMAT, "The body must be a JSON object."))?;
        Ok(Self {
            path: String::new(),
            members,
        })
    }

    /// The field as text of JSON; none when it is absent or null.
    pub fn raw(&self, name: &str) -> Option<&'a str> {
        self.members
            .get(name)
            .map(|raw| raw.get())
            .filter(|text| *text != "null")
    }

    /// An object inside; none when it is absent.
    pub fn object(&self, name: &str) -> Result<Option<Fields<'a>>, ApiError> {
        let Some(text) = self.raw(name) else {
            return Ok(None);
        };
        let members = serde_json::from_str(text).map_err(|_| self.fault(name, "must be an object"))?;
        Ok(Some(Fields {
            path: format!("{}{name}.", self.path),
            members,
        }))
    }

    /// Each object of an array of at most `most`; none when it is absent.
    pub fn list(&self, name: &str, most: usize) -> Result<Option<Vec<Fields<'a>>>, ApiError> {
        let Some(elements) = self.elements(name, most)? else {
            return Ok(None);
        };
        let fields = elements.into_iter().enumerate().map(|(index, element)| {
            let place = format!("{name}[{index}]");
            let members =
                serde_json::from_str(element.get()).map_err(|_| self.fault(&place, "must be an object"))?;
            Ok(Fields {
                path: format!("{}{place}.", self.path),
                members,
            })
        });
        fields.collect::<Result<_, _>>().map(Some)
    }

    /// An array of at most `most` texts; none when it is absent.
    pub fn texts(&self, name: &str, most: usize) -> Result<Option<Vec<String>>, ApiError> {
        let Some(elements) = self.elements(name, most)? else {
            return Ok(None);
        };
        let texts = elements.into_iter().enumerate().map(|(index, element)| {
            serde_json::from_str(element.get())
                .map_err(|_| self.fault(&format!("{name}[{index}]"), "must be a string"))
        });
        texts.collect::<Result<_, _>>().map(Some)
    }

    fn elements(&self, name: &str, most: usize) -> Result<Option<Vec<&'a RawValue>>, ApiError> {
        let Some(text) = self.raw(name) else {
            return Ok(None);
        };
        let elements: Vec<&RawValue> =
            serde_json::from_str(text).map_err(|_| self.fault(name, "must be an array"))?;
        if elements.len() > most {
            return Err(self.fault(name, &format!("has more than {most} elements")));
        }
        Ok(Some(elements))
    }

    /// Each member and its value as JSON text, nulls too.
    pub fn members(&self) -> impl Iterator<Item = (&str, &'a str)> {
        self.members
            .iter()
            .map(|(name, value)| (name.as_str(), value.get()))
    }

    /// A text of at most `longest` characters that passes `rule`; none when it is absent.
    pub fn text(
        &self,
        name: &str,
        longest: usize,
        rule: impl Fn(&str) -> bool,
    ) -> Result<Option<String>, ApiError> {
        let Some(text) = self.any_text(name)? else {
            return Ok(None);
        };
        if text.chars().count() > longest {
            return Err(self.fault(name, &format!("is longer than {longest} characters")));
        }
        if !rule(&text) {
            return Err(self.fault(name, &text_class::unfit(&text, rule)));
        }
        Ok(Some(text))
    }

    /// Like [`Fields::text`], and must be there and not empty.
    pub fn required(
        &self,
        name: &str,
        longest: usize,
        rule: impl Fn(&str) -> bool,
    ) -> Result<String, ApiError> {
        match self.text(name, longest, rule)? {
            Some(text) if !text.is_empty() => Ok(text),
            Some(_) => Err(self.fault(name, "must not be empty")),
            None => Err(self.fault(name, "is missing")),
        }
    }

    /// One of `choices`; none when it is absent.
    pub fn choice(&self, name: &str, choices: &[&str]) -> Result<Option<String>, ApiError> {
        match self.any_text(name)? {
            Some(text) if !choices.contains(&text.as_str()) => {
                Err(self.fault(name, &format!("must be one of {}", choices.join(", "))))
            }
            text => Ok(text),
        }
    }

    /// An identifier; none when it is absent.
    pub fn id<T>(
        &self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, IdError>,
    ) -> Result<Option<T>, ApiError> {
        let Some(text) = self.any_text(name)? else {
            return Ok(None);
        };
        parse(&text)
            .map(Some)
            .map_err(|error| self.fault(name, &error.to_string()))
    }

    /// `true` or `false`; none when it is absent.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, ApiError> {
        match self.raw(name) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(self.fault(name, "must be true or false")),
        }
    }

    /// A whole number in `range`; none when it is absent.
    pub fn number(&self, name: &str, range: std::ops::RangeInclusive<i64>) -> Result<Option<i64>, ApiError> {
        let Some(text) = self.raw(name) else {
            return Ok(None);
        };
        match text.parse::<i64>() {
            Ok(number) if range.contains(&number) => Ok(Some(number)),
            _ => {
                let what = format!("must be a whole number from {} to {}", range.start(), range.end());
                Err(self.fault(name, &what))
            }
        }
    }

    /// A refusal of this field.
    pub fn fault(&self, name: &str, what: &str) -> ApiError {
        ApiError::new(ErrorKind::INVALID_INPUT, format!("{}{name}: {what}", self.path))
    }

    fn any_text(&self, name: &str) -> Result<Option<String>, ApiError> {
        let Some(text) = self.raw(name) else {
            return Ok(None);
        };
        serde_json::from_str(text)
            .map(Some)
            .map_err(|_| self.fault(name, "must be a string"))
    }
}
