//! The language in which applications look for devices (management-api.md §5.3): read from text into a
//! [`DeviceSearch`], and printed again. Knows nothing of stored devices: storage turns the result into a query.
//!
//! ```text
//! select <field, … | * | count(*) | count(1)> from device
//!     [where <condition> and|or …] [order by marker asc|desc] [limit [offset,] rows]
//! ```
//!
//! Keywords stand in any case; fields and values are taken as they are written. A text stands in single quotes, a
//! quote inside it twice. `and` binds tighter than `or`; parentheses, `>=` and `<=` are additions of ours.

mod ast;
mod conditions;
mod field;
mod filter;
mod lexer;
mod parser;
mod printing;
#[cfg(test)]
mod tests;

pub use ast::{
    Choice, Compare, Condition, DeviceSearch, Direction, Filter, OrderedTest, Selection, TextTest, Tree,
};
pub use field::{Field, NodeType, Status, TextField};

/// The longest statement, in characters.
pub const MOST_CHARACTERS: usize = 400;
/// The most conditions of a statement.
pub const MOST_CONDITIONS: usize = 5;
/// The largest offset.
pub const MOST_OFFSET: u32 = 500;
/// The most rows.
pub const MOST_ROWS: u32 = 50;
/// The rows of a statement that does not say.
pub const DEFAULT_ROWS: u32 = 10;

/// Why a statement is refused, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("position {position}: {message}")]
pub struct SearchFault {
    /// The character at which the fault begins, from 1; one after the last for what is missing at the end.
    pub position: usize,
    /// What was expected there.
    pub message: String,
}

impl SearchFault {
    fn new(position: usize, message: impl Into<String>) -> Self {
        Self {
            position,
            message: message.into(),
        }
    }
}

impl DeviceSearch {
    /// Reads a statement of at most 400 characters.
    pub fn parse(text: &str) -> Result<Self, SearchFault> {
        if text.chars().nth(MOST_CHARACTERS).is_some() {
            let message = format!("the statement is longer than {MOST_CHARACTERS} characters");
            return Err(SearchFault::new(MOST_CHARACTERS + 1, message));
        }
        parser::Parser::new(text).statement()
    }
}
