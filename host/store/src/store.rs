//! The handle that everything else holds.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use iap_core::{ids::AccountId, time::Clock};

use tokio::sync::{mpsc, oneshot};

use crate::{
    BadColumn, Conflict, Ids, Post, PostError, Posted, Row, Statement, Value, VendorPost, Written, postgres,
    request::Request,
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

/// Which engine a database is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EngineKind {
    /// A file of this process.
    Sqlite,
    /// A server that other hosts may use too.
    Postgres,
}

enum Readers {
    Sqlite(Arc<Reader>),
    Postgres(Box<postgres::Reader>),
}

/// An open database: cheap to clone.
#[derive(Clone)]
pub struct Store {
    readers: Arc<Readers>,
    /// One for each writer.
    requests: Arc<[mpsc::Sender<Request>]>,
    next_writer: Arc<AtomicUsize>,
    ids: Arc<Ids>,
    clock: Arc<dyn Clock>,
    streams: Arc<[i64]>,
}

impl Store {
    /// Opens or creates the SQLite database at `path`, migrates it, and claims a stream of ids.
    pub fn open(path: &Path, clock: Arc<dyn Clock>) -> Result<Self, OpenError> {
        let opened = crate::sqlite::open(path, clock.now())?;
        let stream = opened.stream;
        let ids = Arc::new(Ids::new(stream));
        let readers = Arc::new(Readers::Sqlite(Arc::new(Reader::open(path)?)));
        let writer = Writer::start(opened, Arc::clone(&ids), Arc::clone(&clock))?;
        let streams = Arc::from([stream]);
        Ok(Self::of(readers, Arc::from([writer.requests().clone()]), streams, ids, clock))
    }

    /// Connects to the PostgreSQL database at `url` (`postgres://user:password@host:port/database?sslmode=…`), migrates
    /// it, and claims a stream of ids.
    pub async fn connect(url: &str, clock: Arc<dyn Clock>) -> Result<Self, postgres::OpenError> {
        let postgres::Opened { target, writers, reader } = postgres::open(url, clock.now()).await?;
        let streams: Arc<[i64]> = writers.iter().map(|(_, stream)| *stream).collect();
        let ids = Arc::new(Ids::new(streams[0]));
        let mut requests = Vec::with_capacity(writers.len());
        for (session, stream) in writers {
            // Entries must rise within their stream, so each writer gives its own.
            let own = if stream == streams[0] { Arc::clone(&ids) } else { Arc::new(Ids::new(stream)) };
            let writer = postgres::Writer::start(target.clone(), session, stream, own, Arc::clone(&clock));
            requests.push(writer.requests().clone());
        }
        Ok(Self::of(Arc::new(Readers::Postgres(Box::new(reader))), requests.into(), streams, ids, clock))
    }

    fn of(
        readers: Arc<Readers>,
        requests: Arc<[mpsc::Sender<Request>]>,
        streams: Arc<[i64]>,
        ids: Arc<Ids>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { readers, requests, next_writer: Arc::default(), ids, clock, streams }
    }

    /// Which engine it is on.
    pub fn engine(&self) -> EngineKind {
        match *self.readers {
            Readers::Sqlite(_) => EngineKind::Sqlite,
            Readers::Postgres(_) => EngineKind::Postgres,
        }
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
        self.streams[0]
    }

    /// The streams of this start's writers, [`Store::stream`] first: each has a hash chain.
    pub fn own_streams(&self) -> &[i64] {
        &self.streams
    }

    /// The writer of an account: the same for all its commands, so that they share batches and memory.
    fn writer_of(&self, account: AccountId) -> &mpsc::Sender<Request> {
        let number = usize::try_from(account.0 % 1_000_003).unwrap_or_default();
        &self.requests[number % self.requests.len()]
    }

    /// Writers in turn, for what concerns no account.
    fn any_writer(&self) -> &mpsc::Sender<Request> {
        &self.requests[self.next_writer.fetch_add(1, Ordering::Relaxed) % self.requests.len()]
    }

    /// Decides and stores a ledger command. Answers after the commit.
    pub async fn post(&self, post: Post) -> Result<Posted, PostError> {
        let (reply, answer) = oneshot::channel();
        let gone = || PostError::Storage(GONE.to_owned());
        self.writer_of(post.account).send(Request::Post(Box::new(post), reply)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// Stores a vendor's movement with its guards. Answers its entry, after the commit.
    pub async fn post_vendor(&self, post: VendorPost) -> Result<i64, StoreError> {
        let (reply, answer) = oneshot::channel();
        let gone = || StoreError::Engine(GONE.to_owned());
        self.any_writer().send(Request::Vendor(Box::new(post), reply)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// Stores statements, all or none. Answers after the commit.
    pub async fn write(&self, statements: Vec<Statement>) -> Result<Vec<Written>, StoreError> {
        Self::write_by(self.any_writer(), statements).await
    }

    /// The same by the first writer, whose transactions have the row of [`Store::stream`].
    pub(crate) async fn write_first(&self, statements: Vec<Statement>) -> Result<Vec<Written>, StoreError> {
        Self::write_by(&self.requests[0], statements).await
    }

    async fn write_by(writer: &mpsc::Sender<Request>, statements: Vec<Statement>) -> Result<Vec<Written>, StoreError> {
        let (reply, answer) = oneshot::channel();
        let gone = || StoreError::Engine(GONE.to_owned());
        writer.send(Request::Write(statements, reply)).await.map_err(|_| gone())?;
        answer.await.map_err(|_| gone())?
    }

    /// All rows of a query.
    pub async fn read(&self, sql: &'static str, params: Vec<Value>) -> Result<Vec<Row>, StoreError> {
        match &*self.readers {
            Readers::Sqlite(reader) => {
                let reader = Arc::clone(reader);
                tokio::task::spawn_blocking(move || reader.read(sql, &params))
                    .await
                    .map_err(|error| StoreError::Engine(error.to_string()))?
            }
            Readers::Postgres(reader) => reader.read(sql, &params).await,
        }
    }

    /// The first row of a query, if any: for look-ups by key, which take a few microseconds on SQLite. They run
    /// in place where a connection is idle, since handing them to another thread costs ten times more.
    pub async fn read_one(&self, sql: &'static str, params: Vec<Value>) -> Result<Option<Row>, StoreError> {
        let idle = match &*self.readers {
            Readers::Sqlite(reader) => reader.try_read(sql, &params),
            Readers::Postgres(_) => None,
        };
        let rows = match idle {
            Some(rows) => rows?,
            None => self.read(sql, params).await?,
        };
        Ok(rows.into_iter().next())
    }
}

/// The writer ends only with its last handle, or by a defect.
const GONE: &str = "the writer has stopped";
