//! What PostgreSQL's errors mean here, and conflicts in SQLite's words.

use tokio_postgres::error::{DbError, SqlState};

use crate::StoreError;

/// Why statements or a commit did not go through. In words for the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The schema refuses what a statement would store; the words are those of [`crate::Conflict::constraint`].
    #[error("{0}")]
    Conflict(String),
    /// Nothing is stored; the same transaction may go through if it is tried again (a deadlock, a
    /// serialization failure, a lock that was not to be had).
    #[error("{0}")]
    Retry(String),
    /// The connection is gone or of no use (the server stops, has become a standby, …); nothing of an open
    /// transaction is stored. A new connection may do.
    #[error("the connection to PostgreSQL was lost: {0}")]
    Lost(String),
    /// The connection was lost while a commit was under way: it is stored or it is not.
    #[error("the connection to PostgreSQL was lost during a commit: {0}")]
    Unknown(String),
    /// The server has no space left.
    #[error("the disk of the database server is full: free some space, the host goes on by itself ({0})")]
    Full(String),
    /// What was in memory is not what is stored any more: another writer was faster. Nothing is stored; with what it
    /// touches locked the same goes through.
    #[error("{0}")]
    Stale(String),
    /// Anything else: a defect, or a setting that does not fit.
    #[error("{0}")]
    Other(String),
}

/// What `iap_expect` of the migrations raises.
const STALE: &str = "IA001";

impl Failure {
    /// Whether the same may go through if it is tried again, without a risk that it happens twice.
    pub fn may_pass(&self) -> bool {
        matches!(self, Self::Retry(_) | Self::Lost(_))
    }
}

impl From<Failure> for StoreError {
    fn from(failure: Failure) -> Self {
        Self::Engine(failure.to_string())
    }
}

/// What an error of a statement means.
pub fn classify(error: &tokio_postgres::Error) -> Failure {
    let Some(refusal) = error.as_db_error() else {
        let io = std::error::Error::source(error).is_some_and(|source| source.is::<std::io::Error>());
        return if error.is_closed() || io { Failure::Lost(words(error)) } else { Failure::Other(words(error)) };
    };
    let words = words(error);
    match refusal.code() {
        &SqlState::DISK_FULL => Failure::Full(words),
        &SqlState::T_R_SERIALIZATION_FAILURE
        | &SqlState::T_R_DEADLOCK_DETECTED
        | &SqlState::LOCK_NOT_AVAILABLE
        | &SqlState::OUT_OF_MEMORY => Failure::Retry(words),
        &SqlState::TOO_MANY_CONNECTIONS | &SqlState::READ_ONLY_SQL_TRANSACTION => Failure::Lost(words),
        code if code.code() == STALE => Failure::Stale(words),
        code if code.code().starts_with("57P") || code.code().starts_with("08") => Failure::Lost(words),
        // A value that PostgreSQL cannot store (a NUL in a text) concerns its request, not the server.
        code if code.code().starts_with("23") || code.code().starts_with("22") => {
            Failure::Conflict(constraint(refusal))
        }
        _ => Failure::Other(words),
    }
}

/// What an error of `COMMIT` means: only where the server says that it rolled back is it sure that nothing is stored.
pub fn classify_commit(error: &tokio_postgres::Error) -> Failure {
    match classify(error) {
        Failure::Lost(words) => Failure::Unknown(words),
        Failure::Other(words) if error.as_db_error().is_none() => Failure::Unknown(words),
        failure => failure,
    }
}

/// The constraint in the words of SQLite, so that callers know one set of words:
/// `UNIQUE constraint failed: call.account_id, call.idempotency_key`. Works because the migrations name
/// unique constraints and indexes `call: account_id, idempotency_key`, primary keys too.
fn constraint(refusal: &DbError) -> String {
    let name = refusal.constraint().unwrap_or_default();
    match *refusal.code() {
        SqlState::UNIQUE_VIOLATION => format!("UNIQUE constraint failed: {}", columns(name)),
        SqlState::CHECK_VIOLATION => format!("CHECK constraint failed: {name}"),
        SqlState::FOREIGN_KEY_VIOLATION => format!("FOREIGN KEY constraint failed: {name}"),
        SqlState::NOT_NULL_VIOLATION => format!(
            "NOT NULL constraint failed: {}.{}",
            refusal.table().unwrap_or_default(),
            refusal.column().unwrap_or_default()
        ),
        // A trigger's own words, or why a value is none.
        _ => refusal.message().to_owned(),
    }
}

/// `call.account_id, call.idempotency_key` of `call: account_id, idempotency_key`.
fn columns(name: &str) -> String {
    match name.split_once(": ") {
        Some((table, columns)) => {
            columns.split(", ").map(|column| format!("{table}.{column}")).collect::<Vec<_>>().join(", ")
        }
        None => format!("index '{name}'"),
    }
}

/// An error with its causes: tokio-postgres keeps the server's words in the source.
pub(super) fn words(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !words.contains(&more) {
            words.push_str(": ");
            words.push_str(&more);
        }
        cause = error.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::columns;

    #[test]
    fn names_of_constraints_are_told_as_columns() {
        assert_eq!(columns("call: account_id, idempotency_key"), "call.account_id, call.idempotency_key");
        assert_eq!(columns("payment_event: id"), "payment_event.id");
        assert_eq!(columns("job_dedupe"), "index 'job_dedupe'");
    }
}
