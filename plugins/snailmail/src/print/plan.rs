//! What is to be posted, once, and what is answered without.

use std::collections::BTreeMap;

use iap_sdk::prelude::*;
use serde_json::Value;

use super::letter::{Letter, Refused, digest};
use crate::{
    records,
    wire::{Code, Fate, Input},
};

/// Letters of one request that are posted: as many as go out while a database waits. Those of 13.0 may have more at
/// once; the others stay in its queue.
const MOST_AT_ONCE: usize = 16;

/// Most documents of a request.
const MOST_DOCUMENTS: usize = 1_000;

/// What happens to a document.
enum Step {
    Done(Fate),
    /// Posted as the letter with this index, which another document with the same key may share.
    Letter(usize),
}

/// What happens to all documents of a request.
pub struct Plan {
    steps: Vec<Step>,
    letters: Vec<Letter>,
}

impl Plan {
    /// Decides for each document.
    ///
    /// # Errors
    ///
    /// [`Failure::BadRequest`] for a document without an id, or too many of them.
    pub fn of(call: &Call, input: &Input) -> Result<Self, Failure> {
        if input.documents.len() > MOST_DOCUMENTS {
            return Err(Failure::bad_request("documents", format!("too many: send at most {MOST_DOCUMENTS} at once")));
        }
        let mut plan = Self { steps: Vec::with_capacity(input.documents.len()), letters: Vec::new() };
        let mut by_key: BTreeMap<String, usize> = BTreeMap::new();
        for (position, document) in input.documents.iter().enumerate() {
            let key = document.key();
            let known = key.as_ref().and_then(|key| call.remembered(key));
            let step = if let Some(known) = known {
                Step::Done(repeat(known.json()))
            } else if !call.context.is_active() {
                // Before anything is read: nothing is done for who may not spend.
                Step::Done(Fate::Refused { code: Code::TrialError, reason: standing(&call.context.standing) })
            } else if let Some(index) = key.as_ref().and_then(|key| by_key.get(key)) {
                Step::Letter(*index)
            } else if plan.letters.len() == MOST_AT_ONCE {
                Step::Done(Fate::Open { reason: "More letters than are posted at once: send this one again." })
            } else if let Some(fate) = key.as_ref().and_then(|key| lost(call, key)) {
                Step::Done(fate)
            } else {
                match Letter::of(document, input.options, key.as_deref().unwrap_or_default()) {
                    Ok(letter) => {
                        let Some(key) = key else {
                            let field = format!("documents[{position}].letter_id");
                            return Err(Failure::bad_request(field, "missing: it is what a letter is answered by"));
                        };
                        by_key.insert(key, plan.letters.len());
                        plan.letters.push(letter);
                        Step::Letter(plan.letters.len() - 1)
                    }
                    Err(Refused(code, reason)) => Step::Done(Fate::Refused { code, reason }),
                }
            };
            plan.steps.push(step);
        }
        Ok(plan)
    }

    /// What is to be posted, once each.
    pub fn letters(&self) -> &[Letter] {
        &self.letters
    }

    /// One fate for each document, given one for each letter.
    pub fn fates(self, letters: &[Fate]) -> Vec<Fate> {
        let fate = |step| match step {
            Step::Done(fate) => fate,
            Step::Letter(index) => letters.get(index).cloned().unwrap_or(Fate::Open { reason: "It was not its turn." }),
        };
        self.steps.into_iter().map(fate).collect()
    }
}

/// What an earlier call answered, unless that was that nobody knows yet.
pub(super) fn repeat(known: Result<Value, Failure>) -> Fate {
    match known {
        Ok(answer) if records::is_pending(&answer) => Fate::Open { reason: records::PENDING },
        Ok(answer) => Fate::Repeat(answer),
        Err(error) => {
            log::error!("{error}");
            Fate::Open { reason: records::PENDING }
        }
    }
}

/// The fate of a letter that may have been posted without anybody's knowing.
fn lost(call: &Call, key: &str) -> Option<Fate> {
    match records::is_lost(&digest(call.account_ref(), key)) {
        Ok(false) => None,
        Ok(true) => Some(Fate::Refused { code: Code::UnknownError, reason: records::LOST.to_owned() }),
        Err(error) => {
            log::error!("it is not known whether a letter may be posted: {error}");
            Some(Fate::Open { reason: records::PENDING })
        }
    }
}

fn standing(code: &str) -> String {
    match code {
        "account-disabled" => "This account is disabled: it belongs to a copy of a database.",
        "account-suspended" => "This account is suspended.",
        "hosting-refused" => "This service is not available to this database.",
        "consent-needed" => "An administrator must enable this service first.",
        _ => "This account may not be used.",
    }
    .to_owned()
}
