//! What a clause says, typed: a condition is no value, and nothing that the language refuses can be held here but for its
//! bounds. Chains are flat, so that the depth of a tree is bounded by the depth of nesting in the text.

use super::function::Function;
use super::number::Number;
use super::pattern::Pattern;

/// An item of SELECT.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    /// `*`
    All,
    /// One member of what goes out.
    Member {
        /// Where its value comes from.
        source: Source,
        /// The name that `AS` gives it.
        alias: Option<String>,
        /// Its key: the alias, or a path's names joined by dots.
        key: String,
    },
}

/// Where an item's value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Source {
    Path(Path),
    Text(String),
    Integer(i32),
    Call(Call),
}

/// The way to a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Path {
    /// From the top; at least one. The first has no dot.
    pub(super) names: Vec<String>,
    /// Its place among what the clause needs.
    pub(super) slot: usize,
}

/// What holds or does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Condition {
    /// At least one of two or more; none of them is an `Or`.
    Or(Vec<Self>),
    /// All of two or more; none of them is an `And`.
    And(Vec<Self>),
    Compare(Value, Comparison, Value),
    Like {
        value: Value,
        negated: bool,
        pattern: Pattern,
    },
    In {
        value: Value,
        negated: bool,
        /// At least one.
        list: Vec<Value>,
    },
    IsNull {
        value: Value,
        negated: bool,
    },
    /// What is true as it stands.
    Holds(Value),
}

/// A comparison of two values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Comparison {
    pub(super) const ALL: [Self; 6] = [
        Self::Equal,
        Self::NotEqual,
        Self::Greater,
        Self::GreaterOrEqual,
        Self::Less,
        Self::LessOrEqual,
    ];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "<>",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
        }
    }
}

/// What has a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Null,
    Boolean(bool),
    /// Without trailing zeros.
    Number(Number),
    Text(String),
    Path(Path),
    Call(Call),
    /// With its sign turned; never of a [`Value::Number`].
    Negated(Box<Self>),
    /// Joined; two or more, none of them a `Joined`.
    Joined(Vec<Self>),
    /// From left to right, all operators of one rank; the first is no `Sum` of that rank.
    Sum(Box<Self>, Vec<(Arithmetic, Self)>),
}

/// An arithmetic operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
}

impl Arithmetic {
    pub(super) const ALL: [Self; 4] = [Self::Add, Self::Subtract, Self::Multiply, Self::Divide];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
        }
    }

    /// Whether it binds as tightly as a product.
    pub(super) const fn is_product(self) -> bool {
        matches!(self, Self::Multiply | Self::Divide)
    }
}

/// A function's call, its arguments as its signature asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) function: Function,
    pub(super) arguments: Vec<Value>,
    /// The place of the tags or services that it looks through, among what the clause needs.
    pub(super) slot: Option<usize>,
}
