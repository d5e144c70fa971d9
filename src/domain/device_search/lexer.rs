//! Cuts a statement into tokens. Refuses nothing: what is no token of the language becomes one that no rule takes, so
//! that the parser names the first fault from the left.

use crate::domain::lexing::{inside, is_word, leading, quoted, symbol};

/// A token and the character at which it begins, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub(super) position: usize,
    pub(super) kind: Kind<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    /// A keyword or a name.
    Word(&'a str),
    /// Digits.
    Number(&'a str),
    /// What stands between two quotes, quotes inside it still doubled.
    Text(&'a str),
    /// A quote that nothing closes.
    Unclosed,
    /// An operator or a mark.
    Symbol(&'a str),
    /// A character that the language does not have.
    Other,
    /// The end.
    End,
}

/// What is left of a text, and where it stands.
pub(super) struct Lexer<'a> {
    rest: &'a str,
    position: usize,
}

impl<'a> Lexer<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self {
            rest: text,
            position: 1,
        }
    }

    /// The next token; at the end, [`Kind::End`] again and again.
    pub(super) fn next(&mut self) -> Token<'a> {
        let trimmed = self.rest.trim_start();
        self.take(self.rest.len() - trimmed.len());
        let (length, kind) = first(trimmed);
        let position = self.position;
        self.take(length);
        Token { position, kind }
    }

    fn take(&mut self, length: usize) {
        let (taken, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, ""));
        self.position += taken.chars().count();
        self.rest = rest;
    }
}

/// The token at the beginning of `text`, and its length in bytes.
fn first(text: &str) -> (usize, Kind<'_>) {
    let Some(begin) = text.chars().next() else {
        return (0, Kind::End);
    };
    if begin == '\'' {
        return match quoted(text, '\'') {
            Some(whole) => (whole.len(), Kind::Text(inside(whole))),
            None => (text.len(), Kind::Unclosed),
        };
    }
    if begin.is_ascii_digit() {
        let number = leading(text, |c| c.is_ascii_digit());
        return (number.len(), Kind::Number(number));
    }
    let word = leading(text, is_word);
    if !word.is_empty() {
        return (word.len(), Kind::Word(word));
    }
    symbol(text, &SYMBOLS).map_or((begin.len_utf8(), Kind::Other), |symbol| {
        (symbol.len(), Kind::Symbol(symbol))
    })
}

const SYMBOLS: [&str; 10] = ["!=", ">=", "<=", "=", ">", "<", "*", "(", ")", ","];
