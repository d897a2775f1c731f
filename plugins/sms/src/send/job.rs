//! The job that sends a mailing in chunks and settles it once.
//!
//! A job may run again after a crash. Each chunk is claimed in the store before it is sent, so that no
//! message goes out twice; a message whose outcome was lost in a crash is not charged.

use std::{
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
};

use iap_sdk::prelude::*;
use serde::{Deserialize, Serialize};

use super::{
    Batch, Memory, State, Verdict,
    batch::{is_uuid, reported_uuids, status_key},
    later::HOLD_TTL,
    now::texts,
    plan::Parcel,
    progress::{Conflict, KEPT_FOR, Mark, Progress},
};
use crate::{
    carrier::{self, Outcome, Sender},
    prices::Prices,
    status, text, webhook,
};

/// Messages sent together.
const CHUNK: usize = 20;

/// Time for one chunk.
const CHUNK_BUDGET_MS: u32 = 45_000;

/// A run stops before the job's time is over and leaves the rest to another one.
const RUN_FOR_MS: u64 = 200_000;

/// Runs that wait for a carrier that cannot be reached.
const MOST_ATTEMPTS: u32 = 3;

/// What the job is told. The messages are in a blob, since a job's payload has no room for ten thousand.
#[derive(Debug, Serialize, Deserialize)]
pub struct Payload {
    /// Shape of the payload.
    v: u32,
    pub(super) batch: String,
    webhook: Option<String>,
    /// Id of the blob with the [`Mailing`].
    mailing: String,
}

/// The messages of a mailing.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Mailing {
    /// Texts, each once.
    contents: Vec<String>,
    messages: Vec<Message>,
}

/// uuid, number, country, position of the content. A tuple, since there may be thousands.
#[derive(Debug, Serialize, Deserialize)]
struct Message(Option<String>, String, String, usize);

impl Payload {
    /// Stores a mailing for as long as its job may be tried.
    pub(super) fn new(batch: Batch, mailing: &Mailing) -> Result<Self, blobs::Error> {
        let json = serde_json::to_vec(mailing).map_err(|error| blobs::Error::new("bad-value", error.to_string()))?;
        let blob = blobs::put("application/json", &json, KEPT_FOR)?;
        Ok(Self { v: 1, batch: batch.reference, webhook: batch.webhook, mailing: blob.id })
    }

    fn batch(&self) -> Batch {
        Batch { reference: self.batch.clone(), webhook: self.webhook.clone() }
    }

    fn read(&self) -> Result<Vec<u8>, blobs::Error> {
        const PIECE: u32 = 1 << 20;
        let mut json = Vec::new();
        loop {
            let piece = blobs::read(&self.mailing, json.len() as u64, PIECE)?;
            if piece.is_empty() {
                return Ok(json);
            }
            json.extend(piece);
        }
    }
}

impl Mailing {
    /// A mailing of these parcels.
    pub(super) fn of(parcels: &[Parcel]) -> Self {
        let mut positions: BTreeMap<&str, usize> = BTreeMap::new();
        let mut contents = Vec::new();
        let mut messages = Vec::with_capacity(parcels.len());
        for parcel in parcels {
            let position = *positions.entry(&parcel.content).or_insert_with(|| {
                contents.push(parcel.content.to_string());
                contents.len() - 1
            });
            messages.push(Message(parcel.uuid.clone(), parcel.to.clone(), parcel.country.clone(), position));
        }
        Self { contents, messages }
    }

    fn parcels(&self) -> Result<Vec<Parcel>, Failure> {
        let prices = Prices::of_release();
        let contents: Vec<Rc<str>> = self.contents.iter().map(|text| text.as_str().into()).collect();
        let parcel = |message: &Message| {
            let Message(uuid, to, country, position) = message;
            let content = contents.get(*position).ok_or_else(|| Failure::refused("a message without content"))?;
            Ok(Parcel {
                uuid: uuid.clone(),
                to: to.clone(),
                country: country.clone(),
                content: Rc::clone(content),
                segments: text::segments(content),
                part: prices.part(country).unwrap_or_default(),
            })
        };
        self.messages.iter().map(parcel).collect()
    }
}

/// How a run of the sending part ended.
enum Ran {
    /// Every message was sent or given up.
    Through,
    /// Time or requests ran out: another job must go on.
    Partly,
    /// Another run of this job is at work, or the store fails: try again later.
    Stuck(String),
}

