//! Prints what was read in one form: keywords and functions in capitals, parentheses where they are needed. Parses back
//! to the same tree.

use std::fmt::{self, Display, Formatter};

use super::ast::{Call, Condition, Item, Path, Source, Value};
use super::lexer::is_word;
use super::operands::KEYWORDS;
use super::{Select, Where};

impl Display for Select {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        separated(f, &self.items, ", ", |f, item| write!(f, "{item}"))
    }
}

/// Nothing for what always holds.
impl Display for Where {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.condition {
            Some(condition) => write!(f, "{condition}"),
            None => Ok(()),
        }
    }
}

impl Display for Item {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self::Member { source, alias, .. } = self else {
            return f.write_str("*");
        };
        match source {
            Source::Path(path) => write!(f, "{path}"),
            Source::Text(text) => quoted(f, text),
            Source::Integer(number) => write!(f, "{number}"),
            Source::Call(call) => write!(f, "{call}"),
        }?;
        match alias {
            Some(alias) => write!(f, " AS {alias}"),
            None => Ok(()),
        }
    }
}

impl Display for Condition {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let not = |negated: &bool| if *negated { "NOT " } else { "" };
        match self {
            Self::Or(parts) => separated(f, parts, " OR ", |f, part| write!(f, "{part}")),
            Self::And(parts) => separated(f, parts, " AND ", |f, part| match part {
                Self::Or(_) => write!(f, "({part})"),
                _ => write!(f, "{part}"),
            }),
            Self::Compare(left, comparison, right) => {
                write!(f, "{left} {} {right}", comparison.as_str())
            }
            Self::Like {
                value,
                negated,
                pattern,
            } => {
                write!(f, "{value} {}LIKE ", not(negated))?;
                quoted(f, pattern.as_str())
            }
            Self::In { value, negated, list } => {
                write!(f, "{value} {}IN (", not(negated))?;
                separated(f, list, ", ", |f, value| write!(f, "{value}"))?;
                f.write_str(")")
            }
            Self::IsNull { value, negated } => write!(f, "{value} IS {}NULL", not(negated)),
            Self::Holds(value) => write!(f, "{value}"),
        }
    }
}

/// How tightly a value's outermost operator binds.
fn rank(value: &Value) -> u8 {
    match value {
        Value::Joined(_) => 0,
        Value::Sum(_, rest) => match rest.first() {
            Some((operator, _)) if operator.is_product() => 2,
            _ => 1,
        },
        _ => 3,
    }
}

/// In parentheses when its outermost operator binds less tightly than `least`.
fn bound(f: &mut Formatter<'_>, value: &Value, least: u8) -> fmt::Result {
    if rank(value) < least {
        write!(f, "({value})")
    } else {
        write!(f, "{value}")
    }
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => f.write_str("NULL"),
            Self::Boolean(true) => f.write_str("TRUE"),
            Self::Boolean(false) => f.write_str("FALSE"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Text(text) => quoted(f, text),
            Self::Path(path) => write!(f, "{path}"),
            Self::Call(call) => write!(f, "{call}"),
            Self::Negated(value) => {
                f.write_str("-")?;
                bound(f, value, 3)
            }
            Self::Joined(parts) => separated(f, parts, " || ", |f, part| bound(f, part, 1)),
            Self::Sum(first, rest) => {
                let own = rank(self);
                bound(f, first, own)?;
                for (operator, value) in rest {
                    write!(f, " {} ", operator.as_str())?;
                    bound(f, value, own + 1)?;
                }
                Ok(())
            }
        }
    }
}

impl Display for Call {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}(", self.function.name())?;
        separated(f, &self.arguments, ", ", |f, value| write!(f, "{value}"))?;
        f.write_str(")")
    }
}

impl Display for Path {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut first = true;
        separated(f, &self.names, ".", |f, name| {
            let plain = name.chars().all(is_word);
            let begins = std::mem::replace(&mut first, false);
            let taken = begins
                && (name.starts_with(|c: char| c.is_ascii_digit())
                    || KEYWORDS.iter().any(|keyword| keyword.eq_ignore_ascii_case(name)));
            if plain && !taken {
                f.write_str(name)
            } else {
                write!(f, "\"{}\"", name.replace('"', "\"\""))
            }
        })
    }
}

fn quoted(f: &mut Formatter<'_>, text: &str) -> fmt::Result {
    write!(f, "'{}'", text.replace('\'', "''"))
}

fn separated<T>(
    f: &mut Formatter<'_>,
    all: &[T],
    separator: &str,
    mut show: impl FnMut(&mut Formatter<'_>, &T) -> fmt::Result,
) -> fmt::Result {
    for (index, one) in all.iter().enumerate() {
        if index > 0 {
            f.write_str(separator)?;
        }
        show(f, one)?;
    }
    Ok(())
}
