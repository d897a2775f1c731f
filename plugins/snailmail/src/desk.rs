//! The operations `status` and `cancel`, for programs: databases have no protocol for either.

use iap_sdk::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    provider::{self, Deadline, State},
    records,
};

/// Time for an answer.
const BUDGET_MS: u32 = 10_000;

/// Which letter.
#[derive(Debug, Deserialize)]
pub struct Which {
    send_id: String,
}

/// What is known of it.
#[derive(Debug, Serialize)]
pub struct Known {
    send_id: String,
    state: &'static str,
    #[serde(skip_serializing_if = "String::is_empty")]
    reason: String,
}

/// What has become of a letter.
///
/// # Errors
///
/// [`Failure::Refused`] for a letter of somebody else; [`Failure::ProviderUnavailable`] while the printer is silent.
pub fn status(call: &Call, which: Which) -> Result<Known, Failure> {
    let id = own(call, &which)?;
    let news = records::news(&id)?.unwrap_or_default();
    let (state, reason) = if news.undeliverable {
        ("undeliverable", news.reason)
    } else if news.sent {
        ("sent", String::new())
    } else if news.failed {
        ("failed", news.reason)
    } else {
        match provider::look(&id, Deadline::within(BUDGET_MS)).ok_or_else(Failure::provider_unavailable)? {
            State::Underway => ("accepted", String::new()),
            State::Sent => ("sent", String::new()),
            State::Undeliverable => ("undeliverable", String::new()),
            State::Failed(why) => ("failed", why),
        }
    };
    Ok(Known { send_id: id, state, reason })
}

/// Cancels a letter that is not printed yet. Its credits go back when the printer says that it was cancelled.
///
/// # Errors
///
/// As [`status`]; [`Failure::Refused`] also where it is too late.
pub fn cancel(call: &Call, which: Which) -> Result<Known, Failure> {
    let id = own(call, &which)?;
    provider::cancel(&id, Deadline::within(BUDGET_MS))?;
    Ok(Known { send_id: id, state: "cancelling", reason: String::new() })
}

fn own(call: &Call, which: &Which) -> Result<String, Failure> {
    if provider::is_id(&which.send_id) && records::is_of(call.account_ref(), &which.send_id)? {
        return Ok(which.send_id.clone());
    }
    Err(Failure::refused("This account has no such letter."))
}

#[cfg(test)]
mod tests;
