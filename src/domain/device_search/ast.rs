//! What a statement says, typed: no combination that the language refuses can be held here, but for the bounds on
//! counts and numbers.

use super::field::{Field, NodeType, Status, TextField};
use crate::domain::clock::Timestamp;

/// A statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceSearch {
    /// What is answered of each device.
    pub select: Selection,
    /// Which devices; none: all.
    pub filter: Option<Filter>,
    /// By marker, in which direction.
    pub order: Direction,
    /// How many devices are passed over, up to 500.
    pub offset: u32,
    /// How many devices are answered at most, 1 to 50.
    pub limit: u32,
}

/// What is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// Every field.
    All,
    /// These fields, each once, in the order asked for.
    Fields(Vec<Field>),
    /// The number of devices that pass the filter, whatever the limit.
    Count,
}

/// The order by marker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Direction {
    /// The oldest first.
    Ascending,
    /// The newest first; so when a statement does not say.
    #[default]
    Descending,
}

/// The tree of a statement's conditions.
pub type Filter = Tree<Condition>;

/// Leaves joined by `and` and `or`. A parsed one is flat: no `And` directly in an `And`, no `Or` directly in an `Or`,
/// and each of two children or more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tree<C> {
    /// One condition.
    Leaf(C),
    /// All of these.
    And(Vec<Self>),
    /// At least one of these.
    Or(Vec<Self>),
}

/// What a device must be like. A field that a device does not have is unlike every text: it passes `!=` and `not in`,
/// and nothing else.
///
/// # Tags
///
/// Conditions on `tag_key` and `tag_value` that the same `and` joins speak of one tag: `tag_key = 'a' and
/// tag_value = 'b'` asks for a tag with this key and this value, not for any tag with the key beside any tag with the
/// value. Several are paired in the order in which they stand, the first key with the first value, so a device can be
/// asked for two tags at once. Alternatives in parentheses that speak of keys alone or of values alone count as one:
/// `tag_key = 'a' and (tag_value = 'b' or tag_value = 'c')`. What is in parentheses is paired before what is around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Condition {
    /// A field that holds text.
    Text {
        /// Which.
        field: TextField,
        /// The test its value passes.
        test: TextTest,
    },
    /// `status`.
    Status(Choice<Status>),
    /// `node_type`.
    NodeType(Choice<NodeType>),
    /// `create_time`.
    Created(OrderedTest<Timestamp>),
    /// `marker`, the record id of paging.
    Marker(OrderedTest<i64>),
    /// `tag_key` alone. Some tag's key passes; `!=` asks that no tag has the key.
    TagKey(TextTest),
    /// `tag_value` alone. Some tag's value passes; `!=` asks that no tag has the value.
    TagValue(TextTest),
    /// Some tag passes with its key and its value both; here `!=` speaks of that tag: `tag_key = 'a' and
    /// tag_value != 'b'` asks for a tag `a` of another value.
    Tag {
        /// The tests of its key.
        key: Tree<TextTest>,
        /// The tests of its value.
        value: Tree<TextTest>,
    },
}

/// A test of a text, in its exact case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextTest {
    /// `=`, `!=`, `in`, `not in`.
    Choice(Choice<String>),
    /// `like 'text%'`: begins with these four characters or more, each standing for itself.
    StartsWith(String),
}

/// A test against given values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice<T> {
    /// `=`.
    Equal(T),
    /// `!=`.
    NotEqual(T),
    /// `in`, at least one.
    In(Vec<T>),
    /// `not in`, at least one.
    NotIn(Vec<T>),
}

/// A test of what has an order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderedTest<T> {
    /// `=`, `!=`, `in`, `not in`.
    Choice(Choice<T>),
    /// Beyond a bound.
    Compare(Compare, T),
}

/// On which side of a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compare {
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
}

impl Compare {
    pub(super) const ALL: [Self; 4] = [Self::Greater, Self::GreaterOrEqual, Self::Less, Self::LessOrEqual];

    /// As it is written.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
        }
    }
}
