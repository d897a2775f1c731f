//! Follows a letter until it is posted, and charges it then. What cannot be posted is not charged.
//!
//! `follow` is enqueued by the call that handed the letter over, with its hold. `reconcile` is the host's: it asks where a
//! host died, or a call ended, while the letter was being handed over; `follow` goes on with that hold too.

use iap_sdk::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    print::{Letter, digest},
    provider::{self, Deadline, Outcome, State},
    records,
    wire::Input,
};

/// Credits stay aside for so many seconds at most. The printer posts within days.
pub const HOLD_TTL: u32 = 30 * 24 * 3600;

/// A letter that the printer has is given up after so many milliseconds.
const GIVE_UP_MS: u64 = 28 * 24 * 3600 * 1_000;

/// One of which nobody knows whether the printer has it, after so many: its document is kept for a day.
const GIVE_UP_UNKNOWN_MS: u64 = 20 * 3600 * 1_000;

/// Time for handing a letter over and for looking at it, of a run's 120 seconds.
const RUN_MS: u32 = 60_000;

/// Longest time between two looks, in seconds.
const SELDOMEST: u32 = 3_600;

/// How a letter ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Sent,
    Failed,
    /// Nobody could say in time whether the printer has it.
    Lost,
}

/// What the job is told: a letter whose fate is not known yet.
#[derive(Debug, Serialize, Deserialize)]
pub struct Payload {
    v: u32,
    /// What was handed over.
    letter: Letter,
    /// The printer's reference, once it is known to have it.
    id: Option<String>,
    /// Unix milliseconds.
    since: u64,
    /// How often it was looked.
    looks: u32,
}

impl Payload {
    /// A letter that was handed over now.
    pub fn new(letter: Letter, id: Option<String>) -> Self {
        Self { v: 2, letter, id, since: clock::now_ms(), looks: 0 }
    }

    /// The letter.
    pub fn letter(&self) -> &Letter {
        &self.letter
    }

    /// Whether the printer is known to have it.
    pub fn is_accepted(&self) -> bool {
        self.id.is_some()
    }

    /// What is remembered under its key.
    pub fn remembered(&self) -> serde_json::Value {
        records::remembered(&self.letter, self.id.as_deref())
    }

    fn delay(&self) -> u32 {
        let first = config::get("first-look").and_then(|text| text.trim().parse::<u32>().ok()).unwrap_or(60);
        first.max(1).saturating_mul(1_u32.checked_shl(self.looks).unwrap_or(u32::MAX)).min(SELDOMEST)
    }
}

/// Has a letter looked at after a while.
///
/// # Errors
///
/// Of `jobs`.
pub fn enqueue(payload: &Payload, hold_id: &str) -> Result<(), jobs::Error> {
    enqueue_in(payload.delay(), payload, hold_id)
}

fn enqueue_in(delay: u32, payload: &Payload, hold_id: &str) -> Result<(), jobs::Error> {
    jobs::enqueue_with("follow", payload, jobs::Options::new().hold(hold_id).delay(delay)).map(drop)
}

/// Looks at a letter, and charges it once it was posted.
///
/// # Errors
///
/// [`Failure::Other`] where the hold cannot be taken up; [`Failure::Internal`] where the letter was posted and its
/// price is not taken, or nobody will look again: the job is tried again, and then waits for the operator.
pub fn run(job: &Job, mut payload: Payload) -> Result<(), Failure> {
    let hold_id = job.hold.as_deref().ok_or_else(|| Failure::refused("a letter without a hold"))?;
    let hold = match billing::resume(hold_id) {
        Ok(hold) => hold,
        // An earlier run has settled it, and died before it was noted.
        Err(refusal) if refusal.code == "hold-ended" => return Ok(()),
        Err(refusal) => {
            log::error!("letter {} of call {} is not charged: {refusal}", payload.letter.id(), job.context.call_id);
            return Err(refusal.into());
        }
    };
    let deadline = Deadline::within(RUN_MS);
    let (mut end, mut taken) = (None, Vec::new());
    if payload.id.is_none() {
        match hand_over_again(job, &payload, deadline) {
            Again::Accepted(id) => {
                taken.push(records::answer(&payload.letter, Some(&id)));
                payload.id = Some(id);
            }
            Again::Unknown => {}
            Again::Lost => end = Some(End::Lost),
        }
    }
    if let Some(id) = &payload.id {
        end = look(id, payload.since, deadline);
    }
    if let Some(end) = end {
        settle(job, &payload, end, hold)?;
        payload.letter.forget();
        return Ok(());
    }
    payload.looks = payload.looks.saturating_add(1);
    let hold_id = hold.keep(HOLD_TTL, &taken)?;
    enqueue(&payload, &hold_id).map_err(|error| Failure::internal(error.to_string()))
}

