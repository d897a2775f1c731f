//! Registration of accounts: a confirmed telephone number, and a name to send as.

pub mod create;
pub mod sender_name;
mod throttle;
pub mod verify;

use iap_sdk::prelude::*;
use serde::{Deserialize, Serialize};

/// The answer of all three operations.
#[derive(Debug, Serialize)]
pub struct Output {
    /// One of the states that databases know.
    state: &'static str,
}

impl Output {
    fn new(state: &'static str) -> Self {
        Self { state }
    }
}

/// A code on its way to a telephone.
#[derive(Debug, Serialize, Deserialize)]
struct Pending {
    /// Six digits.
    code: String,
    /// E.164.
    number: String,
    /// Wrong codes so far.
    attempts: u32,
    /// Unix milliseconds.
    expires_at: u64,
}

/// The number that an account has confirmed.
#[derive(Debug, Serialize, Deserialize)]
struct Registered {
    /// E.164.
    number: String,
}

fn pending_key(account_ref: &str) -> String {
    format!("pending/{account_ref}")
}

fn registered_key(account_ref: &str) -> String {
    format!("registered/{account_ref}")
}

fn is_registered(account_ref: &str) -> Result<bool, store::Error> {
    Ok(store::get(Scope::Service, &registered_key(account_ref))?.is_some())
}

/// Whether an account may send as far as registration goes.
///
/// # Errors
///
/// Of the store.
pub fn may_send(context: &Context) -> Result<bool, store::Error> {
    match config::get("registration").as_deref() {
        Some("required") => is_registered(&context.account_ref),
        _ => Ok(true),
    }
}

#[cfg(test)]
mod tests;
