//! Reads what operators stand between: constants, paths, calls and parentheses.

use super::SqlFault;
use super::ast::{Call, Path, Value};
use super::function::{Function, Parameter};
use super::lexer::{self, Kind};
use super::number::Number;
use super::parser::{Parser, Result, SIGN_POWER, Term, VALUE_POWER};

/// The most names of a path: an event has no more levels.
const MOST_NAMES: usize = 40;

/// What an unquoted name at the beginning of a path is not, in any case.
pub(super) const KEYWORDS: [&str; 12] = [
    "and", "or", "not", "like", "in", "is", "null", "true", "false", "as", "select", "where",
];

/// What a name begins.
pub(super) enum Reference {
    Path(Path),
    Call(Call),
}

impl Parser<'_> {
    pub(super) fn operand(&mut self) -> Result<Term> {
        let token = self.token;
        Ok(Term::Value(match token.kind {
            Kind::Symbol("(") => return self.parenthesis(),
            Kind::Symbol("-") => {
                self.enter()?;
                self.advance();
                let value = self.value(SIGN_POWER)?;
                self.depth -= 1;
                negated(value)
            }
            Kind::Text(inner) => {
                self.advance();
                Value::Text(inner.replace("''", "'"))
            }
            Kind::Number(text) => {
                let number = literal(text).map_err(|message| SqlFault::new(token.position, message))?;
                self.advance();
                Value::Number(number)
            }
            Kind::Path(_) if self.take_word("null") => Value::Null,
            Kind::Path(_) if self.take_word("true") => Value::Boolean(true),
            Kind::Path(_) if self.take_word("false") => Value::Boolean(false),
            Kind::Path(_) => match self.call_or_path()? {
                Reference::Path(path) => Value::Path(path),
                Reference::Call(call) => Value::Call(call),
            },
            _ => return self.expected("a path, a text, a number, a function or '('"),
        }))
    }

    fn parenthesis(&mut self) -> Result<Term> {
        self.enter()?;
        self.advance();
        let term = self.term(0)?;
        self.symbol(")", "an operator or ')'")?;
        self.depth -= 1;
        Ok(term)
    }

    pub(super) fn call_or_path(&mut self) -> Result<Reference> {
        let token = self.token;
        let Kind::Path(text) = token.kind else {
            return self.expected("a path or a function");
        };
        if KEYWORDS.iter().any(|keyword| keyword.eq_ignore_ascii_case(text)) {
            return self.expected("a path (a keyword needs double quotes)");
        }
        self.advance();
        if self.token.kind != Kind::Symbol("(") {
            return self.path(token.position, text).map(Reference::Path);
        }
        let Some(function) = Function::of_name(text) else {
            return Err(SqlFault::new(
                token.position,
                format!("no function is called '{text}'"),
            ));
        };
        self.call(function).map(Reference::Call)
    }

    fn call(&mut self, function: Function) -> Result<Call> {
        self.enter()?;
        self.advance();
        let (required, optional) = function.parameters();
        let mut arguments = Vec::new();
        for (index, parameter) in required.iter().enumerate() {
            if index > 0 {
                self.symbol(",", "','")?;
            }
            arguments.push(self.argument(*parameter)?);
        }
        if let Some(parameter) = optional.filter(|_| self.take_symbol(",")) {
            arguments.push(self.argument(parameter)?);
            self.symbol(")", "')'")?;
        } else {
            let expected = if optional.is_some() { "',' or ')'" } else { "')'" };
            self.symbol(")", expected)?;
        }
        self.depth -= 1;
        let slot = function.path().map(|names| {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            self.slot(names)
        });
        Ok(Call {
            function,
            arguments,
            slot,
        })
    }

    /// An argument; a constant that the function could do nothing with is refused.
    fn argument(&mut self, parameter: Parameter) -> Result<Value> {
        let position = self.token.position;
        let value = self.value(VALUE_POWER)?;
        let expected = match (parameter, &value) {
            (Parameter::Flag, Value::Boolean(_)) => return Ok(value),
            (Parameter::Flag, _) => "TRUE or FALSE",
            (Parameter::Text, Value::Null | Value::Boolean(_) | Value::Number(_) | Value::Negated(_)) => {
                "a text"
            }
            (Parameter::Whole, Value::Null | Value::Boolean(_) | Value::Text(_)) => "a whole number",
            (Parameter::Whole, Value::Number(number)) if number.whole().is_none() => "a whole number",
            (Parameter::Printable, Value::Null) => "a text, a number or a boolean",
            _ => return Ok(value),
        };
        Err(SqlFault::new(position, format!("expected {expected}")))
    }

    fn path(&mut self, position: usize, text: &str) -> Result<Path> {
        let mut names = Vec::new();
        let mut rest = text;
        while let Some(name) = lexer::name(rest).filter(|name| !name.is_empty()) {
            let behind = rest.get(name.len()..).unwrap_or_default();
            rest = behind.strip_prefix('.').unwrap_or(behind);
            if !name.starts_with('"') {
                names.push(name.to_owned());
                continue;
            }
            let inner = lexer::inside(name).replace("\"\"", "\"");
            if names.is_empty() {
                names.extend(inner.split('.').map(str::to_owned));
            } else {
                names.push(inner);
            }
        }
        if names.iter().any(String::is_empty) {
            return Err(SqlFault::new(position, "a name in a path must not be empty"));
        }
        if names.len() > MOST_NAMES {
            let message = format!("a path of more than {MOST_NAMES} names");
            return Err(SqlFault::new(position, message));
        }
        let slot = self.slot(names.clone());
        Ok(Path { names, slot })
    }

    fn slot(&mut self, names: Vec<String>) -> usize {
        let known = self.paths.iter().position(|path| *path == names);
        known.unwrap_or_else(|| {
            self.paths.push(names);
            self.paths.len() - 1
        })
    }
}

fn literal(text: &str) -> std::result::Result<Number, &'static str> {
    match Number::read(text) {
        Some(read) if read.exact => Ok(read.number.normal()),
        Some(_) => Err("a number of more than 34 digits"),
        None => Err("a number that is too large or too small"),
    }
}

fn negated(value: Value) -> Value {
    match value {
        Value::Number(number) => Value::Number(number.negated().normal()),
        other => Value::Negated(Box::new(other)),
    }
}
