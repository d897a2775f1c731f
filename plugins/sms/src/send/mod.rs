//! From what a database asks for to what became of each message.

mod batch;
mod job;
mod later;
mod now;
mod plan;
mod progress;
mod state;

use iap_sdk::prelude::*;
use serde_json::Value;

pub use batch::{Batch, find as find_batch, is_uuid, status_key};
pub use job::{Payload, run as run_job};
pub use plan::{Draft, refused_locally};
use state::Memory;
pub use state::{Item, State, Verdict};

use crate::{account, prices::Prices};
use plan::{Parcel, Plan};

/// Most messages that are sent before the answer; more are sent by a job.
const MOST_AT_ONCE: usize = 20;

/// What became of a message, in this call or an earlier one.
pub enum Answer {
    /// In this call.
    Fresh(Verdict),
    /// What an earlier call remembered for this uuid: its item without the uuid.
    Repeat(Value),
}

impl Answer {
    /// The verdict of this call, if it is of this call.
    pub fn fresh(self) -> Option<Verdict> {
        match self {
            Self::Fresh(verdict) => Some(verdict),
            Self::Repeat(_) => None,
        }
    }
}

/// Sends what can be sent and answers for each draft, in order. `webhook` is where the database wants reports.
///
/// # Errors
///
/// [`Failure::Internal`] if the host's store fails, before anything was sent.
pub fn send(call: &Call, drafts: &[Draft], webhook: Option<&str>) -> Result<Vec<Answer>, Failure> {
    let plan = Plan::of(call, drafts, &Prices::of_release());
    let verdicts = deliver(call, plan.parcels(), webhook)?;
    Ok(plan.answers(&verdicts))
}

/// The lines that [`send`] would authorize.
pub fn quote(call: &Call, drafts: &[Draft]) -> Vec<Line> {
    Plan::of(call, drafts, &Prices::of_release()).parcels().iter().map(Parcel::line).collect()
}

/// One verdict for each parcel, with one hold for all.
fn deliver(call: &Call, parcels: &[Parcel], webhook: Option<&str>) -> Result<Vec<Verdict>, Failure> {
    let all = |verdict: Verdict| Ok(vec![verdict; parcels.len()]);
    if parcels.is_empty() {
        return Ok(Vec::new());
    }
    if !account::may_send(&call.context)? {
        return all(Verdict::refused_because(State::RegistrationNeeded, "Register a telephone number first."));
    }
    // Before the hold, so that the record is committed with it: no report can come before it is there.
    let batch = Batch::open(call.account_ref(), webhook);
    let lines: Vec<Line> = parcels.iter().map(Parcel::line).collect();
    let what = Authorize::new().description(format!("Text messages: {}", parcels.len()));
    let hold = match billing::authorize_with(&lines, what) {
        Ok(Outcome::Hold(hold)) => hold,
        Ok(Outcome::Answered(_)) => return Err(Failure::internal("answered under a natural key that was not given")),
        Err(refusal) => return all(Verdict::of_refusal(&refusal)),
    };
    if parcels.len() <= MOST_AT_ONCE {
        Ok(now::send(call, &batch, parcels, &hold))
    } else {
        Ok(later::send(call, batch, parcels, hold))
    }
}

#[cfg(test)]
mod tests;
