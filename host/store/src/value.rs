//! Neutral values, rows and statements: what every engine understands.

use std::fmt;

/// A value of a column. The schema uses 64-bit integers, texts and bytes, nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// SQL NULL.
    Null,
    /// 64-bit integer.
    Int(i64),
    /// Text.
    Text(String),
    /// Bytes.
    Bytes(Vec<u8>),
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Int(i64::from(value))
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<Vec<u8>> for Value {
    fn from(value: Vec<u8>) -> Self {
        Self::Bytes(value)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

impl From<iap_core::Time> for Value {
    fn from(value: iap_core::Time) -> Self {
        Self::Int(value.millis())
    }
}

impl From<iap_core::Credits> for Value {
    fn from(value: iap_core::Credits) -> Self {
        Self::Int(value.micros())
    }
}

macro_rules! from_ids {
    ($($id:ident),*) => {$(
        impl From<iap_core::ids::$id> for Value {
            fn from(id: iap_core::ids::$id) -> Self {
                Self::Int(id.0)
            }
        }
    )*};
}
from_ids!(AccountId, DatabaseId, ServiceId, CallId, HoldId, GrantId, EntryId, JobId, OrderId, BlobId, PayoutId, MailId);

/// A row that a query answered.
#[derive(Clone, Debug)]
pub struct Row(pub Vec<Value>);

/// A stored value that cannot be what the schema says: a loud defect, naming the column's place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("column {column} of the row holds {found}, not {expected}")]
pub struct BadColumn {
    column: usize,
    found: String,
    expected: &'static str,
}

impl Row {
    fn bad(&self, column: usize, expected: &'static str) -> BadColumn {
        BadColumn {
            column,
            found: self.0.get(column).map_or_else(|| "nothing".to_owned(), |value| format!("{value:?}")),
            expected,
        }
    }

    /// An integer.
    pub fn int(&self, column: usize) -> Result<i64, BadColumn> {
        self.opt_int(column)?.ok_or_else(|| self.bad(column, "an integer"))
    }

    /// An integer or NULL.
    pub fn opt_int(&self, column: usize) -> Result<Option<i64>, BadColumn> {
        match self.0.get(column) {
            Some(Value::Int(value)) => Ok(Some(*value)),
            Some(Value::Null) => Ok(None),
            _ => Err(self.bad(column, "an integer")),
        }
    }

    /// A text.
    pub fn text(&self, column: usize) -> Result<String, BadColumn> {
        self.opt_text(column)?.ok_or_else(|| self.bad(column, "a text"))
    }

    /// A text or NULL.
    pub fn opt_text(&self, column: usize) -> Result<Option<String>, BadColumn> {
        match self.0.get(column) {
            Some(Value::Text(value)) => Ok(Some(value.clone())),
            Some(Value::Null) => Ok(None),
            _ => Err(self.bad(column, "a text")),
        }
    }

    /// Bytes or NULL.
    pub fn opt_bytes(&self, column: usize) -> Result<Option<Vec<u8>>, BadColumn> {
        match self.0.get(column) {
            Some(Value::Bytes(value)) => Ok(Some(value.clone())),
            Some(Value::Null) => Ok(None),
            _ => Err(self.bad(column, "bytes")),
        }
    }

    /// Bytes.
    pub fn bytes(&self, column: usize) -> Result<Vec<u8>, BadColumn> {
        self.opt_bytes(column)?.ok_or_else(|| self.bad(column, "bytes"))
    }

    /// A value of a closed set, by its name.
    pub fn parse<T>(&self, column: usize, read: impl FnOnce(&str) -> Option<T>) -> Result<T, BadColumn> {
        read(&self.text(column)?).ok_or_else(|| self.bad(column, "a known name"))
    }
}

/// How many rows a statement must touch for its transaction to go through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// Any number.
    Any,
    /// Exactly this many; anything else is a [`Conflict`].
    Rows(usize),
}

/// One writing statement with its parameters `?1`, `?2`, …; portable SQL unless its module says otherwise.
#[derive(Clone, Debug)]
pub struct Statement {
    /// SQL text.
    pub sql: &'static str,
    /// Parameters.
    pub params: Vec<Value>,
    /// See [`Expect`].
    pub expect: Expect,
}

impl Statement {
    /// A statement that may touch any number of rows.
    pub fn new(sql: &'static str, params: Vec<Value>) -> Self {
        Self { sql, params, expect: Expect::Any }
    }

    /// The same, but it must touch exactly `rows`.
    pub fn expecting(mut self, rows: usize) -> Self {
        self.expect = Expect::Rows(rows);
        self
    }
}

/// What a statement did.
#[derive(Clone, Debug)]
pub struct Written {
    /// Rows touched.
    pub affected: usize,
    /// Rows of its `RETURNING`.
    pub rows: Vec<Row>,
}

/// The database refused a statement, as the schema demands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// Which of the statements, from 0.
    pub statement: usize,
    /// The constraint's own words, as in `UNIQUE constraint failed: service.name`; empty if the
    /// number of rows was not the expected one.
    pub constraint: String,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "statement {}: {}",
            self.statement,
            if self.constraint.is_empty() { "no such row any more" } else { &self.constraint }
        )
    }
}
