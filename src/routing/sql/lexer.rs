//! Cuts a clause into tokens. Refuses nothing: what is no token of the language becomes one that no rule takes, so that
//! the parser names the first fault from the left.

pub(super) use crate::domain::lexing::{inside, is_word};
use crate::domain::lexing::{leading, quoted, symbol};

/// A token and where it begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'a> {
    /// The character, from 1.
    pub(super) position: usize,
    /// The byte, from 0.
    offset: usize,
    pub(super) kind: Kind<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind<'a> {
    /// A keyword, a function's name or a path, as it is written.
    Path(&'a str),
    /// Digits, with a fraction and an exponent or without.
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

/// A text, and how far it is cut.
pub(super) struct Lexer<'a> {
    text: &'a str,
    offset: usize,
    position: usize,
}

impl<'a> Lexer<'a> {
    pub(super) const fn new(text: &'a str) -> Self {
        Self {
            text,
            offset: 0,
            position: 1,
        }
    }

    /// The next token; at the end, [`Kind::End`] again and again.
    pub(super) fn next(&mut self) -> Token<'a> {
        let rest = self.rest();
        self.take(rest.len() - rest.trim_start().len());
        let (position, offset) = (self.position, self.offset);
        let (length, kind) = first(self.rest());
        self.take(length);
        Token {
            position,
            offset,
            kind,
        }
    }

    /// Goes back to where `token` begins and takes the letters, digits, `_` and `-` there.
    pub(super) fn name_at(&mut self, token: Token<'a>) -> &'a str {
        (self.offset, self.position) = (token.offset, token.position);
        let name = leading(self.rest(), |c| is_word(c) || c == '-');
        self.take(name.len());
        name
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.offset..).unwrap_or_default()
    }

    fn take(&mut self, length: usize) {
        let taken = self.rest().get(..length).unwrap_or_default();
        self.position += taken.chars().count();
        self.offset += length;
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
        let number = number(text);
        return (number.len(), Kind::Number(number));
    }
    if begin == '"' || is_word(begin) {
        return match path(text) {
            Some(path) => (path.len(), Kind::Path(path)),
            None => (text.len(), Kind::Unclosed),
        };
    }
    symbol(text, &SYMBOLS).map_or((begin.len_utf8(), Kind::Other), |symbol| {
        (symbol.len(), Kind::Symbol(symbol))
    })
}

fn number(text: &str) -> &str {
    let digits = |from: usize| leading(text.get(from..).unwrap_or_default(), |c| c.is_ascii_digit()).len();
    let follows = |at: usize, marks: [char; 2]| text.get(at..).is_some_and(|rest| rest.starts_with(marks));
    let mut end = digits(0);
    if follows(end, ['.', '.']) && digits(end + 1) > 0 {
        end += 1 + digits(end + 1);
    }
    if follows(end, ['e', 'E']) {
        let sign = usize::from(follows(end + 1, ['+', '-']));
        let exponent = digits(end + 1 + sign);
        if exponent > 0 {
            end += 1 + sign + exponent;
        }
    }
    text.get(..end).unwrap_or_default()
}

/// Names and quoted names joined by dots.
fn path(text: &str) -> Option<&str> {
    let mut end = name(text)?.len();
    loop {
        let behind = text.get(end..).and_then(|rest| rest.strip_prefix('.'));
        let Some(next) = behind.filter(|next| next.starts_with(|c| c == '"' || is_word(c))) else {
            return text.get(..end);
        };
        end += 1 + name(next)?.len();
    }
}

/// The name at the beginning, with its quotes; none when nothing closes them.
pub(super) fn name(text: &str) -> Option<&str> {
    if text.starts_with('"') {
        quoted(text, '"')
    } else {
        Some(leading(text, is_word))
    }
}

const SYMBOLS: [&str; 14] = [
    "<>", ">=", "<=", "||", "=", ">", "<", "+", "-", "*", "/", "(", ")", ",",
];