/// Sends what is not sent yet; at the end captures what was accepted, and reports.
///
/// # Errors
///
/// [`Failure::ProviderUnavailable`] and [`Failure::Internal`] ask for another run, which sends nothing twice.
pub fn run(job: &Job, payload: Payload) -> Result<(), Failure> {
    let mailing: Mailing = match payload.read() {
        Ok(json) => serde_json::from_slice(&json).map_err(|error| Failure::refused(format!("mailing: {error}")))?,
        // A run that settled the mailing has deleted it.
        Err(_) if Progress::read(&payload.batch, 0)?.finished => return Ok(()),
        Err(error) if error.code == "unknown-blob" => return Err(Failure::refused(error.to_string())),
        Err(error) => return Err(Failure::internal(error.to_string())),
    };
    let parcels = mailing.parcels()?;
    let mut progress = Progress::read(&payload.batch, parcels.len())?;
    let hold_id = job.hold.as_deref().ok_or_else(|| Failure::refused("a mailing without a hold"))?;
    let hold = match billing::resume(hold_id) {
        Ok(hold) => hold,
        Err(refusal) => return give_up(job, &payload, &parcels, progress, &refusal),
    };
    match send_waiting(job, &payload, &parcels, &mut progress) {
        Ran::Through => {
            settle(job, &payload, &parcels, progress, hold)?;
            if let Err(error) = blobs::delete(&payload.mailing) {
                log::warn!("batch {} stays until it expires: {error}", payload.batch);
            }
            Ok(())
        }
        Ran::Partly => {
            let hold_id = hold.keep(HOLD_TTL, &[])?;
            jobs::enqueue_with("send", &payload, jobs::Options::new().hold(hold_id))?;
            Ok(())
        }
        Ran::Stuck(reason) => {
            // Kept, not dropped: a released hold would leave the other run without pay.
            hold.keep(HOLD_TTL, &[])?;
            log::warn!("batch {} waits: {reason}", payload.batch);
            Err(Failure::ProviderUnavailable { retry_after: Some(60) })
        }
    }
}

fn send_waiting(job: &Job, payload: &Payload, parcels: &[Parcel], progress: &mut Progress) -> Ran {
    let (batch, sender) = (payload.batch(), Sender::of(job.account_ref()));
    let started = clock::now_ms();
    let mut reached_carrier = false;
    loop {
        let chunk = progress.next_chunk(CHUNK);
        if chunk.is_empty() {
            return Ran::Through;
        }
        if reached_carrier && clock::now_ms().saturating_sub(started) > RUN_FOR_MS {
            return Ran::Partly;
        }
        if let Err(conflict) = set_marks(progress, chunk.iter().map(|position| (*position, Mark::Claimed))) {
            return stuck(conflict);
        }
        let of_chunk: Vec<Parcel> = chunk.iter().filter_map(|position| parcels.get(*position)).cloned().collect();
        let outcomes = carrier::send_all(&texts(&batch, &of_chunk), &sender, CHUNK_BUDGET_MS);
        reached_carrier |= outcomes.iter().any(|o| !matches!(o, Outcome::Unreachable | Outcome::OutOfRequests));
        if progress.reference.is_none() && outcomes.iter().any(Outcome::is_accepted) {
            progress.reference = Some(carrier::reference(&outcomes));
        }
        let next = Next::after(&outcomes, reached_carrier, job.attempt);
        let marks: Vec<Mark> = outcomes.iter().map(|outcome| mark(outcome, next)).collect();
        let rest = progress.next_chunk(usize::MAX);
        let given_up = rest.into_iter().filter(|_| next == Next::GiveUp).map(|p| (p, Mark::Done(State::ServerError)));
        if let Err(conflict) = set_marks(progress, chunk.iter().copied().zip(marks).chain(given_up)) {
            return stuck(conflict);
        }
        match next {
            Next::Chunk | Next::GiveUp => {}
            Next::OtherJob => return Ran::Partly,
            Next::Later => return Ran::Stuck("the carrier cannot be reached".into()),
        }
    }
}

/// What a run does after a chunk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    /// Goes on.
    Chunk,
    /// Hands over to another job, which may send more requests.
    OtherJob,
    /// Waits for the carrier to come back.
    Later,
    /// Has waited enough.
    GiveUp,
}

impl Next {
    fn after(outcomes: &[Outcome], reached_carrier: bool, attempt: u32) -> Self {
        let unreachable = outcomes.iter().all(|outcome| *outcome == Outcome::Unreachable);
        let out_of_requests = outcomes.contains(&Outcome::OutOfRequests);
        match (unreachable, out_of_requests) {
            (true, _) if attempt < MOST_ATTEMPTS => Self::Later,
            (true, _) => Self::GiveUp,
            (_, true) if reached_carrier => Self::OtherJob,
            // Where a run may not send even one request, another one may not either.
            (_, true) => Self::GiveUp,
            (false, false) => Self::Chunk,
        }
    }
}

fn mark(outcome: &Outcome, next: Next) -> Mark {
    match outcome {
        Outcome::Accepted { .. } => Mark::Done(State::Success),
        Outcome::Refused { state, .. } => Mark::Done(*state),
        Outcome::Unreachable if next == Next::Later => Mark::Waiting,
        Outcome::OutOfRequests if next == Next::OtherJob => Mark::Waiting,
        Outcome::Unknown | Outcome::Unreachable | Outcome::OutOfRequests => Mark::Done(State::ServerError),
    }
}

