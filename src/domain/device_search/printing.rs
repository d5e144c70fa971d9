//! Prints a statement so that it reads back as the same one, if it keeps within 400 characters: defaults are left out,
//! and parentheses stand only where they are needed.

use std::fmt::{self, Display, Formatter};

use super::DEFAULT_ROWS;
use super::ast::{
    Choice, Condition, DeviceSearch, Direction, Filter, OrderedTest, Selection, TextTest, Tree,
};
use crate::domain::event_time::with_millis;
use crate::domain::ids::Position;

impl Display for DeviceSearch {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "select {} from device", self.select)?;
        if let Some(filter) = &self.filter {
            write!(f, " where {filter}")?;
        }
        if self.order == Direction::Ascending {
            write!(f, " order by marker asc")?;
        }
        match (self.offset, self.limit) {
            (0, DEFAULT_ROWS) => Ok(()),
            (0, limit) => write!(f, " limit {limit}"),
            (offset, limit) => write!(f, " limit {offset}, {limit}"),
        }
    }
}

impl Display for Selection {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("*"),
            Self::Count => f.write_str("count(*)"),
            Self::Fields(fields) => {
                let names: Vec<_> = fields.iter().map(|field| field.as_str()).collect();
                f.write_str(&names.join(", "))
            }
        }
    }
}

impl Display for Filter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&tree(self, false, &condition))
    }
}

/// A tree as text; `in_and` is whether it stands in an `and`, where what joins less tightly needs parentheses.
fn tree<C>(tree_: &Tree<C>, in_and: bool, leaf: &dyn Fn(&C, bool) -> String) -> String {
    let join = |parts: &[Tree<C>], word: &str, in_and: bool| {
        let parts: Vec<_> = parts.iter().map(|part| tree(part, in_and, leaf)).collect();
        parts.join(word)
    };
    match tree_ {
        Tree::Leaf(condition) => leaf(condition, in_and),
        Tree::And(parts) => join(parts, " and ", true),
        Tree::Or(parts) if in_and => format!("({})", join(parts, " or ", false)),
        Tree::Or(parts) => join(parts, " or ", false),
    }
}

fn condition(condition: &Condition, in_and: bool) -> String {
    match condition {
        Condition::Text { field, test } => text_test(field.as_str(), test),
        Condition::Status(test) => choice("status", test, |status| quoted(status.as_str())),
        Condition::NodeType(test) => choice("node_type", test, |kind| quoted(kind.as_str())),
        Condition::Created(test) => ordered_test("create_time", test, |at| quoted(&with_millis(*at))),
        Condition::Marker(test) => ordered_test("marker", test, |id| quoted(&Position(*id).marker())),
        Condition::TagKey(test) => text_test("tag_key", test),
        Condition::TagValue(test) => text_test("tag_value", test),
        Condition::Tag { key, value } => {
            let key = tree(key, true, &|test, _| text_test("tag_key", test));
            let value = tree(value, true, &|test, _| text_test("tag_value", test));
            // Parentheses keep the pair from its neighbours.
            if in_and {
                format!("({key} and {value})")
            } else {
                format!("{key} and {value}")
            }
        }
    }
}

fn text_test(name: &str, test: &TextTest) -> String {
    match test {
        TextTest::Choice(test) => choice(name, test, |text| quoted(text)),
        TextTest::StartsWith(prefix) => format!("{name} like {}", quoted(&format!("{prefix}%"))),
    }
}

fn ordered_test<T>(name: &str, test: &OrderedTest<T>, show: impl Fn(&T) -> String) -> String {
    match test {
        OrderedTest::Choice(test) => choice(name, test, show),
        OrderedTest::Compare(compare, bound) => format!("{name} {} {}", compare.as_str(), show(bound)),
    }
}

fn choice<T>(name: &str, test: &Choice<T>, show: impl Fn(&T) -> String) -> String {
    let list = |values: &[T]| values.iter().map(&show).collect::<Vec<_>>().join(", ");
    match test {
        Choice::Equal(value) => format!("{name} = {}", show(value)),
        Choice::NotEqual(value) => format!("{name} != {}", show(value)),
        Choice::In(values) => format!("{name} in ({})", list(values)),
        Choice::NotIn(values) => format!("{name} not in ({})", list(values)),
    }
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
