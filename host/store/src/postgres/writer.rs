//! The writer: takes what waits, stores it in one transaction, answers all.
//!
//! Other hosts write too. A batch whose accounts are all in memory is decided there and sent whole, commit and all:
//! its first statement changes balances where their versions still are those in memory, and fails the rest if one is not.
//! Then, and where something is to be loaded, a batch first locks the balances it touches, in the order of their ids,
//! and reloads the accounts that another host has moved since: what is locked cannot be overtaken again. A writer that
//! was overtaken locks for a while, so that hosts which share a hot account do not decide in vain.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use futures_util::{TryFutureExt as _, future::join3};
use iap_core::{
    Time,
    ids::{AccountId, GrantId, HoldId},
    time::Clock,
};
use tokio::sync::mpsc;

use super::{
    connect::{Purpose, Target},
    errors::{Failure, classify, classify_commit},
    place::{Place, fence},
    posting::{self, Basis},
    session::Session,
    sets, statements,
};
use crate::{
    Conflict, Ids, PostError, Statement, StoreError, Written,
    ledger::{Books, Sealed},
    request::{Pending, Request},
};

/// Most requests in one transaction: bounds how long the first of them waits.
const BATCH: usize = 512;
/// Requests that may wait; beyond it callers wait to be taken in.
const QUEUE: usize = 4096;
/// How long a batch is tried again while the server is away or others are in the way.
const PATIENCE: Duration = Duration::from_secs(15);
/// Waits between attempts: about the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(5), Duration::from_millis(500));

/// Batches that lock first after one was overtaken: at first, and at most. Doubles while being overtaken goes on.
const CAUTION: (u32, u32) = (4, 256);

/// Handle of the writer's task. The task ends when the last handle is dropped.
#[derive(Clone)]
pub(crate) struct Writer {
    requests: mpsc::Sender<Request>,
}

impl Writer {
    /// Starts the task.
    pub fn start(target: Target, session: Session, stream: i64, ids: Arc<Ids>, clock: Arc<dyn Clock>) -> Self {
        let (requests, inbox) = mpsc::channel(QUEUE);
        let desk = Desk {
            target,
            session: Some(session),
            books: Books::new(ids),
            clock,
            last: Time(0),
            stream,
            place: Standing::At(Place::START),
            locking: 0,
            caution: CAUTION.0,
        };
        tokio::spawn(desk.serve(inbox));
        Self { requests }
    }

    /// Where requests go.
    pub fn requests(&self) -> &mpsc::Sender<Request> {
        &self.requests
    }
}

/// What a request's statements did, or why they did not.
type Outcome = Result<Vec<Written>, StoreError>;

struct Desk {
    target: Target,
    session: Option<Session>,
    books: Books,
    clock: Arc<dyn Clock>,
    last: Time,
    stream: i64,
    place: Standing,
    /// How many batches are to lock first.
    locking: u32,
    /// How many that will be when one is overtaken next.
    caution: u32,
}

/// Where the writer's stream stands.
#[derive(Clone, Copy)]
enum Standing {
    At(Place),
    /// A transaction that was sent when the stream had counted `before` is stored, or it is not.
    Unknown {
        before: i64,
    },
}

/// Requests that are stored together.
struct Batch(Vec<Request>);

impl Batch {
    /// The requests, once no attempt looks at them any more.
    fn into_requests(self: Arc<Self>) -> impl Iterator<Item = Request> {
        Arc::into_inner(self).into_iter().flat_map(|batch| batch.0)
    }
}

/// A batch that is written and waits for its commit.
struct Stored {
    answers: Vec<Answer>,
    sealed: Option<Sealed>,
    /// Whether anything was written.
    committed: bool,
}

/// What a request is answered once the batch is committed.
enum Answer {
    Posted(Result<crate::Posted, PostError>),
    Vendor(Result<i64, StoreError>),
    Written(Outcome),
}

/// How an attempt ended that did not go through.
enum Stopped {
    /// A request's statements were refused: take them one by one.
    Conflict,
    Failure(Failure),
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

impl Desk {
    async fn serve(mut self, mut inbox: mpsc::Receiver<Request>) {
        let mut batch = Vec::with_capacity(BATCH);
        while let Some(first) = inbox.recv().await {
            batch.push(first);
            while batch.len() < BATCH
                && let Ok(next) = inbox.try_recv()
            {
                batch.push(next);
            }
            self.store(Arc::new(Batch(std::mem::take(&mut batch)))).await;
        }
    }

