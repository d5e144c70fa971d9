//! The two boxes of a rule's SQL, and where a fault in them is.

use crate::console::Fields;
use crate::console::api::{self, ApiRefusal};
use crate::console::components::Field;

/// `select` or `where`.
pub struct Clause {
    /// The box.
    pub field: Field,
    /// The place of its fault.
    pub fault: Option<Fault>,
}

/// A clause in three: what stands before the fault, the character at which it begins, what comes after.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    /// Its character, from 1.
    pub position: usize,
    /// The text before it.
    pub before: String,
    /// The character; what is missing at the end has none.
    pub at: String,
    /// The text after it.
    pub after: String,
}

impl Fault {
    fn of(clause: &str, position: usize) -> Self {
        let text: Vec<char> = clause.chars().collect();
        let (before, rest) = text.split_at(position.saturating_sub(1).min(text.len()));
        let (at, after) = rest.split_at(rest.len().min(1));
        let whole = |part: &[char]| part.iter().collect::<String>();
        Self {
            position,
            before: whole(before),
            at: whole(at),
            after: whole(after),
        }
    }
}

/// Both, empty or as something says them.
pub fn clauses(text: impl Fn(&str) -> String) -> [Clause; 2] {
    let clause = |name, label, hint: &str| Clause {
        field: Field {
            is_optional: true,
            ..Field::text(name, label)
                .kind("textarea")
                .hint(hint)
                .value(text(name))
        },
        fault: None,
    };
    [
        clause(
            "select",
            "Select",
            "What goes out, such as notify_data.header.device_id AS device. Empty: the whole event.",
        ),
        clause(
            "where",
            "Where",
            "Which events are taken, such as notify_data.header.product_id = 'meter'. Empty: all of them.",
        ),
    ]
}

/// As a form says them.
pub fn sent(said: &Fields) -> [Clause; 2] {
    clauses(|name| said.text(name).to_owned())
}

/// Marks the fault that the API found; whether there is one.
pub fn mark(clauses: &mut [Clause; 2], refused: &ApiRefusal) -> bool {
    let name = api::text(&refused.body, "/clause");
    let Some(clause) = clauses.iter_mut().find(|clause| clause.field.name == name) else {
        return false;
    };
    let position = usize::try_from(api::number(&refused.body, "/position")).unwrap_or(1);
    let message = api::text(&refused.body, "/message");
    clause.field.error = format!("At character {position}: {message}.");
    clause.fault = Some(Fault::of(&clause.field.value, position));
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_cut_out_by_characters_and_may_be_at_the_end() {
        let parts = |clause: &str, position| {
            let fault = Fault::of(clause, position);
            [fault.before, fault.at, fault.after].join("|")
        };
        assert_eq!(parts("ä = = 1", 5), "ä = |=| 1");
        assert_eq!(parts("a =", 4), "a =||");
        assert_eq!(parts("", 1), "||");
        assert_eq!(parts("a", 99), "a||");
    }
}
