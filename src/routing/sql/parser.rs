//! Reads conditions and values by the binding powers of their operators; [`operands`](super::operands) adds what they stand
//! between, [`select_list`](super::select_list) the items of SELECT.

use super::SqlFault;
use super::ast::{Arithmetic, Comparison, Condition, Value};
use super::lexer::{Kind, Lexer, Token};
use super::pattern::Pattern;

/// How deep parentheses, calls and signs may stand in one another.
const MOST_DEPTH: usize = 32;

pub(super) struct Parser<'a> {
    lexer: Lexer<'a>,
    /// The token that stands next; no rule looks further.
    pub(super) token: Token<'a>,
    /// What the clause needs of an event, each once.
    pub(super) paths: Vec<Vec<String>>,
    pub(super) depth: usize,
}

pub(super) type Result<T> = std::result::Result<T, SqlFault>;

/// What an operator stands between.
pub(super) enum Term {
    Condition(Condition),
    Value(Value),
}

#[derive(Clone, Copy)]
enum Operator {
    /// Between conditions.
    Logic(Logic),
    /// Behind a value.
    OfValue(OfValue),
}

#[derive(Clone, Copy)]
enum Logic {
    Or,
    And,
}

#[derive(Clone, Copy)]
enum OfValue {
    Compare(Comparison),
    Not,
    Like,
    In,
    Is,
    Join,
    Arithmetic(Arithmetic),
}

impl Operator {
    const fn power(self) -> u8 {
        match self {
            Self::Logic(Logic::Or) => 1,
            Self::Logic(Logic::And) => 2,
            Self::OfValue(OfValue::Join) => 4,
            Self::OfValue(OfValue::Arithmetic(operator)) if operator.is_product() => 6,
            Self::OfValue(OfValue::Arithmetic(_)) => 5,
            Self::OfValue(_) => 3,
        }
    }
}

/// Binds tighter than every operator.
pub(super) const SIGN_POWER: u8 = 7;
/// Of the operands of a comparison.
pub(super) const VALUE_POWER: u8 = 4;

impl<'a> Parser<'a> {
    /// Passes over `keyword`, with which a clause may begin.
    pub(super) fn new(text: &'a str, keyword: &str) -> Self {
        let mut lexer = Lexer::new(text);
        let token = lexer.next();
        let mut parser = Self {
            lexer,
            token,
            paths: Vec::new(),
            depth: 0,
        };
        parser.take_word(keyword);
        parser
    }

    pub(super) fn into_paths(self) -> Vec<Vec<String>> {
        self.paths
    }

    /// The whole clause; none of an empty one.
    pub(super) fn where_clause(&mut self) -> Result<Option<Condition>> {
        if self.at_end() {
            return Ok(None);
        }
        let term = self.term(0)?;
        let condition = self.condition(term)?;
        if self.at_end() {
            return Ok(Some(condition));
        }
        self.expected("an operator or the end")
    }

    /// A term whose operators bind at least as tightly as `least`.
    pub(super) fn term(&mut self, least: u8) -> Result<Term> {
        let mut left = self.operand()?;
        while let Some(operator) = self.operator().filter(|operator| operator.power() >= least) {
            left = match (operator, left) {
                (Operator::Logic(logic), left) => {
                    let left = self.condition(left)?;
                    self.advance();
                    let right = self.term(operator.power() + 1)?;
                    Term::Condition(joined(left, logic, self.condition(right)?))
                }
                (Operator::OfValue(operator), Term::Value(left)) => {
                    self.advance();
                    self.operation(left, operator)?
                }
                // Conditions have no value: what follows is refused by whoever asked for the term.
                (Operator::OfValue(_), condition) => return Ok(condition),
            };
        }
        Ok(left)
    }

    /// An operation on `left`; its operator is taken.
    fn operation(&mut self, left: Value, operator: OfValue) -> Result<Term> {
        let power = Operator::OfValue(operator).power() + 1;
        Ok(Term::Condition(match operator {
            OfValue::Join => {
                let right = self.value(power)?;
                return Ok(Term::Value(joined_values(left, right)));
            }
            OfValue::Arithmetic(arithmetic) => {
                let right = self.value(power)?;
                return Ok(Term::Value(sum(left, arithmetic, right)));
            }
            OfValue::Compare(comparison) => Condition::Compare(left, comparison, self.value(power)?),
            OfValue::Like => self.like(left, false)?,
            OfValue::In => self.list(left, false)?,
            OfValue::Not if self.take_word("like") => self.like(left, true)?,
            OfValue::Not if self.take_word("in") => self.list(left, true)?,
            OfValue::Not => return self.expected("'LIKE' or 'IN'"),
            OfValue::Is => {
                let negated = self.take_word("not");
                if !self.take_word("null") {
                    return self.expected(if negated { "'NULL'" } else { "'NULL' or 'NOT NULL'" });
                }
                Condition::IsNull { value: left, negated }
            }
        }))
    }

