//! The writer: takes what waits, stores it in one transaction, answers all.

use std::{fs::File, sync::Arc};

use iap_core::{Time, time::Clock};
use rusqlite::Connection;
use tokio::sync::mpsc;

use super::{
    Opened,
    posting::{self, LoadError},
    read_row,
};
use crate::{
    Conflict, Expect, Ids, Post, PostError, Posted, Statement, StoreError, VendorPost, Written,
    ledger::{Books, Link},
    request::{Pending, Request},
};

/// Most requests in one transaction: bounds how long the first of them waits.
const BATCH: usize = 512;
/// Requests that may wait; beyond it callers wait to be taken in.
const QUEUE: usize = 4096;

/// Handle of the writer thread. The thread ends when the last handle is dropped.
#[derive(Clone)]
pub struct Writer {
    requests: mpsc::Sender<Request>,
}

impl Writer {
    /// Starts the thread.
    pub fn start(opened: Opened, ids: Arc<Ids>, clock: Arc<dyn Clock>) -> std::io::Result<Self> {
        let (requests, inbox) = mpsc::channel(QUEUE);
        let Opened { connection, lock, stream } = opened;
        let link = posting::last_link(&connection, stream).map_err(std::io::Error::other)?;
        let desk = Desk { _lock: lock, connection, books: Books::new(ids), clock, last: Time(0), stream, link };
        std::thread::Builder::new().name("iap-writer".to_owned()).spawn(move || desk.serve(inbox))?;
        Ok(Self { requests })
    }

    /// Where requests go.
    pub fn requests(&self) -> &mpsc::Sender<Request> {
        &self.requests
    }
}

struct Desk {
    _lock: File,
    connection: Connection,
    books: Books,
    clock: Arc<dyn Clock>,
    last: Time,
    stream: i64,
    link: Link,
}

impl Desk {
    fn serve(mut self, mut inbox: mpsc::Receiver<Request>) {
        let mut batch = Vec::with_capacity(BATCH);
        while let Some(first) = inbox.blocking_recv() {
            batch.push(first);
            while batch.len() < BATCH
                && let Ok(next) = inbox.try_recv()
            {
                batch.push(next);
            }
            self.store(&mut batch);
        }
    }

    fn store(&mut self, batch: &mut Vec<Request>) {
        // Ledger time never goes back, whatever the clock does.
        self.last = self.last.max(self.clock.now());
        let mut pending = Vec::with_capacity(batch.len());
        let done = self.transaction(batch, &mut pending);
        match done {
            Ok(()) => pending.into_iter().for_each(Pending::send),
            Err(error) => {
                // What the cache says was never committed: forget it all and load again.
                self.books.forget();
                if !self.connection.is_autocommit() {
                    drop(self.connection.execute_batch("ROLLBACK"));
                }
                let why = explain(&error);
                tracing::error!(error = %why, requests = pending.len() + batch.len(), "A batch was not stored");
                pending.into_iter().for_each(|answer| answer.fail(&why));
                batch.drain(..).for_each(|request| request.fail(&why));
            }
        }
    }

    fn transaction(&mut self, batch: &mut Vec<Request>, pending: &mut Vec<Pending>) -> rusqlite::Result<()> {
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        for request in batch.drain(..) {
            match request {
                Request::Post(post, reply) => {
                    // The answer is pending before the work, so that a failure half-way reaches its caller too.
                    pending.push(Pending::Posted(reply, Err(PostError::Storage(String::new()))));
                    let done = self.post(&post)?;
                    if let Some(Pending::Posted(_, answer)) = pending.last_mut() {
                        *answer = done;
                    }
                }
                Request::Vendor(post, reply) => {
                    pending.push(Pending::Vendor(reply, Ok(0)));
                    let done = self.post_vendor(&post)?;
                    if let Some(Pending::Vendor(_, answer)) = pending.last_mut() {
                        *answer = done;
                    }
                }
                Request::Write(statements, reply) => {
                    pending.push(Pending::Written(reply, Ok(Vec::new())));
                    let done = all_or_none(&self.connection, &statements)?;
                    if let Some(Pending::Written(_, answer)) = pending.last_mut() {
                        *answer = done.map_err(StoreError::Conflict);
                    }
                }
            }
        }
        let sealed = self.books.journal().seal(self.link, self.last);
        posting::write(&self.connection, &self.books, sealed.as_ref(), self.stream)?;
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        self.books.committed();
        if let Some(sealed) = sealed {
            self.link = sealed.link;
        }
        Ok(())
    }

