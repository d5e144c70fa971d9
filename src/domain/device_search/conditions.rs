//! Reads the `where` clause: its tree and each condition's operator and values.

use super::ast::{Choice, Compare, Condition, Filter, OrderedTest, TextTest, Tree};
use super::field::{Field, NodeType, Status};
use super::lexer::Kind;
use super::parser::{Parser, Result};
use super::{MOST_CONDITIONS, SearchFault, filter};
use crate::domain::clock::Timestamp;
use crate::domain::event_time::parse_event_time;
use crate::domain::ids::parse_marker;

/// How deep parentheses may nest: what bounds the recursion. Five conditions need no more.
const MOST_DEPTH: usize = 8;
/// The fewest characters before the `%` of `like`.
const SHORTEST_PREFIX: usize = 4;

/// Makes a value of a text, or says what it must be.
type Read<T> = fn(&str) -> std::result::Result<T, &'static str>;

impl Parser<'_> {
    pub(super) fn filter(&mut self) -> Result<Filter> {
        self.alternatives(0)
    }

    fn alternatives(&mut self, depth: usize) -> Result<Filter> {
        let mut parts = vec![self.conjunction(depth)?];
        while self.take_word("or") {
            parts.push(self.conjunction(depth)?);
        }
        Ok(filter::any_of(parts))
    }

    fn conjunction(&mut self, depth: usize) -> Result<Filter> {
        let mut parts = vec![self.operand(depth)?];
        while self.take_word("and") {
            parts.push(self.operand(depth)?);
        }
        Ok(filter::all_of(parts))
    }

    fn operand(&mut self, depth: usize) -> Result<Filter> {
        let position = self.token.position;
        if !self.take_symbol("(") {
            return Ok(Tree::Leaf(self.condition()?));
        }
        if depth == MOST_DEPTH {
            let message = format!("parentheses nest over {MOST_DEPTH} levels");
            return Err(SearchFault::new(position, message));
        }
        let inner = self.alternatives(depth + 1)?;
        self.symbol(")", "'and', 'or' or ')'")?;
        Ok(inner)
    }

    fn condition(&mut self) -> Result<Condition> {
        let position = self.token.position;
        let field = self.field("a field or '('")?;
        self.conditions += 1;
        if self.conditions > MOST_CONDITIONS {
            let message = format!("a statement has at most {MOST_CONDITIONS} conditions");
            return Err(SearchFault::new(position, message));
        }
        Ok(match field {
            Field::Text(text) => Condition::Text {
                field: text,
                test: self.text_test(field)?,
            },
            Field::TagKey => Condition::TagKey(self.text_test(field)?),
            Field::TagValue => Condition::TagValue(self.text_test(field)?),
            Field::Status => Condition::Status(self.choice(field, read_status)?),
            Field::NodeType => Condition::NodeType(self.choice(field, read_node_type)?),
            Field::CreateTime => Condition::Created(self.ordered_test(field, read_time)?),
            Field::Marker => Condition::Marker(self.ordered_test(field, read_marker)?),
        })
    }

    fn text_test(&mut self, field: Field) -> Result<TextTest> {
        if field.takes_like() && self.take_word("like") {
            return Ok(TextTest::StartsWith(self.value(read_prefix)?));
        }
        Ok(TextTest::Choice(self.choice(field, |text| Ok(text.to_owned()))?))
    }

    fn ordered_test<T>(&mut self, field: Field, read: Read<T>) -> Result<OrderedTest<T>> {
        for compare in Compare::ALL {
            if self.take_symbol(compare.as_str()) {
                return Ok(OrderedTest::Compare(compare, self.value(read)?));
            }
        }
        Ok(OrderedTest::Choice(self.choice(field, read)?))
    }

    fn choice<T>(&mut self, field: Field, read: Read<T>) -> Result<Choice<T>> {
        if self.take_symbol("=") {
            return Ok(Choice::Equal(self.value(read)?));
        }
        if self.take_symbol("!=") {
            return Ok(Choice::NotEqual(self.value(read)?));
        }
        if field.takes_lists() {
            if self.take_word("in") {
                return Ok(Choice::In(self.values(read)?));
            }
            if self.take_word("not") {
                self.word("in", "'in'")?;
                return Ok(Choice::NotIn(self.values(read)?));
            }
        }
        let message = format!("{} takes {}", field.as_str(), field.operators());
        Err(SearchFault::new(self.token.position, message))
    }

    fn values<T>(&mut self, read: Read<T>) -> Result<Vec<T>> {
        self.symbol("(", "'('")?;
        let mut values = vec![self.value(read)?];
        while self.take_symbol(",") {
            values.push(self.value(read)?);
        }
        self.symbol(")", "',' or ')'")?;
        Ok(values)
    }

    fn value<T>(&mut self, read: Read<T>) -> Result<T> {
        let token = self.token;
        let raw = match token.kind {
            Kind::Text(raw) => raw,
            Kind::Unclosed => return self.expected("a quote that closes the text"),
            _ => return self.expected("a text in single quotes"),
        };
        self.advance();
        read(&raw.replace("''", "'")).map_err(|message| SearchFault::new(token.position, message))
    }
}

fn read_prefix(text: &str) -> std::result::Result<String, &'static str> {
    let prefix = text
        .strip_suffix('%')
        .ok_or("like needs a '%' at the end of its text")?;
    if prefix.contains('%') {
        return Err("like takes one '%', at the end of its text");
    }
    if prefix.chars().count() < SHORTEST_PREFIX {
        return Err("like needs at least 4 characters before the '%'");
    }
    Ok(prefix.to_owned())
}

fn read_status(text: &str) -> std::result::Result<Status, &'static str> {
    Status::parse(text).ok_or("status is one of ONLINE, OFFLINE, ABNORMAL, INACTIVE, FROZEN")
}

fn read_node_type(text: &str) -> std::result::Result<NodeType, &'static str> {
    NodeType::parse(text).ok_or("node_type is one of GATEWAY, ENDPOINT, UNKNOWN")
}

fn read_time(text: &str) -> std::result::Result<Timestamp, &'static str> {
    Some(text)
        .filter(|text| text.len() == "yyyy-MM-ddTHH:mm:ss.SSSZ".len())
        .and_then(parse_event_time)
        .ok_or("create_time is an instant like 2026-11-23T08:15:30.250Z")
}

fn read_marker(text: &str) -> std::result::Result<i64, &'static str> {
    parse_marker(text).ok_or("marker is 24 hexadecimal digits")
}