    /// The operator here, not taken.
    fn operator(&self) -> Option<Operator> {
        let of_value = match self.token.kind {
            Kind::Symbol("||") => Some(OfValue::Join),
            Kind::Symbol(symbol) => {
                let comparison = Comparison::ALL.into_iter().find(|known| known.as_str() == symbol);
                let arithmetic = Arithmetic::ALL.into_iter().find(|known| known.as_str() == symbol);
                comparison
                    .map(OfValue::Compare)
                    .or(arithmetic.map(OfValue::Arithmetic))
            }
            Kind::Path(word) => {
                let named = |(name, _): &(&str, Operator)| name.eq_ignore_ascii_case(word);
                return WORDS.into_iter().find(named).map(|(_, operator)| operator);
            }
            _ => None,
        };
        of_value.map(Operator::OfValue)
    }

    fn like(&mut self, value: Value, negated: bool) -> Result<Condition> {
        let Kind::Text(inner) = self.token.kind else {
            return self.expected("a text in single quotes");
        };
        self.advance();
        Ok(Condition::Like {
            value,
            negated,
            pattern: Pattern::new(inner.replace("''", "'")),
        })
    }

    fn list(&mut self, value: Value, negated: bool) -> Result<Condition> {
        self.symbol("(", "'('")?;
        let mut list = Vec::new();
        loop {
            list.push(self.value(VALUE_POWER)?);
            if self.take_symbol(")") {
                return Ok(Condition::In { value, negated, list });
            }
            self.symbol(",", "',' or ')'")?;
        }
    }

    pub(super) fn value(&mut self, least: u8) -> Result<Value> {
        let position = self.token.position;
        match self.term(least)? {
            Term::Value(value) => Ok(value),
            Term::Condition(_) => Err(SqlFault::new(position, "expected a value, not a condition")),
        }
    }

    /// The term that ends here as a condition.
    fn condition(&self, term: Term) -> Result<Condition> {
        let value = match term {
            Term::Condition(condition) => return Ok(condition),
            Term::Value(value) => value,
        };
        let holds = match &value {
            Value::Path(_) | Value::Boolean(_) => true,
            Value::Call(call) => call.function.can_hold(),
            _ => false,
        };
        if holds {
            return Ok(Condition::Holds(value));
        }
        self.expected("a comparison")
    }

    pub(super) fn enter(&mut self) -> Result<()> {
        self.depth += 1;
        if self.depth > MOST_DEPTH {
            let message = format!("nesting of more than {MOST_DEPTH} levels");
            return Err(SqlFault::new(self.token.position, message));
        }
        Ok(())
    }

    pub(super) fn advance(&mut self) {
        self.token = self.lexer.next();
    }

    pub(super) fn at_end(&self) -> bool {
        self.token.kind == Kind::End
    }

    /// Takes a keyword, in any case, if it is there.
    pub(super) fn take_word(&mut self, word: &str) -> bool {
        let there = matches!(self.token.kind, Kind::Path(text) if text.eq_ignore_ascii_case(word));
        if there {
            self.advance();
        }
        there
    }

    /// Takes the letters, digits, `_` and `-` that stand next, perhaps none.
    pub(super) fn take_name(&mut self) -> &'a str {
        let name = self.lexer.name_at(self.token);
        self.advance();
        name
    }

    pub(super) fn take_symbol(&mut self, symbol: &str) -> bool {
        let there = self.token.kind == Kind::Symbol(symbol);
        if there {
            self.advance();
        }
        there
    }

    pub(super) fn symbol(&mut self, symbol: &str, expected: &str) -> Result<()> {
        if self.take_symbol(symbol) {
            return Ok(());
        }
        self.expected(expected)
    }

    pub(super) fn expected<T>(&self, expected: &str) -> Result<T> {
        let message = match self.token.kind {
            Kind::Unclosed => "a quote that nothing closes".to_owned(),
            _ => format!("expected {expected}"),
        };
        Err(SqlFault::new(self.token.position, message))
    }
}

const WORDS: [(&str, Operator); 6] = [
    ("or", Operator::Logic(Logic::Or)),
    ("and", Operator::Logic(Logic::And)),
    ("not", Operator::OfValue(OfValue::Not)),
    ("like", Operator::OfValue(OfValue::Like)),
    ("in", Operator::OfValue(OfValue::In)),
    ("is", Operator::OfValue(OfValue::Is)),
];

fn joined(left: Condition, logic: Logic, right: Condition) -> Condition {
    let mut all = Vec::new();
    for part in [left, right] {
        match (logic, part) {
            (Logic::Or, Condition::Or(inner)) | (Logic::And, Condition::And(inner)) => all.extend(inner),
            (_, other) => all.push(other),
        }
    }
    match logic {
        Logic::Or => Condition::Or(all),
        Logic::And => Condition::And(all),
    }
}

fn joined_values(left: Value, right: Value) -> Value {
    let mut all = Vec::new();
    for part in [left, right] {
        match part {
            Value::Joined(inner) => all.extend(inner),
            other => all.push(other),
        }
    }
    Value::Joined(all)
}

fn sum(left: Value, operator: Arithmetic, right: Value) -> Value {
    match left {
        Value::Sum(first, mut rest)
            if rest
                .iter()
                .all(|(other, _)| other.is_product() == operator.is_product()) =>
        {
            rest.push((operator, right));
            Value::Sum(first, rest)
        }
        first => Value::Sum(Box::new(first), vec![(operator, right)]),
    }
}