    async fn store(&mut self, batch: Arc<Batch>) {
        let end = Instant::now() + PATIENCE;
        let (mut pause, longest) = PAUSES;
        let mut one_by_one = false;
        loop {
            let failure = match self.attempt(Arc::clone(&batch), one_by_one).await {
                Ok(answers) => {
                    answer(batch, answers);
                    return;
                }
                Err(Stopped::Conflict) if !one_by_one => {
                    self.give_up(&batch).await;
                    one_by_one = true;
                    continue;
                }
                Err(Stopped::Conflict) => Failure::Other("a batch was refused as a whole".to_owned()),
                Err(Stopped::Failure(failure)) => failure,
            };
            self.give_up(&batch).await;
            if matches!(failure, Failure::Stale(_)) && Instant::now() < end {
                self.locking = self.caution;
                self.caution = (2 * self.caution).min(CAUTION.1);
                continue;
            }
            if matches!(failure, Failure::Lost(_) | Failure::Unknown(_)) {
                self.session = None;
            }
            let may_pass = failure.may_pass() && Instant::now() + pause < end;
            if !may_pass {
                // One request may be what no batch can store: it fails alone.
                if !one_by_one && matches!(failure, Failure::Other(_) | Failure::Conflict(_)) {
                    one_by_one = true;
                    continue;
                }
                tracing::error!(error = %failure, requests = batch.0.len(), "A batch was not stored");
                let ambiguous = matches!(failure, Failure::Unknown(_));
                batch.into_requests().for_each(|request| request.fail_as(&failure.to_string(), ambiguous));
                return;
            }
            tracing::warn!(error = %failure, "A batch is tried again");
            tokio::time::sleep(jittered(pause)).await;
            pause = (pause * 2).min(longest);
        }
    }

    /// Rolls back what an attempt began: what memory says was never committed.
    async fn give_up(&mut self, batch: &Batch) {
        self.books.begin_again();
        for account in touched(batch) {
            self.books.forget_account(account);
        }
        if let Some(session) = &self.session
            && statements::rollback(session).await.is_err()
        {
            self.session = None;
        }
    }

    async fn attempt(&mut self, batch: Arc<Batch>, one_by_one: bool) -> Result<Vec<Answer>, Stopped> {
        if self.session.as_ref().is_none_or(Session::is_closed) {
            self.session = Some(self.target.connect(Purpose::Writing).await?);
        }
        let place = match self.place {
            Standing::At(place) => place,
            Standing::Unknown { before } => fence(self.session()?, self.stream, before).await?,
        };
        self.place = Standing::At(place);
        // Ledger time never goes back, whatever the clock does.
        self.last = self.last.max(self.clock.now());
        let touched = touched(&batch);
        let trusting = !one_by_one && self.locking == 0 && self.is_in_memory(&batch, &touched);
        if !trusting {
            self.load(&batch, &touched, place.commits + 1).await?;
        }
        let stored = if one_by_one {
            self.each_alone(batch, place).await?
        } else {
            let basis =
                if trusting { Basis::Memory { touched: &touched, commits: place.commits + 1 } } else { Basis::Locked };
            self.all_together(batch, place, basis).await?
        };
        if trusting {
            self.caution = (self.caution / 2).max(CAUTION.0);
        } else {
            self.locking = self.locking.saturating_sub(1);
        }
        self.books.committed();
        let link = stored.sealed.map_or(place.link, |sealed| sealed.link);
        self.place = Standing::At(Place { commits: place.commits + i64::from(stored.committed), link });
        Ok(stored.answers)
    }

    fn session(&self) -> Result<&Session, Failure> {
        self.session.as_ref().ok_or_else(|| Failure::Lost("there is no connection".to_owned()))
    }

    /// Whether a batch can be decided on what is in memory alone.
    fn is_in_memory(&self, batch: &Batch, touched: &[AccountId]) -> bool {
        posting::in_memory(&self.books, touched)
            && missing_holds(&self.books, batch).is_empty()
            && missing_grants(&self.books, batch).is_empty()
    }

    /// Begins the transaction and loads what the batch's commands need.
    async fn load(&mut self, batch: &Batch, touched: &[AccountId], commits: i64) -> Result<(), Failure> {
        let session = self.session.as_ref().ok_or_else(|| Failure::Lost("there is no connection".to_owned()))?;
        posting::begin(session, &mut self.books, touched, self.stream, commits).await?;
        let holds = missing_holds(&self.books, batch);
        posting::load_holds(session, &mut self.books, holds).await?;
        let grants = missing_grants(&self.books, batch);
        posting::load_grants(session, &mut self.books, grants).await
    }

