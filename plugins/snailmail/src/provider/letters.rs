//! Letters: created, looked at, cancelled.

use iap_sdk::{http::Request, prelude::*};
use serde_json::json;

use super::{
    Deadline, Posting,
    answer::{self, State},
    authorized, request,
    upload::Slot,
};

const PATH: &str = "/organisations/{config:pingen-organisation}/deliveries/letters";

/// What a letter is called at the printer: nothing of its content.
const FILE_NAME: &str = "letter.pdf";

/// The request that makes a letter of an uploaded document, and has it posted.
pub(super) fn create(posting: &Posting, slot: &Slot, token: &str) -> Request {
    let manner = posting.manner;
    let body = json!({ "data": { "type": "letters", "attributes": {
        "file_original_name": FILE_NAME,
        "file_url": slot.url,
        "file_url_signature": slot.signature,
        "address_position": if manner.left { "left" } else { "right" },
        "auto_send": true,
        "delivery_product": posting.product,
        "print_mode": if manner.duplex { "duplex" } else { "simplex" },
        "print_spectrum": if manner.colour { "color" } else { "grayscale" },
    }}});
    request("POST", PATH, token)
        .json(&body)
        .header("content-type", "application/vnd.api+json")
        .header("idempotency-key", &posting.idempotency_key)
}

/// What has become of a letter; nothing if the printer does not say.
pub fn look(id: &str, deadline: Deadline) -> Option<State> {
    let path = format!("{PATH}/{id}");
    match authorized(|token| request("GET", &path, token), deadline, 5_000)? {
        Ok(response) => answer::state(&response),
        Err(error) => {
            log::warn!("the printer does not say what became of a letter: {error}");
            None
        }
    }
}

/// Cancels a letter that is not printed yet.
///
/// # Errors
///
/// [`Failure::Refused`] where it is too late; [`Failure::ProviderUnavailable`] where the printer does not answer.
pub fn cancel(id: &str, deadline: Deadline) -> Result<(), Failure> {
    let path = format!("{PATH}/{id}/cancel");
    let answer = authorized(|token| request("PATCH", &path, token), deadline, 5_000);
    match answer.ok_or_else(Failure::provider_unavailable)? {
        Ok(response) if response.is_success() => Ok(()),
        Ok(response) if matches!(response.status, 400 | 403 | 404 | 409 | 410 | 422) => {
            Err(Failure::refused("It is too late: the letter is being printed, or was posted."))
        }
        Ok(response) => {
            log::error!("a letter was not cancelled: Pingen answered {}", response.status);
            Err(Failure::provider_unavailable())
        }
        Err(error) => Err(error.into()),
    }
}
