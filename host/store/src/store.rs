//! The handle that everything else holds.

use std::{path::Path, sync::Arc};

use iap_core::time::Clock;

use crate::{
    BadColumn, Conflict, Ids, Post, PostError, Posted, Row, Statement, Value, Written,
    sqlite::{OpenError, Reader, Writer},
};

/// Why storage gave no answer.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// The schema refused a write.
    #[error("{0}")]
    Conflict(Conflict),
    /// A row holds what it cannot.
    #[error(transparent)]
    BadColumn(#[from] BadColumn),
    /// The engine failed: the disk is full, the file is read-only, …
    #[error("the database failed: {0}")]
    Engine(String),
}

impl StoreError {
    /// The conflict, if the schema refused because of a constraint with these words in it.
    pub fn is_conflict_on(&self, words: &str) -> bool {
        matches!(self, Self::Conflict(conflict) if conflict.constraint.contains(words))
    }
}

impl From<PostError> for StoreError {
    fn from(error: PostError) -> Self {
        match error {
            PostError::Conflict(conflict) => Self::Conflict(conflict),
            other => Self::Engine(other.to_string()),
        }
    }
}

/// An open database: cheap to clone.
#[derive(Clone)]
pub struct Store {
    reader: Arc<Reader>,
    writer: Writer,
    ids: Arc<Ids>,
    clock: Arc<dyn Clock>,
    stream: i64,
}

impl Store {
    /// Opens or creates the SQLite database at `path`, migrates it, and claims a stream of ids.
    pub fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let opened = crate::sqlite::open(path, clock.now())?;
        let stream = opened.stream;
        let ids = Arc::new(Ids::new(stream));
        let reader = Arc::new(Reader::open(path)?);
        let writer = Writer::start(opened, Arc::clone(&ids), Arc::clone(&clock))?;
        Ok(Self { reader, writer, ids, clock, stream })
    }

    /// Where ids come from.
    pub fn ids(&self) -> &Ids {
        &self.ids
    }

    /// Where the time comes from.
    pub fn clock(&self) -> &dyn Clock {
        self.clock.as_ref()
    }

    /// This start's stream; what earlier streams left running on SQLite is dead.
    pub fn stream(&self) -> i64 {
        self.stream
    }

    /// Decides and stores a ledger command. Answers after the commit.
    pub async fn post(&self, post: Post) -> Result<Posted, PostError> {
        self.writer.post(post).await
    }

    /// Stores statements, all or none. Answers after the commit.
    pub async fn write(&self, statements: Vec<Statement>) -> Result<Vec<Written>, StoreError> {
        self.writer.write(statements).await
    }

    /// All rows of a query.
    pub async fn read(&self, sql: &'static str, params: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        let reader = Arc::clone(&self.reader);
        tokio::task::spawn_blocking(move || reader.read(sql, &params))
            .await
            .map_err(|error| StoreError::Engine(error.to_string()))?
    }

    /// The first row of a query, if any: for look-ups by key, which take a few microseconds. They run
    /// in place where a connection is idle, since handing them to another thread costs ten times more.
    pub async fn read_one(&self, sql: &'static str, params: Vec<Value>) -> Result<Option<Row>, StoreError> {
        let rows = match self.reader.try_read(sql, &params) {
            Some(rows) => rows?,
            None => self.read(sql, params).await?,
        };
        Ok(rows.into_iter().next())
    }
}
