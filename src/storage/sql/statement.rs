//! A statement with its values, built piece by piece, and the row that comes back, apart from any one database.

use std::borrow::Cow;

use crate::storage::{Result, StoreError};

/// A value of a statement. NULL has a type too: PostgreSQL asks for it.
#[derive(Clone, Debug)]
pub(in crate::storage) enum Value {
    Text(Option<String>),
    Int(Option<i64>),
    Flag(Option<bool>),
    Bytes(Option<Vec<u8>>),
}

/// SQL text with numbered places (`$1`), which both databases understand, and the values for them.
#[derive(Clone, Debug)]
pub(in crate::storage) struct Statement {
    text: Cow<'static, str>,
    values: Vec<Value>,
}

impl Statement {
    pub(in crate::storage) fn new(text: impl Into<Cow<'static, str>>) -> Self {
        Self {
            text: text.into(),
            values: Vec::new(),
        }
    }

    /// The value of the next number.
    pub(in crate::storage) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    /// Adds to the text; never what a caller sent.
    pub(super) fn push(&mut self, text: impl AsRef<str>) -> &mut Self {
        self.text.to_mut().push_str(text.as_ref());
        self
    }

    /// Adds the next number to the text, and its value.
    pub(super) fn push_bind(&mut self, value: impl Into<Value>) -> &mut Self {
        self.values.push(value.into());
        let place = format!("${}", self.values.len());
        self.push(place)
    }

    /// What it says so far.
    #[cfg(test)]
    pub(in crate::storage) fn text(&self) -> &str {
        &self.text
    }

    pub(in crate::storage) fn into_parts(self) -> (Cow<'static, str>, Vec<Value>) {
        (self.text, self.values)
    }
}

/// A row, read by column.
pub(in crate::storage) trait Columns: Send + Sync {
    fn text(&self, column: &str) -> Result<String>;
    fn optional_text(&self, column: &str) -> Result<Option<String>>;
    fn int(&self, column: &str) -> Result<i64>;
    fn optional_int(&self, column: &str) -> Result<Option<i64>>;
    fn flag(&self, column: &str) -> Result<bool>;
    fn bytes(&self, column: &str) -> Result<Vec<u8>>;
    fn optional_bytes(&self, column: &str) -> Result<Option<Vec<u8>>>;
    fn int_at(&self, index: usize) -> Result<i64>;
    fn optional_int_at(&self, index: usize) -> Result<Option<i64>>;
    fn optional_text_at(&self, index: usize) -> Result<Option<String>>;
    fn bytes_at(&self, index: usize) -> Result<Vec<u8>>;
}

/// What a database's error means to callers.
pub(in crate::storage) fn unavailable(error: sqlx::Error) -> StoreError {
    match error {
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) => StoreError::Corrupt(error.to_string()),
        other => StoreError::Unavailable(other.to_string()),
    }
}

/// Implements [`Columns`] for a database's row; it reads the same in each.
macro_rules! columns {
    ($row:ty) => {
        impl crate::storage::sql::Columns for $row {
            fn text(&self, column: &str) -> crate::storage::Result<String> {
                sqlx::Row::try_get(self, column).map_err(crate::storage::sql::unavailable)
            }
            fn optional_text(&self, column: &str) -> crate::storage::Result<Option<String>> {
                sqlx::Row::try_get(self, column).map_err(crate::storage::sql::unavailable)
            }
            fn int(&self, column: &str) -> crate::storage::Result<i64> {
                sqlx::Row::try_get(self, column).map_err(crate::storage::sql::unavailable)
            }
            fn optional_int(&self, column: &str) -> crate::storage::Result<Option<i64>> {
                sqlx::Row::try_get(self, column).map_err(crate::storage::sql::unavailable)
            }
            fn flag(&self, column: &str) -> crate::storage::Result<bool> {
                sqlx::Row::try_get(self, column).map_err(crate::storage::sql::unavailable)
            }
            fn bytes(&self, column: &str) -> crate::storage::Result<Vec<u8>> {
                sqlx::Row::try_get(self, column).map_err(crate::storage::sql::unavailable)
            }
            fn optional_bytes(&self, column: &str) -> crate::storage::Result<Option<Vec<u8>>> {
                sqlx::Row::try_get(self, column).map_err(crate::storage::sql::unavailable)
            }
            fn int_at(&self, index: usize) -> crate::storage::Result<i64> {
                sqlx::Row::try_get(self, index).map_err(crate::storage::sql::unavailable)
            }
            fn optional_int_at(&self, index: usize) -> crate::storage::Result<Option<i64>> {
                sqlx::Row::try_get(self, index).map_err(crate::storage::sql::unavailable)
            }
            fn optional_text_at(&self, index: usize) -> crate::storage::Result<Option<String>> {
                sqlx::Row::try_get(self, index).map_err(crate::storage::sql::unavailable)
            }
            fn bytes_at(&self, index: usize) -> crate::storage::Result<Vec<u8>> {
                sqlx::Row::try_get(self, index).map_err(crate::storage::sql::unavailable)
            }
        }
    };
}

/// A statement as a database's own query.
macro_rules! query {
    ($statement:expr) => {{
        let (text, values) = $statement.into_parts();
        let mut query = match text {
            std::borrow::Cow::Borrowed(text) => sqlx::query(text),
            std::borrow::Cow::Owned(text) => sqlx::query(sqlx::AssertSqlSafe(text)),
        };
        for value in values {
            query = match value {
                crate::storage::sql::Value::Text(value) => query.bind(value),
                crate::storage::sql::Value::Int(value) => query.bind(value),
                crate::storage::sql::Value::Flag(value) => query.bind(value),
                crate::storage::sql::Value::Bytes(value) => query.bind(value),
            };
        }
        query
    }};
}

pub(in crate::storage) use {columns, query};

macro_rules! from {
    ($($type:ty => |$value:ident| $made:expr),* $(,)?) => {
        $(
            impl From<$type> for Value {
                fn from($value: $type) -> Self {
                    $made
                }
            }
        )*
    };
}

from! {
    &str => |value| Self::Text(Some(value.to_owned())),
    String => |value| Self::Text(Some(value)),
    &String => |value| Self::Text(Some(value.clone())),
    Option<String> => |value| Self::Text(value),
    &Option<String> => |value| Self::Text(value.clone()),
    i64 => |value| Self::Int(Some(value)),
    u32 => |value| Self::Int(Some(i64::from(value))),
    Option<i64> => |value| Self::Int(value),
    bool => |value| Self::Flag(Some(value)),
    Option<bool> => |value| Self::Flag(value),
    Vec<u8> => |value| Self::Bytes(Some(value)),
    Option<Vec<u8>> => |value| Self::Bytes(value),
    &[u8] => |value| Self::Bytes(Some(value.to_vec())),
}
