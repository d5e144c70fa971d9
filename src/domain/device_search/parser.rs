//! Reads the clauses of a statement from its tokens. One method a clause; [`conditions`](super::conditions) adds the
//! `where` clause's.

use super::ast::{DeviceSearch, Direction, Selection};
use super::field::Field;
use super::lexer::{Kind, Lexer, Token};
use super::{DEFAULT_ROWS, MOST_OFFSET, MOST_ROWS, SearchFault};

pub(super) struct Parser<'a> {
    lexer: Lexer<'a>,
    /// The token that stands next; no rule looks further.
    pub(super) token: Token<'a>,
    /// The conditions read so far.
    pub(super) conditions: usize,
}

pub(super) type Result<T> = std::result::Result<T, SearchFault>;

impl<'a> Parser<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        let mut lexer = Lexer::new(text);
        let token = lexer.next();
        Self {
            lexer,
            token,
            conditions: 0,
        }
    }

    pub(super) fn statement(mut self) -> Result<DeviceSearch> {
        self.word("select", "'select'")?;
        let select = self.selection()?;
        self.word("device", "'device'")?;
        let mut expected = "'where', 'order by', 'limit' or the end";
        let mut filter = None;
        if self.take_word("where") {
            filter = Some(self.filter()?);
            expected = "'and', 'or', 'order by', 'limit' or the end";
        }
        let mut order = Direction::default();
        if self.take_word("order") {
            order = self.direction()?;
            expected = "'limit' or the end";
        }
        let (mut offset, mut limit) = (0, DEFAULT_ROWS);
        if self.take_word("limit") {
            (offset, limit) = self.limit()?;
            expected = "the end";
        }
        if self.token.kind != Kind::End {
            return self.expected(expected);
        }
        Ok(DeviceSearch {
            select,
            filter,
            order,
            offset,
            limit,
        })
    }

    /// What is selected, and `from` behind it.
    fn selection(&mut self) -> Result<Selection> {
        let select = if self.take_symbol("*") {
            Selection::All
        } else if self.take_word("count") {
            self.count()?;
            Selection::Count
        } else {
            let mut fields = Vec::new();
            loop {
                let field = self.field("a field, '*', 'count(*)' or 'count(1)'")?;
                if !fields.contains(&field) {
                    fields.push(field);
                }
                if !self.take_symbol(",") {
                    self.word("from", "',' or 'from'")?;
                    return Ok(Selection::Fields(fields));
                }
            }
        };
        self.word("from", "'from'")?;
        Ok(select)
    }

    /// `(*)` or `(1)`
    fn count(&mut self) -> Result<()> {
        self.symbol("(", "'('")?;
        if self.token.kind == Kind::Number("1") {
            self.advance();
        } else {
            self.symbol("*", "'*' or '1'")?;
        }
        self.symbol(")", "')'")
    }

    fn direction(&mut self) -> Result<Direction> {
        self.word("by", "'by'")?;
        self.word("marker", "'marker', the one field to order by")?;
        if self.take_word("asc") {
            return Ok(Direction::Ascending);
        }
        self.word("desc", "'asc' or 'desc'")?;
        Ok(Direction::Descending)
    }

    /// The offset and the rows.
    fn limit(&mut self) -> Result<(u32, u32)> {
        let mut position = self.token.position;
        let mut rows = self.number()?;
        let mut offset = 0;
        if self.take_symbol(",") {
            offset = rows;
            if offset > MOST_OFFSET {
                let message = format!("the offset is at most {MOST_OFFSET}");
                return Err(SearchFault::new(position, message));
            }
            position = self.token.position;
            rows = self.number()?;
        }
        if !(1..=MOST_ROWS).contains(&rows) {
            let message = format!("the limit is between 1 and {MOST_ROWS}");
            return Err(SearchFault::new(position, message));
        }
        Ok((offset, rows))
    }

    /// A whole number; one that does not fit is the largest.
    fn number(&mut self) -> Result<u32> {
        let Kind::Number(digits) = self.token.kind else {
            return self.expected("a whole number");
        };
        self.advance();
        Ok(digits.parse().unwrap_or(u32::MAX))
    }

    pub(super) fn field(&mut self, expected: &str) -> Result<Field> {
        let token = self.token;
        let Kind::Word(name) = token.kind else {
            return self.expected(expected);
        };
        let Some(field) = Field::parse(name) else {
            return Err(SearchFault::new(
                token.position,
                format!("no field is called '{name}'"),
            ));
        };
        self.advance();
        Ok(field)
    }

    pub(super) fn advance(&mut self) {
        self.token = self.lexer.next();
    }

    /// Takes a keyword, in any case, if it is there.
    pub(super) fn take_word(&mut self, keyword: &str) -> bool {
        let there = matches!(self.token.kind, Kind::Word(word) if word.eq_ignore_ascii_case(keyword));
        if there {
            self.advance();
        }
        there
    }

    pub(super) fn take_symbol(&mut self, symbol: &str) -> bool {
        let there = self.token.kind == Kind::Symbol(symbol);
        if there {
            self.advance();
        }
        there
    }

    pub(super) fn word(&mut self, keyword: &str, expected: &str) -> Result<()> {
        if self.take_word(keyword) {
            Ok(())
        } else {
            self.expected(expected)
        }
    }

    pub(super) fn symbol(&mut self, symbol: &str, expected: &str) -> Result<()> {
        if self.take_symbol(symbol) {
            Ok(())
        } else {
            self.expected(expected)
        }
    }

    pub(super) fn expected<T>(&self, what: &str) -> Result<T> {
        Err(SearchFault::new(self.token.position, format!("expected {what}")))
    }
}
