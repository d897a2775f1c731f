//! The printer: Pingen's API, version 2.

mod answer;
mod letters;
mod token;
mod upload;

use iap_sdk::{
    http::{Error, Request, Response, send_many},
    prelude::*,
};

use crate::wire::Code;
pub use answer::{State, cut, is_id};
pub use letters::{cancel, look};

/// Bytes of documents that are on their way at once: each is there twice while it leaves.
const MOST_BYTES: usize = 12 << 20;

/// Letters whose creation is tried a second time at once if it was not answered.
const MOST_REPEATED: usize = 8;

/// Shortest time that a request is worth.
const SHORTEST_MS: u64 = 400;

/// How a letter goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Manner {
    /// In colour.
    pub colour: bool,
    /// On both sides.
    pub duplex: bool,
    /// The address is in the left window.
    pub left: bool,
}

/// A letter to post.
#[derive(Clone, Debug)]
pub struct Posting {
    /// The same for the same letter, however often it is handed over.
    pub idempotency_key: String,
    /// How.
    pub manner: Manner,
    /// How it travels, in the printer's words.
    pub product: String,
}

/// What the printer did with a letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It has it.
    Accepted {
        /// Its reference.
        id: String,
    },
    /// It does not take it.
    Refused(Code, String),
    /// It was handed over, and no answer that can be understood came back.
    Unknown,
    /// It was not handed over.
    NotSent,
}

/// Until when, as a time of the clock.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(u64);

impl Deadline {
    /// So many milliseconds from now.
    pub fn within(milliseconds: u32) -> Self {
        Self(clock::now_ms().saturating_add(milliseconds.into()))
    }

    /// What is left for a request, at most `most`; nothing if it is not worth it.
    fn left(self, most: u32) -> Option<u32> {
        let left = self.0.saturating_sub(clock::now_ms());
        (left > SHORTEST_MS).then(|| u32::try_from(left).unwrap_or(u32::MAX).min(most))
    }
}

/// Hands letters over and answers in their order. `document` gives the bytes of one, by its position.
pub fn post_all(
    postings: &[Posting],
    document: impl Fn(usize) -> Result<Vec<u8>, String>,
    deadline: Deadline,
) -> Vec<Outcome> {
    let mut outcomes = vec![Outcome::NotSent; postings.len()];
    let Some(token) = token::get(deadline) else { return outcomes };
    let Some((token, slots)) = upload::slots(postings.len(), token, deadline) else { return outcomes };
    let mut uploaded: Vec<(usize, upload::Slot)> = Vec::new();
    let mut batch: Vec<(usize, upload::Slot, Vec<u8>)> = Vec::new();
    for (position, slot) in slots.into_iter().enumerate() {
        let Some(slot) = slot else { continue };
        let bytes = match document(position) {
            Ok(bytes) => bytes,
            Err(reason) => {
                log::error!("a document is gone: {reason}");
                continue;
            }
        };
        if batch.iter().map(|(.., bytes)| bytes.len()).sum::<usize>() + bytes.len() > MOST_BYTES {
            uploaded.extend(upload::put_all(std::mem::take(&mut batch), deadline));
        }
        batch.push((position, slot, bytes));
    }
    uploaded.extend(upload::put_all(batch, deadline));
    create_all(postings, &uploaded, &token, deadline, &mut outcomes);
    outcomes
}

fn create_all(
    postings: &[Posting],
    uploaded: &[(usize, upload::Slot)],
    token: &str,
    deadline: Deadline,
    outcomes: &mut [Outcome],
) {
    let mut open: Vec<&(usize, upload::Slot)> = uploaded.iter().collect();
    // The second time for those that were not answered: the key keeps them from being posted twice.
    for _ in 0..2 {
        let Some(timeout) = deadline.left(8_000).filter(|_| !open.is_empty()) else { return };
        let requests: Vec<Request> = open
            .iter()
            .filter_map(|(position, slot)| {
                Some(letters::create(postings.get(*position)?, slot, token).timeout_ms(timeout))
            })
            .collect();
        let answers = send_many(requests);
        for ((position, _), answer) in open.iter().zip(&answers) {
            if let Some(outcome) = outcomes.get_mut(*position) {
                let was_open = *outcome == Outcome::Unknown;
                *outcome = match answer::created(answer) {
                    // It may have arrived before: what was not sent now, and what is refused as another letter.
                    Outcome::NotSent | Outcome::Refused(..) if was_open => Outcome::Unknown,
                    outcome => outcome,
                };
            }
        }
        open.retain(|(position, _)| outcomes.get(*position) == Some(&Outcome::Unknown));
        if open.len() > MOST_REPEATED {
            return;
        }
    }
}

/// A request to the API.
fn request(method: &str, path: &str, token: &str) -> Request {
    Request::new(method, "api", path)
        .header("authorization", format!("Bearer {token}"))
        .header("accept", "application/vnd.api+json")
}

/// Sends a request that may find its token refused, with another one then.
fn authorized(make: impl Fn(&str) -> Request, deadline: Deadline, most_ms: u32) -> Option<Result<Response, Error>> {
    let token = token::get(deadline)?;
    let answer = make(&token).timeout_ms(deadline.left(most_ms)?).send();
    if !answer.as_ref().is_ok_and(|response| response.status == 401) {
        return Some(answer);
    }
    let token = token::anew(deadline)?;
    Some(make(&token).timeout_ms(deadline.left(most_ms)?).send())
}

#[cfg(test)]
pub mod samples;
#[cfg(test)]
mod tests;
