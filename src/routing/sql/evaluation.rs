//! Evaluates a clause over what was found of an event. Nothing here fails: what has no value is NULL, what cannot be
//! judged is false. [`calls`](super::calls) adds the functions.

use std::borrow::Cow;
use std::cmp::Ordering;

use super::ast::{Arithmetic, Comparison, Condition, Item, Source, Value};
use super::json::{self, Cursor};
use super::needs::Found;
use super::number::Number;
use crate::domain::decimal::Decimal;

/// The longest text that a function makes, in bytes: arguments come from devices, and two of them can multiply.
pub(super) const MOST_BYTES: usize = 1 << 20;

/// A clause's values for one event.
pub(super) struct Evaluation<'v> {
    pub(super) found: Found<'v>,
}

/// A value as it passes through.
pub(super) enum Passing<'v> {
    Null,
    /// JSON of the event, as it stands there.
    Raw(&'v str),
    /// JSON that a function put together.
    Made(String),
    Boolean(bool),
    Number(Number),
    Text(Cow<'v, str>),
}

/// A value to look into.
pub(super) enum Scalar<'v> {
    Null,
    Boolean(bool),
    Number(Numeric<'v>),
    Text(Cow<'v, str>),
    /// An object, or an array that is not empty.
    Structure,
}

pub(super) struct Numeric<'v> {
    number: Number,
    /// The text, when it has more digits than the number.
    longer: Option<&'v str>,
}

impl<'v> Evaluation<'v> {
    pub(super) const fn new(found: Found<'v>) -> Self {
        Self { found }
    }

    pub(super) fn holds(&self, condition: &'v Condition) -> bool {
        match condition {
            Condition::Or(parts) => parts.iter().any(|part| self.holds(part)),
            Condition::And(parts) => parts.iter().all(|part| self.holds(part)),
            Condition::Compare(left, comparison, right) => {
                compare(&self.scalar(left), *comparison, &self.scalar(right))
            }
            Condition::Like {
                value,
                negated,
                pattern,
            } => match self.scalar(value) {
                Scalar::Text(text) => pattern.matches(&text) != *negated,
                _ => false,
            },
            Condition::In { value, negated, list } => {
                let value = self.scalar(value);
                let compares = |comparison| move |other| compare(&value, comparison, &self.scalar(other));
                if *negated {
                    list.iter().all(compares(Comparison::NotEqual))
                } else {
                    list.iter().any(compares(Comparison::Equal))
                }
            }
            Condition::IsNull { value, negated } => matches!(self.scalar(value), Scalar::Null) != *negated,
            Condition::Holds(value) => matches!(self.scalar(value), Scalar::Boolean(true)),
        }
    }

    /// The object that goes out.
    pub(super) fn object(&self, items: &'v [Item], envelope: &str) -> String {
        let mut out = String::from("{");
        for item in items {
            match item {
                Item::All => push_members(&mut out, envelope, items),
                Item::Member { source, key, .. } => {
                    push_key(&mut out, key);
                    self.push(&mut out, source);
                }
            }
        }
        out.push('}');
        out
    }

    fn push(&self, out: &mut String, source: &'v Source) {
        let value = match source {
            Source::Path(path) => self.path(path.slot),
            Source::Text(text) => Passing::Text(Cow::Borrowed(text)),
            Source::Integer(number) => return out.push_str(&number.to_string()),
            Source::Call(call) => self.call(call),
        };
        match value {
            Passing::Null => out.push_str("null"),
            Passing::Raw(json) => out.push_str(json),
            Passing::Made(json) => out.push_str(&json),
            Passing::Boolean(boolean) => out.push_str(if boolean { "true" } else { "false" }),
            Passing::Number(number) => out.push_str(&number.to_string()),
            Passing::Text(text) => json::push_string(out, &text),
        }
    }

    fn path(&self, slot: usize) -> Passing<'v> {
        self.found
            .get(slot)
            .copied()
            .flatten()
            .map_or(Passing::Null, Passing::Raw)
    }

    fn value(&self, value: &'v Value) -> Passing<'v> {
        match value {
            Value::Null => Passing::Null,
            Value::Boolean(boolean) => Passing::Boolean(*boolean),
            Value::Number(number) => Passing::Number(*number),
            Value::Text(text) => Passing::Text(Cow::Borrowed(text)),
            Value::Path(path) => self.path(path.slot),
            Value::Call(call) => self.call(call),
            Value::Negated(value) => passing(self.number(value).map(Number::negated), Passing::Number),
            Value::Joined(parts) => passing(self.joined(parts), |text| Passing::Text(text.into())),
            Value::Sum(first, rest) => passing(self.sum(first, rest), Passing::Number),
        }
    }

    fn scalar(&self, value: &'v Value) -> Scalar<'v> {
        match self.value(value) {
            Passing::Null => Scalar::Null,
            Passing::Raw(json) => read(json),
            Passing::Made(json) if json == "[]" => Scalar::Null,
            Passing::Made(_) => Scalar::Structure,
            Passing::Boolean(boolean) => Scalar::Boolean(boolean),
            Passing::Number(number) => Scalar::Number(Numeric { number, longer: None }),
            Passing::Text(text) => Scalar::Text(text),
        }
    }

    pub(super) fn number(&self, value: &'v Value) -> Option<Number> {
        match self.scalar(value) {
            Scalar::Number(numeric) => Some(numeric.number),
            _ => None,
        }
    }

    pub(super) fn text(&self, value: &'v Value) -> Option<Cow<'v, str>> {
        match self.scalar(value) {
            Scalar::Text(text) => Some(text),
            _ => None,
        }
    }

    fn sum(&self, first: &'v Value, rest: &'v [(Arithmetic, Value)]) -> Option<Number> {
        let mut result = self.number(first)?;
        for (operator, value) in rest {
            let value = self.number(value)?;
            result = match operator {
                Arithmetic::Add => result.plus(value),
                Arithmetic::Subtract => result.plus(value.negated()),
                Arithmetic::Multiply => result.times(value),
                Arithmetic::Divide => result.over(value),
            }?;
        }
        Some(result)
    }

    pub(super) fn joined(&self, parts: &'v [Value]) -> Option<String> {
        let mut out = String::new();
        for part in parts {
            match self.value(part) {
                Passing::Text(text) => out.push_str(&text),
                Passing::Number(number) => out.push_str(&number.to_string()),
                Passing::Boolean(boolean) => out.push_str(if boolean { "true" } else { "false" }),
                // A number in the device's own digits.
                Passing::Raw(json) => match read(json) {
                    Scalar::Text(text) => out.push_str(&text),
                    Scalar::Number(_) | Scalar::Boolean(_) => out.push_str(json),
                    Scalar::Null | Scalar::Structure => return None,
                },
                Passing::Null | Passing::Made(_) => return None,
            }
            if out.len() > MOST_BYTES {
                return None;
            }
        }
        Some(out)
    }
}

pub(super) fn passing<'v, T>(value: Option<T>, pass: impl FnOnce(T) -> Passing<'v>) -> Passing<'v> {
    value.map_or(Passing::Null, pass)
}

/// JSON of the event as a value; what is no JSON is NULL.
fn read(json: &str) -> Scalar<'_> {
    match json.as_bytes().first() {
        Some(b'"') => json::string(json).map_or(Scalar::Null, Scalar::Text),
        Some(b'[') if json::elements(json).next().is_none() => Scalar::Null,
        Some(b'{' | b'[') => Scalar::Structure,
        Some(b'-' | b'0'..=b'9') => Number::read(json).map_or(Scalar::Null, |read| {
            Scalar::Number(Numeric {
                number: read.number,
                longer: (!read.exact).then_some(json),
            })
        }),
        _ => match json {
            "true" => Scalar::Boolean(true),
            "false" => Scalar::Boolean(false),
            _ => Scalar::Null,
        },
    }
}