    fn post(&mut self, post: &Post) -> rusqlite::Result<Result<Posted, PostError>> {
        match posting::load(&self.connection, &mut self.books, post) {
            Ok(()) => {}
            Err(LoadError::Bad(bad)) => return Ok(Err(bad.into())),
            Err(LoadError::Engine(error)) => return Err(error),
        }
        let decided = match self.books.decide(post, self.last) {
            Ok(decided) => decided,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let statements = post.riders.as_ref().map(|riders| riders(&decided.posted)).unwrap_or_default();
        if !statements.is_empty()
            && let Err(conflict) = all_or_none(&self.connection, &statements)?
        {
            return Ok(Err(PostError::Conflict(conflict)));
        }
        Ok(Ok(self.books.accept(decided)))
    }

    fn post_vendor(&mut self, post: &VendorPost) -> rusqlite::Result<Result<i64, StoreError>> {
        if let Err(conflict) = all_or_none(&self.connection, &post.guards)? {
            return Ok(Err(StoreError::Conflict(conflict)));
        }
        Ok(Ok(self.books.accept_vendor(post, self.last)))
    }
}

/// Runs statements under a savepoint: a conflict undoes them alone, not their neighbours in the batch.
pub fn all_or_none(
    connection: &Connection,
    statements: &[Statement],
) -> rusqlite::Result<Result<Vec<Written>, Conflict>> {
    connection.prepare_cached("SAVEPOINT one")?.execute([])?;
    let mut done = Vec::with_capacity(statements.len());
    for (index, statement) in statements.iter().enumerate() {
        let conflict = match run(connection, statement) {
            Ok(written) => match statement.expect {
                Expect::Rows(rows) if rows != written.affected => {
                    Conflict { statement: index, constraint: String::new() }
                }
                Expect::Any | Expect::Rows(_) => {
                    done.push(written);
                    continue;
                }
            },
            Err(rusqlite::Error::SqliteFailure(cause, words))
                if cause.code == rusqlite::ErrorCode::ConstraintViolation =>
            {
                Conflict { statement: index, constraint: words.unwrap_or_else(|| cause.to_string()) }
            }
            Err(error) => return Err(error),
        };
        connection.prepare_cached("ROLLBACK TO one")?.execute([])?;
        connection.prepare_cached("RELEASE one")?.execute([])?;
        return Ok(Err(conflict));
    }
    connection.prepare_cached("RELEASE one")?.execute([])?;
    Ok(Ok(done))
}

fn run(connection: &Connection, statement: &Statement) -> rusqlite::Result<Written> {
    let mut prepared = connection.prepare_cached(statement.sql)?;
    let params = rusqlite::params_from_iter(&statement.params);
    let columns = prepared.column_count();
    if columns == 0 {
        return Ok(Written { affected: prepared.execute(params)?, rows: Vec::new() });
    }
    let rows: Vec<_> = prepared.query_map(params, |row| read_row(row, columns))?.collect::<rusqlite::Result<_>>()?;
    Ok(Written { affected: rows.len(), rows })
}

fn explain(error: &rusqlite::Error) -> String {
    use rusqlite::ErrorCode::{CannotOpen, DiskFull, ReadOnly, SystemIoFailure};
    match error.sqlite_error_code() {
        Some(DiskFull) => "the disk is full: free some space, the host goes on by itself".to_owned(),
        Some(ReadOnly) => "the database file is read-only: make it writable for the host's user".to_owned(),
        Some(SystemIoFailure | CannotOpen) => format!("the disk failed: {error}"),
        _ => error.to_string(),
    }
}
