//! What pages are made of: the values that the macros of `templates/ui.html` show.

use serde_json::Value;

use super::api;
use super::fields::query;

/// A field of a form, with its label, hint and error.
#[derive(Clone, Debug, Default)]
pub struct Field {
    /// Its name in the form; its id on the page too.
    pub name: &'static str,
    /// Its label.
    pub label: &'static str,
    /// `text`, `password`, `datetime-local`, `number`, `select`, `textarea` or `checkbox`.
    pub kind: &'static str,
    /// What it holds.
    pub value: String,
    /// What may stand in it.
    pub hint: String,
    /// Why it was refused.
    pub error: String,
    /// The browser asks for it.
    pub is_required: bool,
    /// Its label says that it may stay empty.
    pub is_optional: bool,
    /// What a browser's password store makes of it.
    pub autocomplete: &'static str,
    /// Of a `select`: values and how they read.
    pub choices: Vec<(String, String)>,
}

impl Field {
    /// A line of text.
    pub fn text(name: &'static str, label: &'static str) -> Self {
        Self {
            name,
            label,
            kind: "text",
            autocomplete: "off",
            ..Self::default()
        }
    }

    /// A password: never shown again.
    pub fn password(name: &'static str, label: &'static str, autocomplete: &'static str) -> Self {
        Self {
            kind: "password",
            autocomplete,
            is_required: true,
            ..Self::text(name, label)
        }
    }

    /// One of some values.
    pub fn choice(name: &'static str, label: &'static str, choices: &[(&str, &str)]) -> Self {
        let choices = choices.iter();
        Self {
            kind: "select",
            choices: choices
                .map(|(value, text)| ((*value).to_owned(), (*text).to_owned()))
                .collect(),
            ..Self::text(name, label)
        }
    }

    /// Another kind of field.
    #[must_use]
    pub const fn kind(mut self, kind: &'static str) -> Self {
        self.kind = kind;
        self
    }

    /// What a browser's store makes of it.
    #[must_use]
    pub const fn autocomplete(mut self, autocomplete: &'static str) -> Self {
        self.autocomplete = autocomplete;
        self
    }

    /// Must be filled.
    #[must_use]
    pub const fn required(mut self) -> Self {
        self.is_required = true;
        self
    }

    /// What may stand in it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// What it holds.
    #[must_use]
    pub fn value(mut self, value: impl Into<String>) -> Self {
        self.value = value.into();
        self
    }

    /// Why it was refused; empty is not.
    #[must_use]
    pub fn error(mut self, error: impl Into<String>) -> Self {
        self.error = error.into();
        self
    }
}

/// How a state looks. Its word says the same as its colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// As it should be.
    Good,
    /// Someone should look at it.
    Warning,
    /// It does not work, or was refused.
    Bad,
    /// Neither.
    Quiet,
}

impl Tone {
    /// The class of the stylesheet.
    pub const fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Warning => "warning",
            Self::Bad => "bad",
            Self::Quiet => "quiet",
        }
    }
}

/// A state's word in its colour.
#[derive(Clone, Debug)]
pub struct Badge {
    /// Its colour.
    pub tone: Tone,
    /// Its word.
    pub text: String,
}

impl Badge {
    /// A word in a colour.
    pub fn new(tone: Tone, text: impl Into<String>) -> Self {
        Self {
            tone,
            text: text.into(),
        }
    }
}

/// The ways on from one page of a list of the API (`limit` and `marker`).
#[derive(Clone, Debug)]
pub struct Pager {
    /// How many match in all.
    pub count: i64,
    /// The list's beginning, unless this is it.
    pub first: Option<String>,
    /// What comes after this page.
    pub next: Option<String>,
}

impl Pager {
    /// Rows of one page.
    pub const LIMIT: usize = 25;

    /// Of an answer that has `page` and showed so many rows; `filters` are the page's own query without its marker.
    pub fn of(answer: &Value, shown: usize, path: &str, filters: &[(&str, &str)], marker: &str) -> Self {
        let next = api::text(answer, "/page/marker");
        let at = |marker| {
            let pairs = filters.iter().copied();
            format!("{path}{}", query(pairs.chain([("marker", marker)])))
        };
        Self {
            count: api::number(answer, "/page/count"),
            first: (!marker.is_empty()).then(|| at("")),
            next: (shown == Self::LIMIT && !next.is_empty()).then(|| at(next)),
        }
    }
}

/// A time of the API as people read it: `2026-11-24 22:30:05`, UTC as all of them are.
pub fn time(text: &str) -> String {
    let digits = |from: usize, to: usize| text.get(from..to).unwrap_or_default();
    match text.len() {
        24 | 20 => format!("{} {}", digits(0, 10), digits(11, 19)),
        16 => format!(
            "{}-{}-{} {}:{}:{}",
            digits(0, 4),
            digits(4, 6),
            digits(6, 8),
            digits(9, 11),
            digits(11, 13),
            digits(13, 15)
        ),
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn times_of_either_form_read_alike() {
        assert_eq!(time("2026-11-24T22:30:05.250Z"), "2026-11-24 22:30:05");
        assert_eq!(time("20261124T223005Z"), "2026-11-24 22:30:05");
        assert_eq!(time(""), "");
    }

    #[test]
    fn a_full_page_leads_on_and_a_later_one_back_to_the_first() {
        let answer = json!({"page": {"count": 60, "marker": "ab"}});
        let first = Pager::of(
            &answer,
            Pager::LIMIT,
            "/console/x",
            &[("a", "b c"), ("d", "")],
            "",
        );
        assert_eq!((first.count, first.first), (60, None));
        assert_eq!(first.next.unwrap(), "/console/x?a=b+c&marker=ab");
        let last = Pager::of(&answer, 10, "/console/x", &[], "ab");
        assert_eq!((last.first.as_deref(), last.next), (Some("/console/x"), None));
    }
}
