//! Reads the items of SELECT.

use super::SqlFault;
use super::ast::{Item, Source};
use super::lexer::Kind;
use super::operands::Reference;
use super::parser::{Parser, Result};

/// The most `AS` of a clause.
const MOST_ALIASES: usize = 10;
/// The longest alias.
const MOST_ALIAS_CHARACTERS: usize = 32;
/// The longest text that is an item.
const MOST_TEXT_CHARACTERS: usize = 50;

impl Parser<'_> {
    /// The whole clause; an empty one is `*`.
    pub(super) fn select_list(&mut self) -> Result<Vec<Item>> {
        if self.at_end() {
            return Ok(vec![Item::All]);
        }
        let mut items = Vec::new();
        let mut aliases = 0;
        loop {
            let position = self.token.position;
            let item = self.item(&mut aliases)?;
            if items.iter().any(|other| key(other) == key(&item)) {
                let message = format!("'{}' stands twice", key(&item));
                return Err(SqlFault::new(position, message));
            }
            let expected = match &item {
                Item::Member { alias: None, .. } => "',', 'AS' or the end",
                _ => "',' or the end",
            };
            items.push(item);
            if self.at_end() {
                return Ok(items);
            }
            self.symbol(",", expected)?;
        }
    }

    fn item(&mut self, aliases: &mut usize) -> Result<Item> {
        if self.take_symbol("*") {
            return Ok(Item::All);
        }
        let source = self.source()?;
        let alias = self.alias(aliases)?;
        let key = match (&alias, &source) {
            (Some(alias), _) => alias.clone(),
            (None, Source::Path(path)) => path.names.join("."),
            (None, _) => return self.expected("'AS' and a name, which a constant and a function need"),
        };
        Ok(Item::Member { source, alias, key })
    }

    fn source(&mut self) -> Result<Source> {
        let token = self.token;
        match token.kind {
            Kind::Text(inner) => {
                let text = inner.replace("''", "'");
                if text.chars().nth(MOST_TEXT_CHARACTERS).is_some() {
                    let message = format!("a text here is at most {MOST_TEXT_CHARACTERS} characters long");
                    return Err(SqlFault::new(token.position, message));
                }
                self.advance();
                Ok(Source::Text(text))
            }
            Kind::Number(_) | Kind::Symbol("-") => self.integer().map(Source::Integer),
            Kind::Path(_) => Ok(match self.call_or_path()? {
                Reference::Path(path) => Source::Path(path),
                Reference::Call(call) => Source::Call(call),
            }),
            _ => self.expected("'*', a path, a text, a whole number or a function"),
        }
    }

    fn integer(&mut self) -> Result<i32> {
        let position = self.token.position;
        let negative = self.take_symbol("-");
        let Kind::Number(digits) = self.token.kind else {
            return self.expected("a whole number");
        };
        let whole = digits.bytes().all(|byte| byte.is_ascii_digit());
        let text = format!("{}{digits}", if negative { "-" } else { "" });
        match text.parse() {
            Ok(number) if whole => {
                self.advance();
                Ok(number)
            }
            _ => Err(SqlFault::new(
                position,
                format!("expected a whole number from {} to {}", i32::MIN, i32::MAX),
            )),
        }
    }

    fn alias(&mut self, aliases: &mut usize) -> Result<Option<String>> {
        let position = self.token.position;
        if !self.take_word("as") {
            return Ok(None);
        }
        *aliases += 1;
        if *aliases > MOST_ALIASES {
            let message = format!("'AS' stands more than {MOST_ALIASES} times");
            return Err(SqlFault::new(position, message));
        }
        let position = self.token.position;
        let name = self.take_name();
        let allowed = |c: char| c.is_ascii_alphabetic() || matches!(c, '_' | '-');
        if name.is_empty() {
            return Err(SqlFault::new(position, "expected a name"));
        }
        if let Some(at) = name.chars().position(|c| !allowed(c)) {
            let message =
                "a name behind 'AS' holds letters from 'a' to 'z' and 'A' to 'Z', '_' and '-' alone";
            return Err(SqlFault::new(position + at, message));
        }
        if name.len() > MOST_ALIAS_CHARACTERS {
            let message = format!("a name behind 'AS' is at most {MOST_ALIAS_CHARACTERS} characters long");
            return Err(SqlFault::new(position, message));
        }
        Ok(Some(name.to_owned()))
    }
}

/// What must not stand twice.
fn key(item: &Item) -> &str {
    match item {
        Item::All => "*",
        Item::Member { key, .. } => key,
    }
}
