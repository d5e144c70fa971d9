//! The SQL of a rule (routing.md §2): which events it takes ([`Where`]) and what of them goes out ([`Select`]). Read and
//! compiled when the rule is written; evaluated over the text of an event's envelope, without I/O, and without a fault
//! on any text. Called by the management API and, for each event, by whatever judges events.
//!
//! ```text
//! select:  <item>, …      item: * | path [AS name] | 'text' AS name | whole number AS name | FUNCTION(…) AS name
//! where:   <condition>    value = <> > < >= <= value | value [NOT] LIKE 'pattern' | value [NOT] IN (value, …)
//!                         | value IS [NOT] NULL | condition AND|OR condition | (condition)
//! value:   path | 'text' | number | TRUE | FALSE | NULL | FUNCTION(value, …) | value + - * / || value | -value | (value)
//! ```
//!
//! `OR` binds least, then `AND`, the comparisons, `||`, `+ -`, `* /`, the sign. Keywords and functions stand in any case,
//! and a clause may begin with its own keyword. A text stands in single quotes, a quote inside it twice.
//!
//! # Paths
//!
//! Names joined by dots. A name of letters, digits and `_` stands as it is, any other in double quotes (a double quote
//! inside it twice). Quotes may also go round a whole path, `"notify_data.body.msg-type"`: no member at the top of an
//! event has a dot in its name. A path without `AS` has its names joined by dots as its key, without quotes.
//!
//! # Values
//!
//! - A missing member, JSON null and an empty array are NULL, and so is a path that meets an array. `IS NULL` alone tells
//!   NULL; whatever else compares with it is false, the negated forms too, and so is what compares unlike types. `IN` is
//!   true when one `=` is, `NOT IN` when every `<>` is.
//! - Texts are ordered by code point. Booleans have no order. Objects and arrays are like nothing.
//! - A path, `TRUE`, `FALSE`, `GET_SERVICE_PROPERTY` and the functions that answer a boolean can stand as a condition,
//!   which holds when they are true.
//! - Numbers have up to 34 digits: `+`, `-` and `*` are exact, then rounded to that, as is `/`, half to even. A division by
//!   zero is NULL, and so is what leaves 10^±6144. Comparisons are exact whatever the number of digits.
//! - `LIKE` takes a constant: `%` is any run of characters, `_` any one; there is no escape.
//! - `||` and `CONCAT` join texts, numbers in the device's own digits, and booleans.
//!
//! # Functions
//!
//! What the documentation leaves open is decided here. An argument that is NULL or of another type makes the answer NULL,
//! or false where it is a boolean. A text of over 1 MiB that a function would make is NULL.
//!
//! | function | answer |
//! | --- | --- |
//! | `GET_TAG(key)`, `CONTAINS_TAG(key)` | the value of the device's tag; whether there is one |
//! | `GET_SERVICE(id[, fuzzy])` | the first service of a property report with this id; with `fuzzy` `TRUE`, whose id contains the text |
//! | `GET_SERVICES(id[, fuzzy])` | all of them, as an array |
//! | `CONTAINS_SERVICES(id[, fuzzy])` | whether there is one |
//! | `GET_SERVICE_PROPERTIES(id)` | the properties of the first service with this id |
//! | `GET_SERVICE_PROPERTY(id, key)` | one of them, in its own type |
//! | `STARTS_WITH(text, prefix)`, `ENDS_WITH(text, suffix)` | whether it does |
//! | `CONCAT(a, b)` | both, joined |
//! | `REPLACE(text, target, replacement)` | with every target replaced; an empty target is found nowhere |
//! | `SUBSTRING(text, begin[, end])` | the characters from `begin`, counted from 0, to before `end`; a place behind the text is its end; NULL for a negative place or one that is not whole, or an end before the beginning |
//! | `LOWER(text)`, `UPPER(text)` | the text in this case |
//!
//! # What goes out
//!
//! One JSON object, the items in their order, with values as the device wrote them. An item that is missing is `null`. `*`
//! is the whole event; an item beside it stands in place of a member of the same name.

mod ast;
mod calls;
mod evaluation;
mod function;
mod json;
mod lexer;
mod needs;
mod number;
mod operands;
mod parser;
mod pattern;
mod printing;
mod select_list;
#[cfg(test)]
mod tests;

use std::borrow::Cow;

use ast::{Condition, Item};
use evaluation::Evaluation;
use needs::Needs;
use parser::Parser;

/// The longest clause, in characters.
pub const MOST_CHARACTERS: usize = 2500;

/// Why a clause is refused, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("position {position}: {message}")]
pub struct SqlFault {
    /// The character at which the fault begins, from 1; one after the last for what is missing at the end.
    pub position: usize,
    /// What was expected there.
    pub message: String,
}

impl SqlFault {
    fn new(position: usize, message: impl Into<String>) -> Self {
        Self {
            position,
            message: message.into(),
        }
    }
}

/// What of an event goes out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Select {
    items: Vec<Item>,
    needs: Needs,
}

impl Select {
    /// Reads a clause of at most 2,500 characters; an empty one means everything.
    pub fn parse(text: &str) -> Result<Self, SqlFault> {
        let mut parser = parser_of(text, "select")?;
        let items = parser.select_list()?;
        let needs = Needs::new(parser.into_paths());
        Ok(Self { items, needs })
    }

    /// What goes out of the event with this envelope, as a JSON object.
    pub fn of<'e>(&self, envelope: &'e str) -> Cow<'e, str> {
        if matches!(self.items.as_slice(), [Item::All]) {
            return Cow::Borrowed(envelope);
        }
        let evaluation = Evaluation::new(self.needs.find(envelope));
        Cow::Owned(evaluation.object(&self.items, envelope))
    }
}

/// Which events are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Where {
    condition: Option<Condition>,
    needs: Needs,
}

impl Where {
    /// Reads a clause of at most 2,500 characters; an empty one always holds.
    pub fn parse(text: &str) -> Result<Self, SqlFault> {
        let mut parser = parser_of(text, "where")?;
        let condition = parser.where_clause()?;
        let needs = Needs::new(parser.into_paths());
        Ok(Self { condition, needs })
    }

    /// Whether it holds for the event with this envelope.
    pub fn holds(&self, envelope: &str) -> bool {
        let Some(condition) = &self.condition else {
            return true;
        };
        Evaluation::new(self.needs.find(envelope)).holds(condition)
    }
}

fn parser_of<'a>(text: &'a str, keyword: &str) -> Result<Parser<'a>, SqlFault> {
    if text.chars().nth(MOST_CHARACTERS).is_some() {
        let message = format!("a clause is at most {MOST_CHARACTERS} characters long");
        return Err(SqlFault::new(MOST_CHARACTERS + 1, message));
    }
    Ok(Parser::new(text, keyword))
}
