//! How a letter goes on, and the webhooks that tell of it.

use std::{sync::Arc, time::Duration};

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{
    Printer, Shared,
    create::uuid,
    faults::Fate,
    letter::{Letter, Status},
};
use crate::sync::lock;

/// Tries per webhook, and the wait before the second; each further wait doubles.
const ATTEMPTS: u32 = 4;
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// Lets a letter be printed and posted in the background.
pub(super) fn schedule(printer: &Shared, id: String) {
    let printer = Arc::clone(printer);
    tokio::spawn(async move {
        let closing = printer.closing.clone();
        closing.or(go(&printer, &id)).await;
    });
}

async fn go(printer: &Printer, id: &str) {
    for step in [Status::Accepted, Status::Printing, Status::Sent] {
        tokio::time::sleep(printer.options.step).await;
        if !advance(printer, id, step, false).await {
            return;
        }
    }
}

/// Moves a letter one step on, unless it is held, was cancelled, or has another fate. Whether it goes on from there.
pub(super) async fn advance(printer: &Printer, id: &str, step: Status, by_hand: bool) -> bool {
    let Some(before) = printer.outbox.get(id) else { return false };
    if before.status == Status::Cancelled || (before.is_held && !by_hand && step != Status::Accepted) {
        return false;
    }
    if before.is_draft {
        printer.outbox.change(id, |letter| letter.status = Status::Valid);
        return false;
    }
    let (status, event) = match (step, before.fate) {
        (Status::Sent, None) => (Status::Sent, Some(("sent", ""))),
        (Status::Accepted | Status::Sent, Some(Fate::Issues)) => {
            (Status::ActionRequired, Some(("issues", "Content failed inspection")))
        }
        (Status::Sent, Some(Fate::Undeliverable)) => (
            Status::Undeliverable,
            Some(("undeliverable", "Recipient could not be determined at the specified address.")),
        ),
        (Status::Printing | Status::Sent, Some(Fate::Silent)) => return false,
        (step, _) => (step, None),
    };
    let Some(letter) = printer.outbox.change(id, |letter| letter.status = status) else { return false };
    if let Some((kind, reason)) = event {
        tell(printer, &letter, kind, reason).await;
    }
    matches!(status, Status::Accepted | Status::Printing)
}

/// Posts the webhook of an event, as the faults say.
async fn tell(printer: &Printer, letter: &Letter, kind: &str, reason: &str) {
    let faults = printer.faults.get();
    let Some(url) = lock(&printer.webhook).clone().filter(|_| !faults.no_webhook) else { return };
    tokio::time::sleep(Duration::from_millis(faults.webhook_delay_ms)).await;
    let body = event(&printer.options.organisation, letter, kind, reason, &url).to_string();
    let key = if faults.webhook_forged { "not the secret" } else { &printer.options.webhook_secret };
    let signature = sign(key, body.as_bytes());
    for _ in 0..if faults.webhook_twice { 2 } else { 1 } {
        deliver(printer, &url, &body, &signature).await;
    }
}

async fn deliver(printer: &Printer, url: &str, body: &str, signature: &str) {
    let mut wait = FIRST_WAIT;
    for attempt in 1..=ATTEMPTS {
        let request = printer
            .client
            .post(url)
            .header("content-type", "application/vnd.api+json")
            .header("signature", signature)
            .body(body.to_owned());
        match request.send().await {
            Ok(answer) => {
                let status = answer.status().as_u16();
                lock(&printer.answers).push(status);
                if !(500..600).contains(&status) {
                    return;
                }
            }
            Err(error) => tracing::warn!(attempt, error = %error.without_url(), "No answer to a webhook"),
        }
        tokio::time::sleep(wait).await;
        wait *= 2;
    }
}

/// An event as the printer's documentation shows them.
fn event(organisation: &str, letter: &Letter, kind: &str, reason: &str, url: &str) -> Value {
    let mut attributes = json!({ "url": url, "created_at": jiff::Timestamp::now().to_string() });
    if !reason.is_empty() {
        attributes["reason"] = json!(reason);
    }
    json!({
        "data": {
            "id": uuid(),
            "type": format!("webhook_{kind}"),
            "attributes": attributes,
            "relationships": {
                "organisation": { "data": { "id": organisation, "type": "organisations" } },
                "letter": { "data": { "id": letter.id, "type": "letters" } },
                "event": { "data": { "id": uuid(), "type": "letters_events" } },
            },
        },
        "included": [{}],
    })
}

/// `Signature`: the hexadecimal HMAC-SHA256 of the body.
pub(super) fn sign(key: &str, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(body);
    hex::encode(mac.finalize().into_bytes())
}
