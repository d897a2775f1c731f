//! Webhooks: signed, sent until answered 2xx.

use std::{sync::Arc, time::Duration};

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::{sync::oneshot, time::Instant};
use url::Url;

use super::{Card, Shared, events::is_success, session::now};
use crate::sync::lock;

/// The wait before the second attempt; each further wait doubles, up to the longest.
const FIRST_WAIT: Duration = Duration::from_millis(200);
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// How one attempt ended, for those who asked for it.
#[derive(Debug)]
pub(super) enum Attempt {
    /// An HTTP status came back.
    Answered(u16),
    /// The receiver could not be reached, or did not answer in time.
    NoAnswer(String),
    /// There is nowhere to send to.
    NoAddress,
}

/// Starts delivery of an event, in the background, as the faults in force say. The receiver
/// resolves once the webhook has answered 2xx, and fails if that will not be.
pub(super) fn start(card: &Shared, event: &str) -> oneshot::Receiver<()> {
    let (done, delivered) = oneshot::channel();
    let faults = lock(&card.faults).clone();
    if faults.no_delivery {
        return delivered;
    }
    let (card, event) = (Arc::clone(card), event.to_owned());
    tokio::spawn(async move {
        let closing = card.closing.clone();
        let work = async {
            tokio::time::sleep(Duration::from_millis(faults.webhook_delay_ms)).await;
            let first = async {
                if deliver(&card, &event).await {
                    // Nobody may be waiting any more, which changes nothing.
                    let _ = done.send(());
                }
            };
            if faults.duplicate {
                tokio::join!(first, deliver(&card, &event));
            } else {
                first.await;
            }
        };
        closing.or(work).await;
    });
    delivered
}

/// Tries until the webhook answers 2xx; false when time is up or there is no address.
async fn deliver(card: &Card, event: &str) -> bool {
    let end = Instant::now() + card.options.retry_for;
    let mut wait = FIRST_WAIT;
    loop {
        match attempt(card, event).await {
            Attempt::Answered(status) if is_success(status) => return true,
            Attempt::NoAddress => return false,
            Attempt::Answered(_) | Attempt::NoAnswer(_) => {}
        }
        if Instant::now() + wait > end {
            tracing::warn!(event.id = %event, "Gave up on event {event}: the webhook never answered 2xx");
            return false;
        }
        tokio::time::sleep(wait).await;
        wait = (wait * 2).min(LONGEST_WAIT);
    }
}

/// Posts an event once.
pub(super) async fn attempt(card: &Card, event: &str) -> Attempt {
    let address: Option<Url> = lock(&card.webhook_url).clone();
    let (Some(address), Some(known)) = (address, card.events.get(event)) else { return Attempt::NoAddress };
    let request = card
        .client
        .post(address)
        .header("content-type", "application/json; charset=utf-8")
        .header("stripe-signature", signature(&card.options.webhook_secret, now(), &known.body))
        .body(known.body);
    let result = match request.send().await {
        Ok(answer) => Attempt::Answered(answer.status().as_u16()),
        Err(error) => Attempt::NoAnswer(error.without_url().to_string()),
    };
    let status = if let Attempt::Answered(status) = result { Some(status) } else { None };
    card.events.note(event, status);
    tracing::info!(event.id = %event, kind = known.kind, ?result, "Sent event {event} to the webhook");
    result
}

/// `Stripe-Signature`: the time in Unix seconds, and hex of HMAC-SHA256 over `{time}.{body}`.
fn signature(secret: &str, at: i64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(format!("{at}.{body}").as_bytes());
    format!("t={at},v1={}", hex::encode(mac.finalize().into_bytes()))
}
