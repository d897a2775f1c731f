//! The hook `status`: the carrier reports, the database is told.

mod progress;
mod signature;

use iap_sdk::prelude::*;
use serde_json::json;

use crate::{
    send::{find_batch, is_uuid, status_key},
    webhook::Statuses,
};
use progress::Status;

/// Runs that may write the same message's status at the same time, before one gives in.
const TRIES: u32 = 5;

/// Answers a status callback of the carrier. Nothing is believed, or done, before its signature is verified.
pub fn answer(request: &HookRequest) -> HookResponse {
    if !signature::is_valid(request) {
        return problem(403, "The signature is missing or wrong.");
    }
    let (Some(batch), Some(uuid)) = (request.query("b"), request.query("u").filter(|uuid| is_uuid(uuid))) else {
        return problem(404, "The callback URL does not name a message.");
    };
    let record = match find_batch(&batch) {
        Ok(Some(record)) => record,
        Ok(None) => return problem(404, "No such batch, or it is too old."),
        Err(error) => return unavailable(&error.to_string()),
    };
    let Some(status) = Status::of_form(&request.form()) else {
        // On its way: nothing that the database does not know.
        return HookResponse::ok();
    };
    let (key, ttl) = status_key(&batch, &uuid);
    match advance(&key, status, ttl) {
        Ok(Advance::Done { before }) => {
            let mut statuses = Statuses::default();
            statuses.add(status.name(), &uuid);
            if let Err(error) = statuses.post(&record.account_ref, &record.webhook_url, &batch) {
                take_back(&key, status, before.as_deref(), ttl);
                return unavailable(&error.to_string());
            }
            HookResponse::ok()
        }
        Ok(Advance::Stale) => HookResponse::ok(),
        Err(error) => unavailable(&error.to_string()),
    }
}

/// The name of a stored status, if it says that a message does not arrive.
pub fn failure(stored: &[u8]) -> Option<&'static str> {
    match Status::of_stored(stored)? {
        failed @ Status::Failed(_) => Some(failed.name()),
        Status::Sent | Status::Delivered => None,
    }
}

enum Advance {
    /// The status is new; what was there before.
    Done { before: Option<Vec<u8>> },
    /// The database knows as much or more.
    Stale,
}

/// Moves a message's status forward, never back, whoever else is at it.
fn advance(key: &str, status: Status, ttl: u32) -> Result<Advance, store::Error> {
    for _ in 0..TRIES {
        let before = store::get(Scope::Service, key)?;
        if before.as_deref().and_then(Status::of_stored).is_some_and(|known| !status.follows(known)) {
            return Ok(Advance::Stale);
        }
        let value = Some(status.name().as_bytes());
        if store::compare_and_set(Scope::Service, key, before.as_deref(), value, Some(ttl))? {
            return Ok(Advance::Done { before });
        }
    }
    Err(store::Error::new("conflict", "the status of a message changes too often"))
}

/// Undoes [`advance`], so that the carrier's next try is not taken for a repeat.
fn take_back(key: &str, status: Status, before: Option<&[u8]>, ttl: u32) {
    let undone = store::compare_and_set(Scope::Service, key, Some(status.name().as_bytes()), before, Some(ttl));
    if let Err(error) = undone {
        log::error!("a report is lost: {error}");
    }
}

fn unavailable(reason: &str) -> HookResponse {
    log::error!("a status callback could not be passed on: {reason}");
    problem(503, "Try again later.")
}

fn problem(status: u16, detail: &str) -> HookResponse {
    let body = json!({ "status": status, "detail": detail });
    HookResponse::new(status).with_json(&body).with_header("content-type", "application/problem+json")
}

#[cfg(test)]
mod tests;
