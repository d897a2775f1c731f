//! `account_verify`: compare the code that was typed.

use iap_sdk::{falsy, prelude::*};
use serde::Deserialize;

use super::{Output, Pending, Registered, pending_key, registered_key};

/// Guesses at one code.
const MOST_ATTEMPTS: u32 = 5;

/// Input of `account_verify`.
#[derive(Debug, Deserialize)]
pub struct Input {
    /// As typed.
    #[serde(default, deserialize_with = "falsy::text")]
    code: Option<String>,
}

/// Registers the account if the code is the one that was sent last. Costs nothing.
pub fn verify(call: &Call, input: Input) -> Result<Output, Failure> {
    if !call.context.is_active() {
        return Ok(Output::new("banned_account"));
    }
    let key = pending_key(call.account_ref());
    let Some(stored) = store::get(Scope::Service, &key)? else {
        return Ok(Output::new("no_sms_account"));
    };
    let mut pending: Pending =
        serde_json::from_slice(&stored).map_err(|error| Failure::internal(format!("{key}: {error}")))?;
    let left_ms = pending.expires_at.saturating_sub(clock::now_ms());
    if left_ms == 0 {
        return Ok(Output::new("no_sms_account"));
    }
    if pending.attempts >= MOST_ATTEMPTS {
        return Ok(Output::new("too_many_attempts"));
    }
    // Counted before it is compared, so that guesses made at the same time are counted too.
    pending.attempts += 1;
    let counted = serde_json::to_vec(&pending).map_err(|error| Failure::internal(error.to_string()))?;
    let ttl = u32::try_from(left_ms.div_ceil(1000)).unwrap_or(u32::MAX);
    if !store::compare_and_set(Scope::Service, &key, Some(&stored), Some(&counted), Some(ttl))? {
        return Ok(Output::new("too_many_attempts"));
    }
    if input.code.as_deref().map(str::trim) != Some(pending.code.as_str()) {
        return Ok(Output::new("invalid_code"));
    }
    let registered = Registered { number: pending.number };
    store::set_json(Scope::Service, &registered_key(call.account_ref()), &registered, None)?;
    store::delete(Scope::Service, &key)?;
    Ok(Output::new("success"))
}
