//! `account_update_sender`: the name that recipients see.

use iap_sdk::{falsy, prelude::*};
use serde::Deserialize;

use super::{Output, may_send};
use crate::carrier::sender_key;

/// Input of `account_update_sender`.
#[derive(Debug, Deserialize)]
pub struct Input {
    /// 3 to 11 letters, digits, spaces and dashes, with a letter among them.
    #[serde(default, deserialize_with = "falsy::text")]
    sender_name: Option<String>,
}

/// Sets the name, once: recipients must be able to rely on it. Costs nothing.
pub fn update(call: &Call, input: Input) -> Result<Output, Failure> {
    if !call.context.is_active() || !may_send(&call.context)? {
        return Ok(Output::new("unregistered_account"));
    }
    let Some(name) = input.sender_name.as_deref().map(str::trim).filter(|name| is_name(name)) else {
        return Ok(Output::new("format_error"));
    };
    let key = sender_key(call.account_ref());
    let value = serde_json::to_vec(name).map_err(|error| Failure::internal(error.to_string()))?;
    if store::compare_and_set(Scope::Service, &key, None, Some(&value), None)? {
        return Ok(Output::new("success"));
    }
    let same = store::get(Scope::Service, &key)?.is_some_and(|existing| existing == value);
    Ok(Output::new(if same { "success" } else { "existing_sender" }))
}

fn is_name(name: &str) -> bool {
    (3..=11).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b' ' || b == b'-')
        && name.bytes().any(|b| b.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_what_networks_take() {
        for name in ["ACME", "My Shop", "A-1", "12a", "abcdefghijk"] {
            assert!(is_name(name), "{name}");
        }
        for name in ["", "AB", "abcdefghijkl", "123", "1-2 3", "Café", "A.B", "A_B", "A\tB", "ACME!"] {
            assert!(!is_name(name), "{name}");
        }
    }
}
