//! Follows letters until they are posted, and charges them then. What cannot be posted is not charged.
//!
//! `follow` is enqueued by the call that handed letters over, with its hold. `reconcile` is the host's: it asks where a
//! host died, or a call ended, while letters were being handed over.

use iap_sdk::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    print::{Letter, MOST_AT_ONCE, affordable, digest},
    provider::{self, Deadline, Outcome, State},
    records,
    wire::{Credits, Input},
};

/// Credits stay aside for so many seconds at most. The printer posts within days.
pub const HOLD_TTL: u32 = 30 * 24 * 3600;

/// A letter that the printer has is given up after so many milliseconds.
const GIVE_UP_MS: u64 = 28 * 24 * 3600 * 1_000;

/// One of which nobody knows whether the printer has it, after so many: its document is kept for a day.
const GIVE_UP_UNKNOWN_MS: u64 = 20 * 3600 * 1_000;

/// `reconcile` decides when its documents are kept no longer than that: after 18 of their 24 hours. The host asks at
/// least hourly, and for 20 hours (`ask_for`).
const LAST_HOURS_MS: u64 = 6 * 3600 * 1_000;

/// Time for handing letters over and for looking at them, of a run's 120 seconds.
const RUN_MS: u32 = 60_000;

/// Longest time between two looks, in seconds.
const SELDOMEST: u32 = 3_600;

/// A letter whose fate is not known yet.
#[derive(Debug, Serialize, Deserialize)]
pub struct Followed {
    /// What was handed over.
    pub letter: Letter,
    /// The printer's reference, once it is known to have it.
    id: Option<String>,
    /// Its fate, once it is known.
    end: Option<End>,
}

/// How it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum End {
    Sent,
    Failed,
    /// Nobody could say in time whether the printer has it.
    Lost,
}

impl Followed {
    /// A letter that was just handed over.
    pub fn new(letter: Letter, id: Option<String>) -> Self {
        Self { letter, id, end: None }
    }

    /// Whether the printer is known to have it.
    pub fn is_accepted(&self) -> bool {
        self.id.is_some()
    }

    /// What is remembered under its key.
    pub fn remembered(&self) -> serde_json::Value {
        records::remembered(&self.letter, self.id.as_deref())
    }
}

/// What the job is told.
#[derive(Debug, Serialize, Deserialize)]
pub struct Payload {
    v: u32,
    letters: Vec<Followed>,
    /// Unix milliseconds.
    since: u64,
    /// How often it was looked.
    looks: u32,
}

impl Payload {
    /// Letters that were handed over now.
    pub fn new(letters: Vec<Followed>) -> Self {
        Self { v: 1, letters, since: clock::now_ms(), looks: 0 }
    }

    /// Its letters.
    pub fn letters(&self) -> &[Followed] {
        &self.letters
    }

    fn delay(&self) -> u32 {
        let first = config::get("first-look").and_then(|text| text.trim().parse::<u32>().ok()).unwrap_or(60);
        first.max(1).saturating_mul(1_u32.checked_shl(self.looks).unwrap_or(u32::MAX)).min(SELDOMEST)
    }
}

/// Has letters looked at after a while.
///
/// # Errors
///
/// Of `jobs`.
pub fn enqueue(payload: &Payload, hold_id: &str) -> Result<(), jobs::Error> {
    let options = jobs::Options::new().hold(hold_id).delay(payload.delay());
    jobs::enqueue_with("follow", payload, options).map(drop)
}

/// Looks at letters; charges those that were posted once all have come to an end.
///
/// # Errors
///
/// [`Failure::Other`] where the hold cannot be taken up; [`Failure::Internal`] where letters were posted and their
/// price is not taken: the job is tried again, and then waits for the operator.
pub fn run(job: &Job, mut payload: Payload) -> Result<(), Failure> {
    let hold_id = job.hold.as_deref().ok_or_else(|| Failure::refused("letters without a hold"))?;
    let hold = match billing::resume(hold_id) {
        Ok(hold) => hold,
        // An earlier run has settled it, and died before it was noted.
        Err(refusal) if refusal.code == "hold-ended" => return Ok(()),
        Err(refusal) => {
            log::error!("letters of call {} are not charged: {refusal}", job.context.call_id);
            return Err(refusal.into());
        }
    };
    let deadline = Deadline::within(RUN_MS);
    let taken = hand_over_again(job, &mut payload, deadline);
    for followed in &mut payload.letters {
        if let (Some(id), None) = (&followed.id, followed.end) {
            followed.end = look(id, payload.since, deadline);
        }
    }
    if payload.letters.iter().all(|followed| followed.end.is_some()) {
        settle(job, &payload.letters, hold)?;
        payload.letters.iter().for_each(|followed| followed.letter.forget());
        return Ok(());
    }
    payload.looks = payload.looks.saturating_add(1);
    let hold_id = hold.keep(HOLD_TTL, &taken)?;
    enqueue(&payload, &hold_id)?;
    Ok(())
}

