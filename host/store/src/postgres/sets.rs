//! Statements with their values as columns: few of them for any number of rows, sent without waiting for one before the
//! next, or merged into one.

use std::{
    collections::HashMap,
    fmt::Write as _,
    sync::{LazyLock, Mutex, PoisonError},
};

use futures_util::future::join_all;
use tokio_postgres::{Error, types::ToSql};

use super::{
    errors::{Failure, classify, classify_commit},
    session::Session,
};

/// One statement with its columns of values.
pub struct Set {
    sql: &'static str,
    columns: Vec<Box<dyn ToSql + Sync + Send>>,
}

impl Set {
    pub fn new(sql: &'static str) -> Self {
        Self { sql, columns: Vec::new() }
    }

    pub fn with(mut self, column: impl ToSql + Sync + Send + 'static) -> Self {
        self.columns.push(Box::new(column));
        self
    }
}

/// Sets with their statements prepared: nothing waits any more before it is sent.
pub struct Ready<'a>(Vec<(tokio_postgres::Statement, &'a Set)>);

/// Prepares sets. Done before any of them is sent: a statement that still had to be prepared would be overtaken by
/// those behind it, even by the commit.
pub async fn prepare<'a>(session: &Session, sets: &'a [Set]) -> Result<Ready<'a>, Failure> {
    let mut ready = Vec::with_capacity(sets.len());
    for set in sets {
        ready.push((session.prepare(set.sql).await.map_err(|error| classify(&error))?, set));
    }
    Ok(Ready(ready))
}

/// Runs sets without waiting for one before the next is sent.
pub async fn run(session: &Session, sets: Ready<'_>) -> Result<(), Failure> {
    let mut running = Vec::with_capacity(sets.0.len());
    for (statement, set) in sets.0 {
        running.push(execute(session, statement, set));
    }
    for done in join_all(running).await {
        done.map_err(|error| classify(&error))?;
    }
    Ok(())
}

async fn execute(session: &Session, statement: tokio_postgres::Statement, set: &Set) -> Result<u64, Error> {
    let params: Vec<&(dyn ToSql + Sync)> = set.columns.iter().map(|column| &**column as &(dyn ToSql + Sync)).collect();
    session.client().execute(&statement, &params).await
}

/// Several sets as one statement, which is a transaction of its own.
pub struct Merged<'a> {
    statement: tokio_postgres::Statement,
    sets: &'a [Set],
}

/// Merges sets of which the first is a query that begins with `WITH`; it is done before the others. All of them see the
/// tables as they were before, so none may change a row that another inserts.
pub async fn merge<'a>(session: &Session, sets: &'a [Set]) -> Result<Merged<'a>, Failure> {
    let statement = session.prepare(merged_text(sets)).await.map_err(|error| classify(&error))?;
    Ok(Merged { statement, sets })
}

impl Merged<'_> {
    /// Runs it. If the connection is lost meanwhile, it is stored or it is not.
    pub async fn run(self, session: &Session) -> Result<(), Failure> {
        let columns = self.sets.iter().flat_map(|set| &set.columns);
        let params: Vec<&(dyn ToSql + Sync)> = columns.map(|column| &**column as &(dyn ToSql + Sync)).collect();
        session.client().execute(&self.statement, &params).await.map(drop).map_err(|error| classify_commit(&error))
    }
}

/// Texts of merged sets by the places of the sets' own texts: there are as many as there are shapes of batches.
static MERGED: LazyLock<Mutex<HashMap<Vec<usize>, &'static str>>> = LazyLock::new(Mutex::default);

fn merged_text(sets: &[Set]) -> &'static str {
    let shape: Vec<usize> = sets.iter().map(|set| set.sql.as_ptr().addr()).collect();
    let mut known = MERGED.lock().unwrap_or_else(PoisonError::into_inner);
    known.entry(shape).or_insert_with(|| Box::leak(merged(sets).into_boxed_str()))
}

fn merged(sets: &[Set]) -> String {
    let Some((first, others)) = sets.split_first() else { return String::new() };
    let mut before = first.columns.len();
    let mut text = "WITH ".to_owned();
    for (n, set) in others.iter().enumerate() {
        let _ = write!(text, "set{n} AS ({}), ", renumbered(set.sql, before));
        before += set.columns.len();
    }
    text + first.sql.strip_prefix("WITH ").unwrap_or(first.sql)
}

/// SQL whose parameters begin after the `before`-th.
fn renumbered(sql: &str, before: usize) -> String {
    let mut parts = sql.split('?');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.len() - part.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let number: usize = part[..digits].parse().unwrap_or_default();
        let _ = write!(text, "?{}{}", number + before, &part[digits..]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_of_merged_sets_follow_one_another() {
        let sets = [
            Set::new("WITH found AS (SELECT ?1) SELECT ?2 FROM found").with(1i64).with(2i64),
            Set::new("UPDATE a SET b = ?2 WHERE id = ?1").with(3i64).with(4i64),
            Set::new("DELETE FROM c WHERE id = ?1").with(5i64),
        ];
        assert_eq!(
            merged(&sets),
            "WITH set0 AS (UPDATE a SET b = ?4 WHERE id = ?3), set1 AS (DELETE FROM c WHERE id = ?5), \
             found AS (SELECT ?1) SELECT ?2 FROM found"
        );
    }
}