fn set_marks(progress: &mut Progress, marks: impl Iterator<Item = (usize, Mark)>) -> Result<(), Conflict> {
    for (position, mark) in marks {
        if let Some(slot) = progress.marks.get_mut(position) {
            *slot = mark;
        }
    }
    progress.write()
}

fn stuck(conflict: Conflict) -> Ran {
    match conflict {
        Conflict::OtherRun => Ran::Stuck("another run of the same job is at work".into()),
        Conflict::Store(error) => Ran::Stuck(error),
    }
}

/// Captures once what was accepted; the reports are committed with it.
fn settle(job: &Job, payload: &Payload, parcels: &[Parcel], mut progress: Progress, hold: Hold) -> Result<(), Failure> {
    progress.finished = true;
    if let Err(conflict) = progress.write() {
        hold.keep(HOLD_TTL, &[])?;
        return Err(Failure::internal(format!("batch {}: {conflict:?}", payload.batch)));
    }
    let known = report(job, payload, parcels, &progress);
    let lines: Vec<Line> = with_state(parcels, &progress)
        .filter(|(_, state)| state.is_accepted())
        .map(|(parcel, _)| parcel.line())
        .collect();
    if lines.is_empty() {
        hold.release();
        return Ok(());
    }
    let mut details = Capture::new();
    if let Some(reference) = &progress.reference {
        details = details.reference(reference.as_str());
    }
    // Those that failed too, in place of "processing": a repeat then sees that it may try again.
    for (parcel, state) in with_state(parcels, &progress) {
        if let Some(uuid) = &parcel.uuid {
            let verdict =
                if state.is_accepted() { Verdict::accepted(state, parcel.credit()) } else { Verdict::refused(state) };
            details = details.remember(uuid, &Memory::of(&verdict));
        }
    }
    if let Err(refusal) = hold.capture_with(&lines, details) {
        log::error!("batch {} was sent but not captured: {refusal}", payload.batch);
    }
    correct(job, payload, &known);
    Ok(())
}

/// The hold is gone. If this job has settled already, that is why; else it expired, and nothing more is sent.
fn give_up(
    job: &Job,
    payload: &Payload,
    parcels: &[Parcel],
    mut progress: Progress,
    refusal: &Refusal,
) -> Result<(), Failure> {
    if progress.finished {
        return Ok(());
    }
    log::error!("batch {} lost its hold: {refusal}", payload.batch);
    progress.finished = true;
    if let Err(conflict) = progress.write() {
        return Err(Failure::internal(format!("batch {}: {conflict:?}", payload.batch)));
    }
    report(job, payload, parcels, &progress);
    Ok(())
}

/// Each parcel with its final state; one that was not sent, or whose outcome is lost, failed.
fn with_state<'a>(parcels: &'a [Parcel], progress: &'a Progress) -> impl Iterator<Item = (&'a Parcel, State)> {
    parcels.iter().zip(&progress.marks).map(|(parcel, mark)| match mark {
        Mark::Done(state) => (parcel, *state),
        Mark::Waiting | Mark::Claimed => (parcel, State::ServerError),
    })
}

/// Tells the database what became of each message, unless the carrier has told it more already; those
/// that it has.
fn report(job: &Job, payload: &Payload, parcels: &[Parcel], progress: &Progress) -> BTreeSet<String> {
    let Some(url) = &payload.webhook else { return BTreeSet::new() };
    let known = reported_uuids(&payload.batch).unwrap_or_default();
    let mut statuses = webhook::Statuses::default();
    for (parcel, state) in with_state(parcels, progress) {
        if let Some(uuid) = parcel.uuid.as_deref().filter(|uuid| is_uuid(uuid) && !known.contains(*uuid)) {
            statuses.add(state.name_in_report(), uuid);
        }
    }
    post(job, payload, url, &statuses);
    known
}

/// Repeats the failures that the carrier reported while the job wrote its own report. The job's `sent`
/// came behind them, and a database takes `sent` after an error for the truth.
fn correct(job: &Job, payload: &Payload, known: &BTreeSet<String>) {
    if let Some(url) = &payload.webhook {
        post(job, payload, url, &corrections(&payload.batch, known));
    }
}

/// Failures of a batch that are stored and not among the known reports.
pub(super) fn corrections(batch: &str, known: &BTreeSet<String>) -> webhook::Statuses {
    let reported = reported_uuids(batch).unwrap_or_default();
    let mut statuses = webhook::Statuses::default();
    for uuid in reported.difference(known) {
        let (key, _) = status_key(batch, uuid);
        let stored = store::get(Scope::Service, &key).ok().flatten();
        if let Some(failure) = stored.as_deref().and_then(status::failure) {
            statuses.add(failure, uuid);
        }
    }
    statuses
}

fn post(job: &Job, payload: &Payload, url: &str, statuses: &webhook::Statuses) {
    if let Err(error) = statuses.post(job.account_ref(), url, &payload.batch) {
        log::error!("batch {} could not be reported: {error}", payload.batch);
    }
}