/// False for a NULL, for unlike types and for an order that a type does not have.
fn compare(left: &Scalar<'_>, comparison: Comparison, right: &Scalar<'_>) -> bool {
    let order = match (left, right) {
        (Scalar::Number(left), Scalar::Number(right)) => left.compare(right),
        (Scalar::Text(left), Scalar::Text(right)) => left.cmp(right),
        (Scalar::Boolean(left), Scalar::Boolean(right)) => {
            return match comparison {
                Comparison::Equal => left == right,
                Comparison::NotEqual => left != right,
                _ => false,
            };
        }
        _ => return false,
    };
    match comparison {
        Comparison::Equal => order.is_eq(),
        Comparison::NotEqual => order.is_ne(),
        Comparison::Greater => order.is_gt(),
        Comparison::GreaterOrEqual => order.is_ge(),
        Comparison::Less => order.is_lt(),
        Comparison::LessOrEqual => order.is_le(),
    }
}

impl Numeric<'_> {
    fn compare(&self, other: &Self) -> Ordering {
        if self.longer.is_none() && other.longer.is_none() {
            return self.number.compare(other.number);
        }
        let exact = |one: &Self| match one.longer {
            Some(text) => Decimal::parse(text),
            None => Decimal::parse(&one.number.to_string()),
        };
        match (exact(self), exact(other)) {
            (Some(left), Some(right)) => left.cmp(&right),
            _ => self.number.compare(other.number),
        }
    }
}

/// The members of an event, but for those in whose place an item stands.
fn push_members(out: &mut String, envelope: &str, items: &[Item]) {
    let mut cursor = Cursor::new(envelope);
    if !cursor.enter(b'{') {
        return;
    }
    while let Some(name) = cursor.name() {
        let (Some(key), Some(value)) = (name.value(), cursor.value()) else {
            return;
        };
        let replaced = |item: &Item| matches!(item, Item::Member { key: own, .. } if *own == *key);
        if !items.iter().any(replaced) {
            push_key(out, &key);
            out.push_str(value);
        }
    }
}

fn push_key(out: &mut String, key: &str) {
    if out.len() > 1 {
        out.push(',');
    }
    json::push_string(out, key);
    out.push(':');
}