    /// Decides everything, sends everything, commits.
    async fn all_together(&mut self, batch: Arc<Batch>, place: Place, basis: Basis<'_>) -> Result<Stored, Stopped> {
        let mut answers = Vec::with_capacity(batch.0.len());
        let mut statements: Vec<Vec<Statement>> = Vec::new();
        for request in &batch.0 {
            let (answer, more) = self.decide(request);
            answers.push(answer);
            statements.push(more);
        }
        let requests: Vec<&[Statement]> = statements.iter().map(Vec::as_slice).collect();
        let plain = requests.iter().all(|statements| statements.is_empty());
        let session = self.session()?;
        if plain && self.books.journal().is_empty() {
            // All were refused: there is nothing to store.
            match basis {
                Basis::Locked => statements::rollback(session).await?,
                Basis::Memory { touched, .. } => posting::compare(session, &self.books, touched).await?,
            }
            return Ok(Stored { answers, sealed: None, committed: false });
        }
        let sealed = self.books.journal().seal(place.link, self.last);
        let sets = posting::sets(&self.books, sealed.as_ref(), self.stream, basis);
        if plain && matches!(basis, Basis::Memory { .. }) && posting::may_merge(&self.books) {
            let merged = sets::merge(session, &sets).await?;
            return match merged.run(session).await {
                Ok(()) => Ok(Stored { answers, sealed, committed: true }),
                Err(Failure::Unknown(words)) => {
                    self.resolve(words, place).await?;
                    Ok(Stored { answers, sealed, committed: true })
                }
                Err(failure) => Err(failure.into()),
            };
        }
        let sets = sets::prepare(session, &sets).await?;
        let begin = session.prepare(statements::BEGIN).await.map_err(|error| classify(&error))?;
        let begin = async {
            match basis {
                Basis::Locked => Ok(()),
                Basis::Memory { .. } => session.run(&begin, &[]).await.map(drop).map_err(|error| classify(&error)),
            }
        };
        if plain {
            // Nothing can be refused but by an error, after which the server rolls back whatever follows.
            let commit = session.prepare("COMMIT").await.map_err(|error| classify(&error))?;
            let commit = session.run(&commit, &[]).map_err(|error| classify_commit(&error));
            // In this order: `join3` polls the first one first, and what is polled first is sent first.
            let (begun, stored, committed) = join3(begin, sets::run(session, sets), commit).await;
            return match (begun.and(stored), committed) {
                (Ok(()), Ok(_)) => Ok(Stored { answers, sealed, committed: true }),
                (Err(Failure::Lost(words)), _) | (Ok(()), Err(Failure::Unknown(words))) => {
                    self.resolve(words, place).await?;
                    Ok(Stored { answers, sealed, committed: true })
                }
                (Err(failure), _) | (Ok(()), Err(failure)) => Err(failure.into()),
            };
        }
        let (begun, stored, done) = join3(begin, sets::run(session, sets), statements::all(session, &requests)).await;
        let done = match (begun.and(stored), done) {
            // What comes of memory that was not true any more says nothing.
            (Err(failure @ Failure::Stale(_)), _) => return Err(failure.into()),
            (_, Ok(Err(Conflict { .. }))) => return Err(Stopped::Conflict),
            (Err(failure), _) | (Ok(()), Err(failure)) => return Err(failure.into()),
            (Ok(()), Ok(Ok(done))) => done,
        };
        for (answer, written) in answers.iter_mut().zip(done) {
            if let Answer::Written(outcome) = answer {
                *outcome = Ok(written);
            }
        }
        self.commit(place).await?;
        Ok(Stored { answers, sealed, committed: true })
    }

    /// Decides one request after the other, each under a savepoint of its own, then writes and commits.
    async fn each_alone(&mut self, batch: Arc<Batch>, place: Place) -> Result<Stored, Stopped> {
        let mut answers = Vec::with_capacity(batch.0.len());
        for request in &batch.0 {
            answers.push(self.alone(request).await?);
        }
        let sealed = self.books.journal().seal(place.link, self.last);
        let sets = posting::sets(&self.books, sealed.as_ref(), self.stream, Basis::Locked);
        let session = self.session()?;
        sets::run(session, sets::prepare(session, &sets).await?).await?;
        self.commit(place).await?;
        Ok(Stored { answers, sealed, committed: true })
    }

    async fn alone(&mut self, request: &Request) -> Result<Answer, Failure> {
        match request {
            Request::Post(post, _) => {
                let decided = match self.books.decide(post, self.last) {
                    Ok(decided) => decided,
                    Err(refusal) => return Ok(Answer::Posted(Err(refusal))),
                };
                let riders = post.riders.as_ref().map(|riders| riders(&decided.posted)).unwrap_or_default();
                Ok(Answer::Posted(match self.under_savepoint(&riders).await? {
                    Ok(_) => Ok(self.books.accept(decided)),
                    Err(StoreError::Conflict(conflict)) => Err(PostError::Conflict(conflict)),
                    Err(error) => Err(PostError::Storage(error.to_string())),
                }))
            }
            Request::Vendor(post, _) => Ok(Answer::Vendor(match self.under_savepoint(&post.guards).await? {
                Ok(_) => Ok(self.books.accept_vendor(post, self.last)),
                Err(error) => Err(error),
            })),
            Request::Write(statements, _) => Ok(Answer::Written(self.under_savepoint(statements).await?)),
        }
    }

