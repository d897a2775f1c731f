use iap_sdk::{prelude::*, testing::Host};
use serde_json::{Value, json};

use crate::{Snailmail, provider::samples, records};

/// An event as the printer's documentation shows them.
fn event(kind: &str, letter: &str, name: &str, reason: Option<&str>) -> Value {
    let mut attributes = json!({ "url": "https://your.webhook/url", "created_at": "2020-11-19T09:42:48+0100" });
    if let Some(reason) = reason {
        attributes["reason"] = json!(reason);
    }
    let related =
        |id: &str, kind: &str| json!({ "links": { "related": "string" }, "data": { "id": id, "type": kind } });
    json!({
        "data": {
            "id": "ff222222-1111-2222-3333-444444444444", "type": kind, "attributes": attributes,
            "relationships": {
                "organisation": related("bbbbbbbb-1111-2222-3333-444444444444", "organisations"),
                "letter": related(letter, "letters"),
                "event": related(name, "letters_events"),
            },
            "links": { "self": "string" },
        },
        "included": [{}],
    })
}

fn signed(host: &Host, body: &Value) -> HookRequest {
    let request = HookRequest::new("POST", "status").with_json(body);
    let code = host.run(|| keys::hmac("pingen-webhook-secret", keys::Algorithm::HmacSha256, &request.body)).unwrap();
    request.with_header("Signature", &hex::encode(code))
}

fn tell(host: &Host, body: &Value) -> u16 {
    let request = signed(host, body);
    host.request::<Snailmail>(request).status
}

fn known(host: &Host, letter: &str) -> Option<records::News> {
    host.run(|| records::news(letter)).unwrap()
}

#[test]
fn events_are_noted() {
    for (kind, expected) in [
        ("webhook_sent", (true, false, false)),
        ("sent", (true, false, false)),
        ("webhook_delivered", (true, false, false)),
        ("webhook_issues", (false, false, true)),
        ("webhook_undeliverable", (false, true, false)),
    ] {
        let host = samples::host("1");
        assert_eq!(tell(&host, &event(kind, "letter-1", "e1", Some("why"))), 200, "{kind}");
        let news = known(&host, "letter-1").unwrap();
        assert_eq!((news.sent, news.undeliverable, news.failed), expected, "{kind}");
        assert_eq!(news.reason, "why");
    }
}

#[test]
fn nothing_that_is_not_signed_is_believed() {
    let host = samples::host("1");
    let body = event("webhook_sent", "letter-1", "e1", None);
    let unsigned = HookRequest::new("POST", "status").with_json(&body);
    let mut changed = signed(&host, &body);
    changed.body = serde_json::to_vec(&event("webhook_issues", "letter-1", "e1", None)).unwrap();
    for request in [
        unsigned.clone(),
        unsigned.clone().with_header("signature", "00"),
        unsigned.with_header("signature", "é!"),
        changed,
    ] {
        assert_eq!(host.request::<Snailmail>(request).status, 403);
    }
    assert_eq!(known(&host, "letter-1"), None);
}

#[test]
fn an_event_counts_once() {
    let host = samples::host("1");
    assert_eq!(tell(&host, &event("webhook_issues", "letter-1", "e1", None)), 200);
    host.run(|| records::add_news("letter-1", |news| *news = records::News::default())).unwrap();
    assert_eq!(tell(&host, &event("webhook_issues", "letter-1", "e1", None)), 200);
    assert_eq!(known(&host, "letter-1"), Some(records::News::default()), "a replay changes nothing");
    assert_eq!(tell(&host, &event("webhook_issues", "letter-1", "e2", None)), 200);
    assert!(known(&host, "letter-1").unwrap().failed);
}

#[test]
fn what_was_posted_stays_posted() {
    let host = samples::host("1");
    assert_eq!(tell(&host, &event("webhook_sent", "letter-1", "e1", None)), 200);
    assert_eq!(tell(&host, &event("webhook_issues", "letter-1", "e2", None)), 200);
    let news = known(&host, "letter-1").unwrap();
    assert!(news.sent && !news.failed);
}

#[test]
fn other_things_are_answered_and_ignored() {
    let host = samples::host("1");
    assert_eq!(tell(&host, &event("webhook_channel_subscriptions", "letter-1", "e1", None)), 200);
    assert_eq!(tell(&host, &event("webhook_sent", "../letter", "e1", None)), 200);
    assert_eq!(tell(&host, &json!({ "hello": 1 })), 400);
    assert_eq!(known(&host, "letter-1"), None);
    let mut newer = event("webhook_sent", "x", "e1", None);
    newer["data"]["relationships"] = json!({ "deliverable": { "data": { "id": "letter-2", "type": "letters" } } });
    assert_eq!(tell(&host, &newer), 200);
    assert!(known(&host, "letter-2").unwrap().sent);
}