/// Hands over once more what the printer never answered for, with the same keys; the answers for those that it has.
/// A refusal is no answer: it may be that of a second letter under the key of one that the printer has.
fn hand_over_again(job: &Job, payload: &mut Payload, deadline: Deadline) -> Vec<Remembered> {
    let late = clock::now_ms().saturating_sub(payload.since) > GIVE_UP_UNKNOWN_MS;
    let mut open: Vec<&mut Followed> =
        payload.letters.iter_mut().filter(|followed| followed.id.is_none() && followed.end.is_none()).collect();
    let postings: Vec<_> = open.iter().map(|followed| followed.letter.posting(job.account_ref())).collect();
    if postings.is_empty() {
        return Vec::new();
    }
    let letters: Vec<Letter> = open.iter().map(|followed| followed.letter.clone()).collect();
    let outcomes = provider::post_all(&postings, |at| document(&letters, at), deadline);
    let mut taken = Vec::new();
    for (followed, outcome) in open.iter_mut().zip(outcomes) {
        match outcome {
            Outcome::Accepted { id } => {
                records::accepted(job.account_ref(), &id);
                taken.push(records::answer(&followed.letter, Some(&id)));
                followed.id = Some(id);
            }
            Outcome::Refused(..) | Outcome::Unknown | Outcome::NotSent if late => {
                log::error!("{}", never_said(job, followed.letter.id()));
                followed.end = Some(End::Lost);
            }
            Outcome::Refused(..) | Outcome::Unknown | Outcome::NotSent => {}
        }
    }
    taken
}

/// What the operator is told of a letter that is given up without an answer.
fn never_said(job: &Job, id: &str) -> String {
    let call = &job.context.call_id;
    format!(
        "nobody could say in time whether the printer has letter {id} of call {call}: it is not charged, and not posted again"
    )
}

fn document(letters: &[Letter], at: usize) -> Result<Vec<u8>, String> {
    letters.get(at).map_or_else(|| Err("no such letter".into()), Letter::document)
}

/// Whether a letter that the printer has was posted; nothing while it is on its way.
fn look(id: &str, since: u64, deadline: Deadline) -> Option<End> {
    let news = records::news(id).unwrap_or_else(|error| {
        log::warn!("news of a letter cannot be read: {error}");
        None
    });
    let state = match news {
        Some(news) if news.sent => Some(State::Sent),
        Some(news) if news.failed => Some(State::Failed(news.reason)),
        Some(news) if news.undeliverable => Some(State::Undeliverable),
        _ => provider::look(id, deadline),
    };
    match state {
        Some(State::Sent) => Some(End::Sent),
        Some(State::Undeliverable) => {
            // It came back without ever having been reported as posted.
            log::warn!("letter {id} cannot be delivered, and was not posted");
            Some(End::Failed)
        }
        Some(State::Failed(why)) => {
            log::warn!("letter {id} is not posted: {why}");
            // So that nobody mends and posts it when it is not paid any more.
            if let Err(failure) = provider::cancel(id, deadline) {
                log::info!("letter {id} was not cancelled: {failure}");
            }
            Some(End::Failed)
        }
        Some(State::Underway) | None if clock::now_ms().saturating_sub(since) > GIVE_UP_MS => {
            // What is not cancelled may still be posted: then it must be paid.
            if let Err(failure) = provider::cancel(id, deadline) {
                log::error!("letter {id} is not posted for four weeks, and not cancelled: {failure}");
                return None;
            }
            log::error!("letter {id} is given up, and cancelled: the printer has not posted it for four weeks");
            Some(End::Failed)
        }
        Some(State::Underway) | None => None,
    }
}

/// Takes the price of what was posted; the rest goes back, and may be sent anew.
fn settle(job: &Job, letters: &[Followed], hold: Hold) -> Result<(), Failure> {
    let sent: Vec<&Followed> = letters.iter().filter(|followed| followed.end == Some(End::Sent)).collect();
    for followed in letters {
        let digest = digest(job.account_ref(), &followed.letter.key);
        match followed.end {
            Some(End::Failed) => records::failed(&digest),
            Some(End::Lost) => records::lost(&digest),
            Some(End::Sent) | None => {}
        }
    }
    if sent.is_empty() {
        hold.release();
        return Ok(());
    }
    let lines: Vec<Line> = sent.iter().flat_map(|followed| followed.letter.job().lines()).collect();
    let ids: Vec<&str> = sent.iter().filter_map(|followed| followed.id.as_deref()).collect();
    let mut details = Capture::new().reference(ids.join(" "));
    for followed in &sent {
        details = details.remember(&followed.letter.key, &followed.remembered());
    }
    hold.capture_with(&lines, details).map(drop).map_err(|refusal| {
        let why = format!("letters of call {} were posted, and not charged: {refusal}", job.context.call_id);
        log::error!("{why}");
        Failure::internal(why)
    })
}