    /// Runs statements that are undone alone if they are refused.
    async fn under_savepoint(&self, statements: &[Statement]) -> Result<Outcome, Failure> {
        if statements.is_empty() {
            return Ok(Ok(Vec::new()));
        }
        let session = self.session()?;
        match statements::all_or_none(session, statements).await {
            Ok(done) => Ok(done.map_err(StoreError::Conflict)),
            Err(failure @ Failure::Other(_)) => {
                statements::undo(session).await?;
                tracing::error!(error = %failure, "A statement failed");
                Ok(Err(StoreError::Engine(failure.to_string())))
            }
            Err(failure) => Err(failure),
        }
    }

    /// A request's answer and the statements that belong to it, as if none were refused.
    fn decide(&mut self, request: &Request) -> (Answer, Vec<Statement>) {
        match request {
            Request::Post(post, _) => match self.books.decide(post, self.last) {
                Ok(decided) => {
                    let riders = post.riders.as_ref().map(|riders| riders(&decided.posted)).unwrap_or_default();
                    (Answer::Posted(Ok(self.books.accept(decided))), riders)
                }
                Err(refusal) => (Answer::Posted(Err(refusal)), Vec::new()),
            },
            Request::Vendor(post, _) => {
                let entry = self.books.accept_vendor(post, self.last);
                (Answer::Vendor(Ok(entry)), post.guards.clone())
            }
            Request::Write(statements, _) => (Answer::Written(Ok(Vec::new())), statements.clone()),
        }
    }

    async fn commit(&mut self, place: Place) -> Result<(), Failure> {
        match statements::commit(self.session()?).await {
            Err(Failure::Unknown(words)) => self.resolve(words, place).await,
            done => done,
        }
    }

    /// The connection was lost during a commit: asks on a new one whether it went through, and sees to it that it
    /// does not do so later.
    async fn resolve(&mut self, words: String, place: Place) -> Result<(), Failure> {
        self.session = None;
        self.place = Standing::Unknown { before: place.commits };
        let end = Instant::now() + PATIENCE;
        let (mut pause, longest) = PAUSES;
        loop {
            match self.fenced(place.commits).await {
                Ok(stored) => {
                    self.place = Standing::At(stored);
                    let went_through = stored.commits == place.commits + 1;
                    return if went_through { Ok(()) } else { Err(Failure::Retry(words)) };
                }
                Err(failure) if !failure.may_pass() || end < Instant::now() => {
                    tracing::error!(error = %failure, "Whether a batch was stored is not known");
                    return Err(Failure::Unknown(words));
                }
                Err(_) => tokio::time::sleep(jittered(pause)).await,
            }
            pause = (pause * 2).min(longest);
        }
    }

    async fn fenced(&mut self, before: i64) -> Result<Place, Failure> {
        let session = self.target.connect(Purpose::Writing).await?;
        let place = fence(&session, self.stream, before).await?;
        self.session = Some(session);
        Ok(place)
    }
}

/// The accounts that a batch touches, in the order of their ids.
fn touched(batch: &Batch) -> Vec<AccountId> {
    let accounts: BTreeSet<AccountId> =
        batch.0.iter().filter_map(Request::post).flat_map(crate::Post::accounts).collect();
    accounts.into_iter().collect()
}

fn missing_holds(books: &Books, batch: &Batch) -> Vec<HoldId> {
    batch.0.iter().filter_map(Request::post).flat_map(|post| books.missing_holds(post)).collect()
}

fn missing_grants(books: &Books, batch: &Batch) -> Vec<GrantId> {
    batch.0.iter().filter_map(Request::post).flat_map(|post| books.missing_grants(post)).collect()
}

fn answer(batch: Arc<Batch>, answers: Vec<Answer>) {
    for (request, answer) in batch.into_requests().zip(answers) {
        match (request, answer) {
            (Request::Post(_, reply), Answer::Posted(answer)) => Pending::Posted(reply, answer).send(),
            (Request::Vendor(_, reply), Answer::Vendor(answer)) => Pending::Vendor(reply, answer).send(),
            (Request::Write(_, reply), Answer::Written(answer)) => Pending::Written(reply, answer).send(),
            (request, _) => request.fail("the writer mixed up its answers"),
        }
    }
}

/// Between half of it and all of it, so that hosts that were in each other's way are so no more.
fn jittered(pause: Duration) -> Duration {
    let nanos =
        std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |elapsed| elapsed.subsec_nanos());
    pause / 2 + pause * (nanos % 1_000) / 2_000
}
