//! Readers: a few connections of their own. Each carries many queries at a time, answered in order.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Mutex, time::Instant};

use super::{
    connect::{Purpose, Target},
    errors::{Failure, classify},
    session::Session,
};
use crate::{Row, StoreError, Value};

/// Connections: queries are short, and each connection carries many.
const CONNECTIONS: usize = 4;
/// How long a query waits for a server that has gone away.
const PATIENCE: Duration = Duration::from_secs(10);
/// Waits between attempts: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_secs(1));

/// A small pool of reading connections, opened when they are first needed and again when they are lost.
pub struct Reader {
    target: Target,
    slots: [Slot; CONNECTIONS],
}

#[derive(Default)]
struct Slot {
    session: Mutex<Option<Arc<Session>>>,
    /// Queries on it now.
    busy: AtomicUsize,
}

/// Counts a query for as long as it lives, however it ends.
struct Busy<'a>(&'a AtomicUsize);

impl Drop for Busy<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Slot {
    fn enter(&self) -> Busy<'_> {
        self.busy.fetch_add(1, Ordering::Relaxed);
        Busy(&self.busy)
    }

    async fn session(&self, target: &Target) -> Result<Arc<Session>, Failure> {
        let mut session = self.session.lock().await;
        match session.as_ref().filter(|session| !session.is_closed()) {
            Some(session) => Ok(Arc::clone(session)),
            None => Ok(Arc::clone(session.insert(Arc::new(target.connect(Purpose::Reading).await?)))),
        }
    }

    async fn forget(&self, lost: &Arc<Session>) {
        let mut session = self.session.lock().await;
        if session.as_ref().is_some_and(|present| Arc::ptr_eq(present, lost)) {
            *session = None;
        }
    }
}

impl Reader {
    /// A pool that has no connection yet.
    pub fn new(target: Target) -> Self {
        Self { target, slots: Default::default() }
    }

    /// All rows of a query. Where the connection is lost, the query is asked again on a new one, for a while.
    pub async fn read(&self, sql: &'static str, params: &[Value]) -> Result<Vec<Row>, StoreError> {
        let slot = self.least_busy();
        let _busy = slot.enter();
        let end = Instant::now() + PATIENCE;
        let (mut pause, longest) = PAUSES;
        loop {
            let failure = match self.ask(slot, sql, params).await {
                Ok(rows) => return Ok(rows),
                Err(failure) => failure,
            };
            if !failure.may_pass() || end < Instant::now() + pause {
                return Err(failure.into());
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(longest);
        }
    }

    async fn ask(&self, slot: &Slot, sql: &'static str, params: &[Value]) -> Result<Vec<Row>, Failure> {
        let session = slot.session(&self.target).await?;
        let failure = match session.query(sql, params).await {
            Ok(rows) => return Ok(rows),
            Err(error) => classify(&error),
        };
        if matches!(failure, Failure::Lost(_)) {
            slot.forget(&session).await;
        }
        Err(failure)
    }

    fn least_busy(&self) -> &Slot {
        let mut best = &self.slots[0];
        for slot in &self.slots[1..] {
            if slot.busy.load(Ordering::Relaxed) < best.busy.load(Ordering::Relaxed) {
                best = slot;
            }
        }
        best
    }
}
