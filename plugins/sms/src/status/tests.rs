//! Delivery reports, from the carrier's callback to the database's webhook.

use base64::{Engine, prelude::BASE64_STANDARD};
use iap_sdk::{http::Response, keys::Algorithm, prelude::*, testing::Host};
use serde_json::{Value, json};

use crate::Sms;

const UUID: &str = "bceddec2e8b34c2b965277452e3eee0d";
const WEBHOOK: &str = "https://db.test/sms/status";

/// A host on which one message was sent, and the URL that the carrier was given for it.
fn sent() -> (Host, String) {
    let host = Host::new();
    host.credits("10").price_of("message part", "BE", "1").secret("twilio-auth-token", "12345");
    host.respond(|_| Ok(Response::new(201).with_json(&json!({"sid": "SM1", "status": "queued"}))));
    let messages = json!([{"content": "Hello", "numbers": [{"number": "+32475000001", "uuid": UUID}]}]);
    host.call::<Sms>("send_v3", json!({"messages": messages, "webhook_url": WEBHOOK})).unwrap();
    let mut request = HookRequest::new("POST", "status");
    request.body = host.requests()[0].body.clone();
    let url = request.form().into_iter().find(|(name, _)| name == "StatusCallback").unwrap().1;
    (host, url)
}

fn signed(host: &Host, url: &str, fields: &[(&str, &str)]) -> HookRequest {
    let mut fields = fields.to_vec();
    fields.sort();
    let text: String = std::iter::once(url).chain(fields.iter().flat_map(|(name, value)| [*name, *value])).collect();
    let mac = host.run(|| keys::hmac("twilio-auth-token", Algorithm::HmacSha1, text.as_bytes())).unwrap();
    let mut request = HookRequest::new("POST", "status")
        .with_form(&fields)
        .with_header("X-Twilio-Signature", &BASE64_STANDARD.encode(mac));
    request.url = url.into();
    request
}

fn report(host: &Host, url: &str, fields: &[(&str, &str)]) -> u16 {
    let request = signed(host, url, fields);
    host.request::<Sms>(request).status
}

fn told(host: &Host) -> Vec<String> {
    let status = |message: &iap_sdk::callback::Message| {
        let body: Value = serde_json::from_slice(&message.body).unwrap();
        body["params"]["message_statuses"][0]["sms_status"].as_str().unwrap().to_owned()
    };
    host.callbacks().iter().map(status).collect()
}

#[test]
fn the_database_is_told_in_its_own_words() {
    let (host, url) = sent();
    assert_eq!(report(&host, &url, &[("MessageSid", "SM1"), ("MessageStatus", "queued")]), 200);
    assert!(host.callbacks().is_empty(), "on its way is no news");
    assert_eq!(report(&host, &url, &[("MessageSid", "SM1"), ("MessageStatus", "sent")]), 200);
    assert_eq!(report(&host, &url, &[("MessageSid", "SM1"), ("MessageStatus", "delivered")]), 200);
    let callbacks = host.callbacks();
    assert_eq!(callbacks.len(), 2);
    let body: Value = serde_json::from_slice(&callbacks[0].body).unwrap();
    assert_eq!(
        body,
        json!({"jsonrpc": "2.0", "method": "call", "id": 1, "params": {
            "message_statuses": [{"sms_status": "sent", "uuids": [UUID]}],
        }})
    );
    for callback in &callbacks {
        assert_eq!((callback.url.as_str(), callback.account_ref.as_str()), (WEBHOOK, "account"));
        assert_eq!(callback.order, callbacks[0].order, "one after another");
        assert!(callback.order.is_some());
    }
    assert_eq!(told(&host), ["sent", "delivered"]);
}

#[test]
fn reports_that_come_late_or_twice_are_not_passed_on() {
    let (host, url) = sent();
    for status in ["delivered", "sent", "delivered", "undelivered", "failed"] {
        assert_eq!(report(&host, &url, &[("MessageStatus", status)]), 200, "{status}");
    }
    assert_eq!(told(&host), ["delivered"]);
}

#[test]
fn errors_say_why() {
    let (host, url) = sent();
    assert_eq!(report(&host, &url, &[("MessageStatus", "failed"), ("ErrorCode", "30005")]), 200);
    assert_eq!(told(&host), ["invalid_destination"]);
}

#[test]
fn a_wrong_signature_does_nothing() {
    let (host, url) = sent();
    let mut forged = signed(&host, &url, &[("MessageStatus", "delivered")]);
    forged.body = b"MessageStatus=failed".to_vec();
    assert_eq!(host.request::<Sms>(forged).status, 403);
    let mut unsigned = HookRequest::new("POST", "status").with_form(&[("MessageStatus", "delivered")]);
    unsigned.url = url.clone();
    assert_eq!(host.request::<Sms>(unsigned).status, 403);
    assert!(host.callbacks().is_empty());
    assert_eq!(report(&host, &url, &[("MessageStatus", "delivered")]), 200, "nothing was recorded");
}

#[test]
fn an_unknown_batch_is_not_found() {
    let (host, url) = sent();
    let (base, _) = url.split_once('?').unwrap();
    for query in [format!("?b={UUID}&u={UUID}"), format!("?u={UUID}"), "?b=../sender&u=x".into(), String::new()] {
        let unknown = format!("{base}{query}");
        assert_eq!(report(&host, &unknown, &[("MessageStatus", "delivered")]), 404, "{query}");
    }
    host.advance(7 * 24 * 3600 + 1);
    assert_eq!(report(&host, &url, &[("MessageStatus", "delivered")]), 404, "too old");
    assert!(host.callbacks().is_empty());
}
