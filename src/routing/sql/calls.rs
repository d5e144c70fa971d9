//! The functions, over what was found of an event (see the table in [`super`]).

use std::borrow::Cow;

use super::ast::{Call, Value};
use super::evaluation::{Evaluation, MOST_BYTES, Passing, passing};
use super::function::Function;
use super::json;

impl<'v> Evaluation<'v> {
    pub(super) fn call(&self, call: &'v Call) -> Passing<'v> {
        let arguments = call.arguments.as_slice();
        match call.function {
            Function::ContainsTag => Passing::Boolean(self.tag(call).is_some()),
            Function::ContainsServices => Passing::Boolean(self.services(call).next().is_some()),
            Function::StartsWith => {
                Passing::Boolean(self.affixed(arguments, |text, affix| text.starts_with(affix)))
            }
            Function::EndsWith => {
                Passing::Boolean(self.affixed(arguments, |text, affix| text.ends_with(affix)))
            }
            Function::GetTag => {
                let value = self.tag(call).and_then(|tag| json::member(tag, "tag_value"));
                passing(value, Passing::Raw)
            }
            Function::GetService => passing(self.services(call).next(), Passing::Raw),
            Function::GetServices => {
                let services: Vec<&str> = self.services(call).collect();
                Passing::Made(format!("[{}]", services.join(",")))
            }
            Function::GetServiceProperties => passing(self.properties(call), Passing::Raw),
            Function::GetServiceProperty => passing(self.property(call), Passing::Raw),
            Function::Concat => passing(self.joined(arguments), |text| Passing::Text(text.into())),
            Function::Replace => passing(self.replaced(arguments), Passing::Text),
            Function::Substring => passing(self.substring(arguments), Passing::Text),
            Function::Lower => passing(self.recased(arguments, str::to_lowercase), Passing::Text),
            Function::Upper => passing(self.recased(arguments, str::to_uppercase), Passing::Text),
        }
    }

    /// The elements of what a function looks through.
    fn elements(&self, call: &Call) -> impl Iterator<Item = &'v str> + use<'v> {
        let place = call.slot.and_then(|slot| self.found.get(slot).copied().flatten());
        json::elements(place.unwrap_or_default())
    }

    /// The tag that a function asks for.
    fn tag(&self, call: &'v Call) -> Option<&'v str> {
        let key = self.text(call.arguments.first()?)?;
        let has_key = |tag: &&str| json::member(tag, "tag_key").is_some_and(|raw| json::says(raw, &key));
        self.elements(call).find(has_key)
    }

    /// The services that a function asks for.
    fn services(&self, call: &'v Call) -> impl Iterator<Item = &'v str> {
        let id = call.arguments.first().and_then(|value| self.text(value));
        let fuzzy = matches!(call.arguments.get(1), Some(Value::Boolean(true)));
        let wanted = move |service: &&str| {
            let (Some(id), Some(raw)) = (&id, json::member(service, "service_id")) else {
                return false;
            };
            if fuzzy {
                json::string(raw).is_some_and(|own| own.contains(id.as_ref()))
            } else {
                json::says(raw, id)
            }
        };
        self.elements(call).filter(wanted)
    }

    fn properties(&self, call: &'v Call) -> Option<&'v str> {
        json::member(self.services(call).next()?, "properties")
    }

    fn property(&self, call: &'v Call) -> Option<&'v str> {
        let key = self.text(call.arguments.get(1)?)?;
        json::member(self.properties(call)?, &key)
    }

    fn affixed(&self, arguments: &'v [Value], holds: fn(&str, &str) -> bool) -> bool {
        let [text, affix] = arguments else {
            return false;
        };
        match (self.text(text), self.text(affix)) {
            (Some(text), Some(affix)) => holds(&text, &affix),
            _ => false,
        }
    }

    fn replaced(&self, arguments: &'v [Value]) -> Option<Cow<'v, str>> {
        let [text, target, replacement] = arguments else {
            return None;
        };
        let (text, target) = (self.text(text)?, self.text(target)?);
        let replacement = self.text(replacement)?;
        if target.is_empty() || !text.contains(target.as_ref()) {
            return Some(text);
        }
        let mut out = String::with_capacity(text.len());
        for (index, part) in text.split(target.as_ref()).enumerate() {
            if index > 0 {
                out.push_str(&replacement);
            }
            out.push_str(part);
            if out.len() > MOST_BYTES {
                return None;
            }
        }
        Some(Cow::Owned(out))
    }

    fn substring(&self, arguments: &'v [Value]) -> Option<Cow<'v, str>> {
        let text = self.text(arguments.first()?)?;
        let place = |value| usize::try_from(self.number(value)?.whole()?).ok();
        let begin = place(arguments.get(1)?)?;
        let end = match arguments.get(2) {
            Some(value) => place(value)?,
            None => usize::MAX,
        };
        if end < begin {
            return None;
        }
        let offset = |characters: usize| {
            text.char_indices()
                .nth(characters)
                .map_or(text.len(), |(at, _)| at)
        };
        let range = offset(begin)..offset(end);
        Some(match text {
            Cow::Borrowed(text) => Cow::Borrowed(text.get(range)?),
            Cow::Owned(text) => Cow::Owned(text.get(range)?.to_owned()),
        })
    }

    fn recased(&self, arguments: &'v [Value], recase: fn(&str) -> String) -> Option<Cow<'v, str>> {
        let text = self.text(arguments.first()?)?;
        let recased = recase(&text);
        (recased.len() <= MOST_BYTES.max(text.len())).then_some(Cow::Owned(recased))
    }
}
