//! Readers: a few connections of their own, never blocked by the writer.

use std::{
    path::Path,
    sync::{Condvar, Mutex, PoisonError},
};

use rusqlite::{Connection, OpenFlags};

use super::{OpenError, connect, read_row};
use crate::{Row, StoreError, Value};

/// Connections: reads are short, so few do.
const CONNECTIONS: usize = 4;

/// A small pool of reading connections.
pub struct Reader {
    idle: Mutex<Vec<Connection>>,
    returned: Condvar,
}

impl Reader {
    /// Opens the pool.
    pub fn open(path: &Path) -> Result<Self, OpenError> {
        let open = || {
            let connection = connect(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
            let file = |cause| OpenError::File { path: path.to_owned(), cause };
            connection.execute_batch("PRAGMA query_only=ON").map_err(file)?;
            Ok(connection)
        };
        let idle = (0..CONNECTIONS).map(|_| open()).collect::<Result<_, OpenError>>()?;
        Ok(Self { idle: Mutex::new(idle), returned: Condvar::new() })
    }

    /// All rows of a query. Blocks while all connections are in use.
    pub fn read(&self, sql: &'static str, params: &[Value]) -> Result<Vec<Row>, StoreError> {
        let connection = self.take();
        self.read_on(connection, sql, params)
    }

    /// All rows of a query, if a connection is idle.
    pub fn try_read(&self, sql: &'static str, params: &[Value]) -> Option<Result<Vec<Row>, StoreError>> {
        let connection = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop()?;
        Some(self.read_on(connection, sql, params))
    }

    fn read_on(&self, connection: Connection, sql: &'static str, params: &[Value]) -> Result<Vec<Row>, StoreError> {
        let result = read(&connection, sql, params);
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).push(connection);
        self.returned.notify_one();
        result.map_err(|error| StoreError::Engine(error.to_string()))
    }

    fn take(&self) -> Connection {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            match idle.pop() {
                Some(connection) => return connection,
                None => idle = self.returned.wait(idle).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }
}

fn read(connection: &Connection, sql: &'static str, params: &[Value]) -> rusqlite::Result<Vec<Row>> {
    let mut statement = connection.prepare_cached(sql)?;
    let columns = statement.column_count();
    let rows = statement.query_map(rusqlite::params_from_iter(params), |row| read_row(row, columns))?;
    rows.collect()
}