/// What the host says of a call that nobody knows the outcome of.
#[derive(Debug, Deserialize)]
pub struct Question {
    input: Input,
    natural_keys: Vec<String>,
}

/// Finds out what became of the letters of a call that did not come to its end: they are handed over with the same keys,
/// so that the printer either has them already, or gets them now. What it has is charged. A refusal may be that of a
/// second letter under the key of one that it has; so it is asked again, and at last nobody knows.
///
/// # Errors
///
/// [`Failure::ProviderUnavailable`] while the printer does not say.
pub fn reconcile(job: &Job, question: Question) -> Result<(), Failure> {
    let hold_id = job.hold.as_deref().ok_or_else(|| Failure::refused("a question without a hold"))?;
    let hold = match billing::resume(hold_id) {
        Ok(hold) => hold,
        Err(refusal) if refusal.code == "hold-ended" => return Ok(()),
        Err(refusal) => return Err(refusal.into()),
    };
    let options = question.input.options;
    let (mut letters, mut gone): (Vec<Letter>, Vec<String>) = (Vec::new(), Vec::new());
    let mut is_late = false;
    for document in &question.input.documents {
        let Some(key) = document.key().filter(|key| question.natural_keys.contains(key)) else { continue };
        let is_known = gone.contains(&key) || letters.iter().any(|other| other.key == key);
        if is_known || letters.len() + gone.len() == MOST_AT_ONCE {
            continue;
        }
        match Letter::of(document, options, &key) {
            Ok(letter) => letters.push(letter),
            Err(refused) if refused.is_without_document() => gone.push(key),
            // It was never handed over.
            Err(_) => continue,
        }
        is_late |= document.blob().is_some_and(is_last_chance);
    }
    // Credits were set aside for the first letters only, where they were not enough for all.
    letters.truncate(affordable(&letters, Credits::from_decimal(&hold.amount()).unwrap_or_default()));
    let deadline = Deadline::within(RUN_MS);
    let postings: Vec<_> = letters.iter().map(|letter| letter.posting(job.account_ref())).collect();
    let outcomes = provider::post_all(&postings, |at| document(&letters, at), deadline);
    let (mut lines, mut details, mut ids) = (Vec::new(), Capture::new(), Vec::new());
    let mut lost: Vec<&str> = gone.iter().map(String::as_str).collect();
    for (letter, outcome) in letters.iter().zip(outcomes) {
        match outcome {
            Outcome::Accepted { id } => match provider::look(&id, deadline) {
                Some(State::Failed(_)) => records::failed(&digest(job.account_ref(), &letter.key)),
                Some(State::Underway | State::Sent | State::Undeliverable) | None => {
                    records::accepted(job.account_ref(), &id);
                    lines.extend(letter.job().lines());
                    details = details.remember(&letter.key, &records::remembered(letter, Some(&id)));
                    ids.push(id);
                }
            },
            Outcome::Refused(..) | Outcome::Unknown | Outcome::NotSent => lost.push(&letter.key),
        }
    }
    if !lost.is_empty() && !is_late {
        return Err(Failure::ProviderUnavailable { retry_after: Some(retry_after(job.attempt)) });
    }
    for key in lost {
        log::error!("{}", never_said(job, key.rsplit_once(':').map_or(key, |(id, _)| id)));
        records::lost(&digest(job.account_ref(), key));
    }
    if lines.is_empty() {
        hold.release();
        return Ok(());
    }
    hold.capture_with(&lines, details.reference(ids.join(" ")))?;
    Ok(())
}

/// Whether a document will be gone before long, or is.
fn is_last_chance(blob: &str) -> bool {
    match blobs::stat(blob) {
        Ok(info) => info.expires_at.saturating_sub(clock::now_ms()) < LAST_HOURS_MS,
        Err(error) => error.code == "unknown-blob",
    }
}

/// Seconds until the printer is asked again.
fn retry_after(attempt: u32) -> u32 {
    2_u32.checked_shl(attempt.min(11)).unwrap_or(SELDOMEST).min(SELDOMEST)
}

#[cfg(test)]
mod tests;
