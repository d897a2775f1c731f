//! The access token of the API. The host adds client ID and secret to the request for one; the token itself,
//! which is good for hours, is kept in the plugin's store.

use iap_sdk::{http::Request, prelude::*};
use serde::{Deserialize, Serialize};

use super::Deadline;

const KEY: &str = "token";

/// A token is not used in the last minutes of its life.
const MARGIN_SECONDS: u64 = 300;

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: u64,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    token: String,
    /// Unix milliseconds.
    until: u64,
}

/// A token that is good for a while.
pub(super) fn get(deadline: Deadline) -> Option<String> {
    match store::get_json::<Kept>(Scope::Service, KEY) {
        Ok(Some(kept)) if clock::now_ms() < kept.until => Some(kept.token),
        Ok(_) => anew(deadline),
        Err(error) => {
            log::warn!("the access token cannot be read: {error}");
            anew(deadline)
        }
    }
}

/// Another token, since the one at hand was refused or is too old.
pub(super) fn anew(deadline: Deadline) -> Option<String> {
    let form = [("grant_type", "client_credentials"), ("scope", "letter")];
    let request = Request::post("identity", "/auth/access-tokens").form(&form).timeout_ms(deadline.left(4_000)?);
    let response = request.send().inspect_err(|error| log::error!("no access token: {error}")).ok()?;
    if !response.is_success() {
        log::error!(
            "no access token: Pingen answered {}; check the config `pingen-client-id` and the secret `pingen-client-secret`",
            response.status
        );
        return None;
    }
    let granted: Granted = response.json().inspect_err(|error| log::error!("no access token: {error}")).ok()?;
    let seconds = granted.expires_in.saturating_sub(MARGIN_SECONDS);
    let kept =
        Kept { until: clock::now_ms().saturating_add(seconds.saturating_mul(1_000)), token: granted.access_token };
    let ttl = u32::try_from(seconds).unwrap_or(u32::MAX).max(1);
    if let Err(error) = store::set_json(Scope::Service, KEY, &kept, Some(ttl)) {
        log::warn!("the access token is not kept: {error}");
    }
    Some(kept.token)
}
