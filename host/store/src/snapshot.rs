//! A consistent view of a whole database, for reading it from end to end beside serving hosts.

use std::{path::PathBuf, pin::pin, time::Duration};

use futures_util::TryStreamExt as _;
use rusqlite::{Connection, OpenFlags};

use crate::{
    EngineKind, Row, StoreError, Value,
    postgres::{Purpose, Session, Target, classify, read_row as read_postgres_row},
    sqlite::read_row as read_sqlite_row,
};

/// Where a database is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A SQLite file.
    File(PathBuf),
    /// A PostgreSQL server and database: `postgres://…`.
    Url(String),
}

enum View {
    Sqlite(Connection),
    Postgres(Session),
}

/// Everything that was committed when it was taken, and nothing later. Nothing can be written through it.
pub struct Snapshot(View);

impl Snapshot {
    /// Takes a view of the database at `location`, which must exist.
    pub async fn take(location: &Location) -> Result<Self, StoreError> {
        Ok(Self(match location {
            Location::File(path) => {
                let open = || {
                    // Read-write, since reading a log that nobody has open may need to recover it.
                    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
                    let connection = Connection::open_with_flags(path, flags)?;
                    connection.busy_timeout(Duration::from_secs(10))?;
                    connection.execute_batch("PRAGMA query_only=ON; BEGIN")?;
                    // The view begins with the first read.
                    connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))?;
                    Ok(connection)
                };
                View::Sqlite(open().map_err(|error: rusqlite::Error| StoreError::Engine(error.to_string()))?)
            }
            Location::Url(url) => {
                let target = Target::parse(url).map_err(StoreError::Engine)?;
                let session = target.connect(Purpose::Reading).await?;
                // Long reads are what it is for.
                let begin = "SET statement_timeout = 0; BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
                session.client().batch_execute(begin).await.map_err(|error| classify(&error))?;
                View::Postgres(session)
            }
        }))
    }

    /// Which engine it is on.
    pub fn engine(&self) -> EngineKind {
        match self.0 {
            View::Sqlite(_) => EngineKind::Sqlite,
            View::Postgres(_) => EngineKind::Postgres,
        }
    }

    /// Gives each row of a query to `each`, in order; one row is in memory at a time. On SQLite it
    /// runs in place: call it where blocking is allowed.
    pub async fn scan(
        &mut self,
        sql: &'static str,
        params: &[Value],
        mut each: impl FnMut(&Row) -> Result<(), StoreError> + Send,
    ) -> Result<(), StoreError> {
        match &mut self.0 {
            View::Sqlite(connection) => {
                let failed = |error: rusqlite::Error| StoreError::Engine(error.to_string());
                let mut statement = connection.prepare_cached(sql).map_err(failed)?;
                let columns = statement.column_count();
                let mut rows = statement.query(rusqlite::params_from_iter(params)).map_err(failed)?;
                while let Some(row) = rows.next().map_err(failed)? {
                    each(&read_sqlite_row(row, columns).map_err(failed)?)?;
                }
                Ok(())
            }
            View::Postgres(session) => {
                let failed = |error: tokio_postgres::Error| StoreError::from(classify(&error));
                let statement = session.prepare(sql).await.map_err(failed)?;
                let stream = session.client().query_raw(&statement, params).await.map_err(failed)?;
                let mut stream = pin!(stream);
                while let Some(row) = stream.try_next().await.map_err(failed)? {
                    each(&read_postgres_row(&row).map_err(failed)?)?;
                }
                Ok(())
            }
        }
    }

    /// All rows of a query that answers few.
    pub async fn rows(&mut self, sql: &'static str, params: &[Value]) -> Result<Vec<Row>, StoreError> {
        let mut rows = Vec::new();
        self.scan(sql, params, |row| {
            rows.push(row.clone());
            Ok(())
        })
        .await?;
        Ok(rows)
    }
}
