//! PostgreSQL: several hosts may share one database.
//!
//! tokio-postgres rather than sqlx: it sends statements without waiting for the answers to those before, so that a
//! batch of postings costs a few round trips, not hundreds.

mod connect;
mod dialect;
mod errors;
mod place;
mod posting;
mod reader;
mod session;
mod sets;
pub mod statements;
mod tls;
mod values;
mod writer;

use iap_core::Time;
use tokio_postgres::types::ToSql;

pub use connect::{Purpose, Target};
pub use errors::{Failure, classify, classify_commit};
pub use reader::Reader;
pub use session::Session;
pub(crate) use values::read_row;
pub(crate) use writer::Writer;

use crate::Value;

/// Migrations in order. A shipped one is never edited.
const MIGRATIONS: &[(&str, &str)] = &[
    ("0001_first", include_str!("../../migrations/postgres/0001_first.sql")),
    ("0002_lean_batches", include_str!("../../migrations/postgres/0002_lean_batches.sql")),
    ("0003_repaid", include_str!("../../migrations/postgres/0003_repaid.sql")),
    ("0004_jobs_blobs", include_str!("../../migrations/postgres/0004_jobs_blobs.sql")),
    ("0005_publishing", include_str!("../../migrations/postgres/0005_publishing.sql")),
];

/// Writers of one host: while the server works for one, the other decides. They are to each other as two hosts.
const WRITERS: usize = 2;

/// Oldest version that is known to do, as `server_version_num`.
const OLDEST: i64 = 140_000;

/// Who migrates holds this advisory lock; the bytes of `iap-ddl`.
const MIGRATION_LOCK: i64 = 0x69_61_70_2d_64_64_6c;

/// Why a database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The URL says it wrongly.
    #[error("the database URL is wrong: {0}")]
    Url(String),
    /// No connection, or it was lost.
    #[error("cannot use the PostgreSQL database {target}: {cause}")]
    Connection {
        /// `host:port/database`.
        target: String,
        /// What went wrong.
        cause: Failure,
    },
    /// The server is too old.
    #[error("PostgreSQL {0} is too old: this version of the host needs 14 or newer")]
    ServerTooOld(i64),
    /// A migration failed; the database is as it was before it.
    #[error("migration {name} failed: {cause}")]
    Migration {
        /// The migration.
        name: &'static str,
        /// What PostgreSQL said.
        cause: Failure,
    },
    /// A newer host has migrated it.
    #[error(
        "the database was migrated by a newer version (schema {found}, this one knows {known}): start that version"
    )]
    TooNew {
        /// Schema of the database.
        found: usize,
        /// Newest known here.
        known: usize,
    },
}

/// A database opened for writing.
pub struct Opened {
    /// Where it is: for connections to come.
    pub target: Target,
    /// The writers' connections, each with a stream of its own. The first is this start's stream.
    pub writers: Vec<(Session, i64)>,
    /// The readers.
    pub reader: Reader,
}

/// Connects, migrates and claims a stream for each writer.
pub async fn open(url: &str, now: Time) -> Result<Opened, OpenError> {
    let target = Target::parse(url).map_err(OpenError::Url)?;
    let lost = |cause| OpenError::Connection { target: target.to_string(), cause };
    let session = target.connect(Purpose::Writing).await.map_err(lost)?;
    let failed = |error| lost(classify(&error));
    let version = one(&session, "SELECT CAST(current_setting('server_version_num') AS BIGINT)", &[]).await;
    let version = version.map_err(failed)?;
    if version < OLDEST {
        return Err(OpenError::ServerTooOld(version / 10_000));
    }
    let migrated = migrate(&session, now, failed).await;
    if migrated.is_err() {
        // The first error is the one to tell.
        drop(statements::rollback(&session).await);
    }
    migrated?;
    let claim = "INSERT INTO stream (started_at, seen_at) VALUES (?1, ?1) RETURNING id";
    let stream = one(&session, claim, &[now.into()]).await.map_err(failed)?;
    let mut writers = vec![(session, stream)];
    while writers.len() < WRITERS {
        let session = target.connect(Purpose::Writing).await.map_err(lost)?;
        let stream = one(&session, claim, &[now.into()]).await.map_err(failed)?;
        writers.push((session, stream));
    }
    let reader = Reader::new(target.clone());
    Ok(Opened { target, writers, reader })
}

/// Applies what is missing, all or nothing. Hosts that start together do it one after another.
async fn migrate(
    session: &Session,
    now: Time,
    failed: impl Fn(tokio_postgres::Error) -> OpenError,
) -> Result<(), OpenError> {
    let client = session.client();
    let begin = format!(
        "BEGIN; SELECT pg_advisory_xact_lock({MIGRATION_LOCK});
         CREATE TABLE IF NOT EXISTS migration (number BIGINT CONSTRAINT \"migration: number\" PRIMARY KEY, name TEXT NOT NULL, applied_at BIGINT NOT NULL)"
    );
    // So that nothing is said about a table that exists.
    client.batch_execute("SET client_min_messages = warning").await.map_err(&failed)?;
    client.batch_execute(&begin).await.map_err(&failed)?;
    let found = one(session, "SELECT count(*) FROM migration", &[]).await.map_err(&failed)?;
    let found = usize::try_from(found).unwrap_or(usize::MAX);
    if MIGRATIONS.len() < found {
        return Err(OpenError::TooNew { found, known: MIGRATIONS.len() });
    }
    let next = "INSERT INTO migration SELECT count(*) + 1, ?1, ?2 FROM migration";
    for (name, sql) in MIGRATIONS.iter().skip(found) {
        let broken = |error| OpenError::Migration { name, cause: classify(&error) };
        client.batch_execute(sql).await.map_err(broken)?;
        session.query(next, &[(*name).into(), now.into()]).await.map_err(broken)?;
    }
    client.batch_execute("COMMIT").await.map_err(failed)
}

/// The integer that a query answers.
async fn one(session: &Session, sql: &'static str, params: &[Value]) -> Result<i64, tokio_postgres::Error> {
    let statement = session.prepare(sql).await?;
    let params: Vec<&(dyn ToSql + Sync)> = params.iter().map(|value| value as _).collect();
    session.client().query_one(&statement, &params).await?.try_get(0)
}