enum Again {
    Accepted(String),
    Unknown,
    Lost,
}

/// Hands over once more what the printer never answered for, with the same key. A refusal is no answer: it may be that of
/// a second letter under the key of one that the printer has.
fn hand_over_again(job: &Job, payload: &Payload, deadline: Deadline) -> Again {
    let postings = [payload.letter.posting(job.account_ref())];
    let outcome = provider::post_all(&postings, |_| payload.letter.document(), deadline).pop();
    if let Some(Outcome::Accepted { id }) = outcome {
        records::accepted(job.account_ref(), &id);
        return Again::Accepted(id);
    }
    if clock::now_ms().saturating_sub(payload.since) > GIVE_UP_UNKNOWN_MS {
        log::error!("{}", never_said(job, payload.letter.id()));
        return Again::Lost;
    }
    Again::Unknown
}

/// What the operator is told of a letter that is given up without an answer.
fn never_said(job: &Job, id: &str) -> String {
    let call = &job.context.call_id;
    format!(
        "nobody could say in time whether the printer has letter {id} of call {call}: it is not charged, and not posted again"
    )
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

/// Takes the price of a letter that was posted; that of any other goes back, and it may be sent anew.
fn settle(job: &Job, payload: &Payload, end: End, hold: Hold) -> Result<(), Failure> {
    let letter = &payload.letter;
    match end {
        End::Failed => records::failed(&digest(job.account_ref(), &letter.key)),
        End::Lost => records::lost(&digest(job.account_ref(), &letter.key)),
        End::Sent => {
            let details = Capture::new().reference(payload.id.clone().unwrap_or_default());
            let details = details.remember(&letter.key, &payload.remembered());
            return hold.capture_with(&letter.job().lines(), details).map(drop).map_err(|refusal| {
                let (id, call) = (letter.id(), &job.context.call_id);
                let why = format!("letter {id} of call {call} was posted, and not charged: {refusal}");
                log::error!("{why}");
                Failure::internal(why)
            });
        }
    }
    hold.release();
    Ok(())
}

/// What the host says of a hold whose call did not come to its end.
#[derive(Debug, Deserialize)]
pub struct Question {
    input: Input,
    natural_keys: Vec<String>,
}

/// Goes on with a letter whose call did not come to its end: nobody knows whether the printer has it. `follow` hands it
/// over with the same key, so that the printer either has it already, or gets it now.
///
/// # Errors
///
/// [`Failure::Other`] where the hold cannot be taken up; [`Failure::Internal`] where nobody will look: it is asked again.
pub fn reconcile(job: &Job, question: Question) -> Result<(), Failure> {
    let hold_id = job.hold.as_deref().ok_or_else(|| Failure::refused("a question without a hold"))?;
    let hold = match billing::resume(hold_id) {
        Ok(hold) => hold,
        Err(refusal) if refusal.code == "hold-ended" => return Ok(()),
        Err(refusal) => return Err(refusal.into()),
    };
    let Question { input, natural_keys } = question;
    let asked = input.documents.iter().find_map(|document| {
        let key = document.key().filter(|key| natural_keys.contains(key))?;
        Some((Letter::of(document, input.options, &key), key))
    });
    match asked {
        Some((Ok(letter), _)) => {
            let hold_id = hold.keep(HOLD_TTL, &[records::answer(&letter, None)])?;
            let payload = Payload::new(letter, None);
            return enqueue_in(0, &payload, &hold_id).map_err(|error| Failure::internal(error.to_string()));
        }
        Some((Err(refused), key)) if refused.is_without_document() => {
            log::error!("{}", never_said(job, key.rsplit_once(':').map_or(key.as_str(), |(id, _)| id)));
            records::lost(&digest(job.account_ref(), &key));
        }
        // It was never handed over.
        Some((Err(_), _)) | None => {}
    }
    hold.release();
    Ok(())
}

#[cfg(test)]
mod tests;
