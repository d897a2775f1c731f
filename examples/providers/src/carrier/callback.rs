//! Status callbacks: how a message went on, posted and signed.

use std::{sync::Arc, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use sha1::Sha1;
use url::{Url, form_urlencoded};

use super::{
    Carrier, Shared,
    message::{FILTERED, Message, Status, UNREACHABLE},
    numbers::Outcome,
};

/// Tries per callback, and the wait before the second; each further wait doubles.
const ATTEMPTS: u32 = 4;
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// Lets the message go through its statuses in the background.
pub(super) fn schedule(carrier: &Shared, message: Message) {
    let carrier = Arc::clone(carrier);
    let steps = steps(&carrier, message.outcome);
    tokio::spawn(async move {
        let closing = carrier.closing.clone();
        closing.or(report(&carrier, &message, steps)).await;
    });
}

/// When a message reaches which status, counted from its acceptance.
fn steps(carrier: &Carrier, outcome: Outcome) -> Vec<(Duration, Status)> {
    let sent = (carrier.options.sent_after, Status::Sent);
    let end = carrier.options.delivered_after;
    match outcome {
        Outcome::Delivered | Outcome::BadSignature => vec![sent, (end, Status::Delivered)],
        Outcome::Undelivered => vec![sent, (end, Status::Undelivered(UNREACHABLE))],
        Outcome::Failed => vec![(end, Status::Failed(FILTERED))],
        Outcome::Silent => Vec::new(),
    }
}

/// One after the other, so that statuses are reported in order even when the first needs retries.
async fn report(carrier: &Carrier, message: &Message, steps: Vec<(Duration, Status)>) {
    let accepted = tokio::time::Instant::now();
    for (after, status) in steps {
        tokio::time::sleep_until(accepted + after).await;
        carrier.inbox.set_status(&message.sid, status);
        if let Some(url) = &message.callback {
            post(carrier, message, url, status).await;
        }
    }
}

async fn post(carrier: &Carrier, message: &Message, url: &Url, status: Status) {
    let params = params(&carrier.options.account_sid, message, status);
    let key = match message.outcome {
        Outcome::BadSignature => "not the auth token",
        Outcome::Delivered | Outcome::Failed | Outcome::Undelivered | Outcome::Silent => &carrier.options.auth_token,
    };
    let signature = sign(key, url, &params);
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(&params).finish();
    let Ok(_permit) = carrier.callbacks.acquire().await else { return };
    let mut wait = FIRST_WAIT;
    for attempt in 1..=ATTEMPTS {
        let request = carrier
            .client
            .post(url.clone())
            .header("content-type", "application/x-www-form-urlencoded; charset=UTF-8")
            .header("x-twilio-signature", &signature)
            .body(body.clone());
        match request.send().await {
            Ok(answer) => {
                let (sid, status, http) = (&message.sid, status.name(), answer.status().as_u16());
                tracing::info!(message.sid = %sid, status, http, "Reported message {sid} as {status}: answer {http}");
                return;
            }
            Err(error) => {
                // The error without its URL: callback addresses may carry the receiver's secrets.
                let error = error.without_url();
                tracing::warn!(message.sid = %message.sid, attempt, %error, "No answer to a status callback");
            }
        }
        if attempt < ATTEMPTS {
            tokio::time::sleep(wait).await;
            wait *= 2;
        }
    }
}

/// The form Twilio posts.
fn params(account: &str, message: &Message, status: Status) -> Vec<(&'static str, String)> {
    let mut params = vec![
        ("AccountSid", account.to_owned()),
        ("ApiVersion", "2010-04-01".to_owned()),
        ("MessageSid", message.sid.clone()),
        ("MessageStatus", status.name().to_owned()),
        ("SmsSid", message.sid.clone()),
        ("SmsStatus", status.name().to_owned()),
        ("To", message.to.clone()),
    ];
    if let Some(from) = message.from() {
        params.push(("From", from.to_owned()));
    }
    if let Some(service) = message.service() {
        params.push(("MessagingServiceSid", service.to_owned()));
    }
    if let Some(error) = status.error() {
        params.push(("ErrorCode", error.code.to_string()));
    }
    if matches!(status, Status::Delivered | Status::Undelivered(_)) {
        params.push(("RawDlrDoneDate", Timestamp::now().strftime("%y%m%d%H%M").to_string()));
    }
    params
}

/// `X-Twilio-Signature`: base64 of HMAC-SHA1 over the URL followed by every name and value, sorted by name.
fn sign(key: &str, url: &Url, params: &[(&'static str, String)]) -> String {
    let mut sorted: Vec<_> = params.iter().collect();
    sorted.sort();
    let mut mac = Hmac::<Sha1>::new_from_slice(key.as_bytes()).expect("HMAC takes a key of any length");
    mac.update(url.as_str().as_bytes());
    for (name, value) in sorted {
        mac.update(name.as_bytes());
        mac.update(value.as_bytes());
    }
    BASE64_STANDARD.encode(mac.finalize().into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The worked example of Twilio's security documentation.
    #[test]
    fn the_signature_is_twilios() {
        let url = Url::parse("https://mycompany.com/myapp.php?foo=1&bar=2").unwrap();
        let params = [
            ("CallSid", "CA1234567890ABCDE"),
            ("Caller", "+14158675310"),
            ("Digits", "1234"),
            ("From", "+14158675310"),
            ("To", "+18005551212"),
        ]
        .map(|(name, value)| (name, value.to_owned()));
        assert_eq!(sign("12345", &url, &params), "GvWf1cFY/Q7PnoempGyD5oXAezc=");
    }
}
