//! A connection with its prepared statements.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

use futures_util::TryStreamExt as _;
use tokio_postgres::{Client, Error, error::SqlState};

use super::{dialect, values::read_row};
use crate::{Row, Value, Written};

/// A connection. Requests on it are answered in the order in which they were first polled.
pub struct Session {
    client: Client,
    /// By the place of the neutral text in memory: it is static, so the place says which it is.
    prepared: Mutex<HashMap<(usize, usize), tokio_postgres::Statement>>,
}

fn place(sql: &'static str) -> (usize, usize) {
    (sql.as_ptr().addr(), sql.len())
}

impl Session {
    pub(super) fn new(client: Client) -> Self {
        Self { client, prepared: Mutex::default() }
    }

    /// The connection itself, for what neutral statements cannot say.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Whether the connection is known to be gone.
    pub fn is_closed(&self) -> bool {
        self.client.is_closed()
    }

    /// Neutral SQL, prepared on this connection: a round trip the first time, none later.
    pub async fn prepare(&self, sql: &'static str) -> Result<tokio_postgres::Statement, Error> {
        let known = self.prepared.lock().unwrap_or_else(PoisonError::into_inner).get(&place(sql)).cloned();
        if let Some(statement) = known {
            return Ok(statement);
        }
        let statement = self.client.prepare(&dialect::translate(sql)).await?;
        self.prepared.lock().unwrap_or_else(PoisonError::into_inner).insert(place(sql), statement.clone());
        Ok(statement)
    }

    /// Runs a prepared statement to its end.
    pub async fn run(&self, statement: &tokio_postgres::Statement, params: &[Value]) -> Result<Written, Error> {
        let mut stream = std::pin::pin!(self.client.query_raw(statement, params).await?);
        let mut rows = Vec::new();
        while let Some(row) = stream.try_next().await? {
            rows.push(read_row(&row)?);
        }
        let affected = stream.rows_affected().unwrap_or_default();
        Ok(Written { affected: usize::try_from(affected).unwrap_or(usize::MAX), rows })
    }

    /// All rows of a query in neutral SQL. A statement that the server no longer takes as it was prepared (a
    /// newer host has migrated) is prepared again; so not for use within a transaction.
    pub async fn query(&self, sql: &'static str, params: &[Value]) -> Result<Vec<Row>, Error> {
        let statement = self.prepare(sql).await?;
        let done = match self.run(&statement, params).await {
            Err(error) if is_stale(&error) => {
                self.prepared.lock().unwrap_or_else(PoisonError::into_inner).remove(&place(sql));
                self.run(&self.prepare(sql).await?, params).await
            }
            done => done,
        };
        Ok(done?.rows)
    }
}

fn is_stale(error: &Error) -> bool {
    matches!(error.code(), Some(&SqlState::FEATURE_NOT_SUPPORTED | &SqlState::INVALID_SQL_STATEMENT_NAME))
}
