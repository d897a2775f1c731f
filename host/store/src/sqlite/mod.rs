//! SQLite: one file, one writer thread, several readers.
//!
//! `rusqlite` rather than sqlx on this engine: a prepared statement takes 2–4 µs in the writer's own
//! thread and about 100 µs through sqlx's worker, and the posting path is made of small statements.

mod posting;
mod reader;
mod writer;

use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use iap_core::Time;
use rusqlite::{Connection, OpenFlags};

pub use reader::Reader;
pub use writer::Writer;

use crate::Value;

/// Migrations in order. A shipped one is never edited.
const MIGRATIONS: &[(&str, &str)] = &[
    ("0001_first", include_str!("../../migrations/sqlite/0001_first.sql")),
    ("0002_double_entry", include_str!("../../migrations/sqlite/0002_double_entry.sql")),
    ("0003_repaid", include_str!("../../migrations/sqlite/0003_repaid.sql")),
    ("0004_jobs_blobs", include_str!("../../migrations/sqlite/0004_jobs_blobs.sql")),
    ("0005_publishing", include_str!("../../migrations/sqlite/0005_publishing.sql")),
    ("0006_quicker_holds", include_str!("../../migrations/sqlite/0006_quicker_holds.sql")),
];

/// Why a database cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file or its folder.
    #[error("cannot open the database {path}: {cause}. Check that the folder exists and is writable")]
    File {
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        cause: rusqlite::Error,
    },
    /// A migration failed; the database is as it was before it.
    #[error("migration {name} failed: {cause}")]
    Migration {
        /// The migration.
        name: &'static str,
        /// What SQLite said.
        cause: rusqlite::Error,
    },
    /// A newer host has migrated it.
    #[error(
        "the database was migrated by a newer version (schema {found}, this one knows {known}): start that version"
    )]
    TooNew {
        /// Schema of the file.
        found: usize,
        /// Newest known here.
        known: usize,
    },
    /// Another process has it.
    #[error("the database {0} is in use by another host; stop that one first (several hosts need PostgreSQL)")]
    InUse(PathBuf),
    /// The file that keeps other processes out.
    #[error("cannot write {path}: {cause}. Make its folder writable for the host's user")]
    Lock {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The writer could not start.
    #[error("cannot start the writer thread: {0}")]
    Thread(#[from] std::io::Error),
}

fn connect(path: &Path, flags: OpenFlags) -> Result<Connection, OpenError> {
    let file = |cause| OpenError::File { path: path.to_owned(), cause };
    let connection = Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX).map_err(file)?;
    connection.busy_timeout(Duration::from_secs(10)).map_err(file)?;
    connection
        .execute_batch("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA cache_size=-65536; PRAGMA temp_store=MEMORY; PRAGMA wal_autocheckpoint=4000;")
        .map_err(file)?;
    connection.set_prepared_statement_cache_capacity(256);
    Ok(connection)
}

/// How long a start waits for a host that is just stopping.
const PATIENCE: Duration = Duration::from_secs(5);

/// Takes the database for this process: the writer decides on cached state, so there must be one. The lock
/// goes with the file handle, however the process ends.
fn lock(path: &Path) -> Result<File, OpenError> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".lock");
    let beside = PathBuf::from(beside);
    let failed = |cause| OpenError::Lock { path: beside.clone(), cause };
    let file = File::create(&beside).map_err(failed)?;
    let end = Instant::now() + PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) if Instant::now() < end => std::thread::sleep(Duration::from_millis(20)),
            Err(TryLockError::WouldBlock) => return Err(OpenError::InUse(path.to_owned())),
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
    }
}

/// A database opened for writing.
pub struct Opened {
    /// The writer's connection.
    pub connection: Connection,
    /// This start's stream.
    pub stream: i64,
    /// Keeps other processes out.
    pub lock: File,
}

/// Opens, migrates and claims a stream.
pub fn open(path: &Path, now: Time) -> Result<Opened, OpenError> {
    let lock = lock(path)?;
    let mut connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE)?;
    let file = |cause| OpenError::File { path: path.to_owned(), cause };
    let found: i64 = connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(file)?;
    let found = usize::try_from(found).unwrap_or(usize::MAX);
    if MIGRATIONS.len() < found {
        return Err(OpenError::TooNew { found, known: MIGRATIONS.len() });
    }
    // A migration may lay a table anew under its old name, so references are checked when it is done.
    connection.execute_batch("PRAGMA foreign_keys=OFF").map_err(file)?;
    for (index, (name, sql)) in MIGRATIONS.iter().enumerate().skip(found) {
        let migrate = |connection: &mut Connection| {
            let transaction = connection.transaction()?;
            transaction.execute_batch(sql)?;
            transaction.execute_batch(&format!("PRAGMA user_version = {}", index + 1))?;
            let dangling: i64 =
                transaction.query_row("SELECT count(*) FROM pragma_foreign_key_check", [], |row| row.get(0))?;
            if dangling != 0 {
                return Err(rusqlite::Error::ToSqlConversionFailure(
                    format!("{dangling} rows refer to what is not there").into(),
                ));
            }
            transaction.commit()
        };
        migrate(&mut connection).map_err(|cause| OpenError::Migration { name, cause })?;
    }
    connection.execute_batch("PRAGMA foreign_keys=ON").map_err(file)?;
    let stream = connection
        .query_row("INSERT INTO stream (started_at, seen_at) VALUES (?1, ?1) RETURNING id", [now.millis()], |row| {
            row.get(0)
        })
        .map_err(file)?;
    Ok(Opened { connection, stream, lock })
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        use rusqlite::types::{ToSqlOutput, ValueRef};
        Ok(ToSqlOutput::Borrowed(match self {
            Self::Null => ValueRef::Null,
            Self::Int(value) => ValueRef::Integer(*value),
            Self::Text(value) => ValueRef::Text(value.as_bytes()),
            Self::Bytes(value) => ValueRef::Blob(value),
        }))
    }
}

impl rusqlite::types::FromSql for Value {
    fn column_result(value: rusqlite::types::ValueRef<'_>) -> rusqlite::types::FromSqlResult<Self> {
        use rusqlite::types::{FromSqlError, ValueRef};
        match value {
            ValueRef::Null => Ok(Self::Null),
            ValueRef::Integer(value) => Ok(Self::Int(value)),
            ValueRef::Text(value) => Ok(Self::Text(String::from_utf8_lossy(value).into_owned())),
            ValueRef::Blob(value) => Ok(Self::Bytes(value.to_vec())),
            ValueRef::Real(_) => Err(FromSqlError::InvalidType),
        }
    }
}

pub(crate) fn read_row(row: &rusqlite::Row<'_>, columns: usize) -> rusqlite::Result<crate::Row> {
    (0..columns).map(|column| row.get(column)).collect::<rusqlite::Result<_>>().map(crate::Row)
}
