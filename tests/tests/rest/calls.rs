//! Quotes and calls of an account.

use iap_tests::TestHost;
use iap_tests::odoo::hex32;
use serde_json::{Value, json};

use crate::support::{balance, field, give, open, problem, send_once, text, with_echo};

/// A text that takes two parts, to one Belgian number: 2 credits.
fn two_parts(uuid: &str) -> Value {
    json!({ "messages": [{ "content": "a".repeat(161), "numbers": [{ "number": "+32475000001", "uuid": uuid }] }] })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quote_tells_the_price_and_a_call_takes_it_once() {
    let host = TestHost::start();
    let operator = host.operator();
    operator.declare("db-a", "on_premise").await;
    let (id, _) = open(&host, "sms", "db-a").await;
    let (quotes, calls) = (format!("/v1/accounts/{id}/quotes/send_v3"), format!("/v1/accounts/{id}/calls/send_v3"));
    let uuid = hex32();
    let line = json!({
        "item": "message part", "key": "BE", "units": 2, "unit_price": "1", "credits": "2", "note": "number ending in 001, GSM-7",
    });
    let quote = operator.ok("POST", &quotes, Some(&json!({ "input": two_parts(&uuid) }))).await;
    assert_eq!(quote, json!({ "lines": [line], "credits": "2" }), "a quote needs no credits");

    give(&host, &id, "10").await;
    let request = json!({ "input": two_parts(&uuid), "max_credits": "2" });
    let first = send_once(&host, "order-7", "POST", &calls, &request).await;
    assert_eq!(first.status, 200, "{}", first.text);
    let mut answer = first.json();
    assert!(text(&answer["call_id"]).starts_with("call_"), "{answer}");
    let receipt = format!("{}/v1/calls/{}/receipt", host.url(), text(&answer["call_id"]));
    assert_eq!(answer["receipt_url"], json!(receipt));
    let path = receipt.strip_prefix(host.url()).expect("it is this host's");
    assert_eq!(operator.ok("GET", path, None).await["credits"], "2");
    (answer["call_id"], answer["receipt_url"]) = (Value::Null, Value::Null);
    let expected = json!({
        "call_id": null, "output": [{ "uuid": uuid, "state": "success", "credit": 2 }], "lines": [line], "credits": "2", "balance": "8",
        "receipt_url": null,
    });
    assert_eq!(answer, expected);
    let repeat = send_once(&host, "order-7", "POST", &calls, &request).await;
    assert_eq!((repeat.status, repeat.json()), (200, first.json()));

    let mut other = request.clone();
    other["input"] = two_parts(&hex32());
    let reused = |member: &str| {
        (
            409,
            "idempotency-key-reused".to_owned(),
            format!("the idempotency key was used before with another {member}; use a new key for a new request"),
        )
    };
    for (path, body, member) in [
        (&calls, other, "input.messages"),
        (&calls, json!({ "input": two_parts(&uuid) }), "max_credits"),
        (&calls, json!({ "input": two_parts(&uuid), "max_credits": "2", "company": "1" }), "company"),
        (&format!("/v1/accounts/{id}/calls/send_v2"), request.clone(), "operation"),
    ] {
        let reply = send_once(&host, "order-7", "POST", path, &body).await;
        assert_eq!((problem(&reply), field(&reply)), (reused(member), member.to_owned()));
    }

    // Many at once with one key: one message, one charge, one answer.
    let burst = json!({ "input": two_parts(&hex32()) });
    let all = tokio::join!(
        send_once(&host, "order-8", "POST", &calls, &burst),
        send_once(&host, "order-8", "POST", &calls, &burst),
        send_once(&host, "order-8", "POST", &calls, &burst),
    );
    assert_eq!((all.0.status, all.0.json(), all.0.json()), (200, all.1.json(), all.2.json()));
    assert_eq!(balance(&host, &id).await, "6");
    assert_eq!(host.carrier_received().await["total"], 2);
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_the_caller_pays_is_not_done() {
    let host = with_echo();
    let operator = host.operator();
    operator.declare("db-a", "on_premise").await;
    let (sms, _) = open(&host, "sms", "db-a").await;
    let (echo, _) = open(&host, "echo", "db-a").await;
    give(&host, &sms, "10").await;
    let uuid = hex32();
    let body = json!({ "input": two_parts(&uuid), "max_credits": "1.999999" });
    let told = "the lines cost 2 credits, more than the 1.999999 that the caller set as max_credits; raise max_credits or ask for less";
    let quote = operator.send("POST", &format!("/v1/accounts/{sms}/quotes/send_v3"), Some(&body)).await;
    assert_eq!((problem(&quote), field(&quote)), ((422, "invalid".to_owned(), told.to_owned()), "input".to_owned()));
    // The SMS service answers for each message, as Odoo wants it.
    let call = operator.ok("POST", &format!("/v1/accounts/{sms}/calls/send_v3"), Some(&body)).await;
    assert_eq!((&call["lines"], &call["credits"], &call["balance"]), (&json!([]), &json!("0"), &json!("10")), "{call}");
    assert_ne!(call["output"][0]["state"], "success", "{call}");
    assert!(call.get("receipt_url").is_none(), "nothing was charged: {call}");
    assert_eq!(host.carrier_received().await["total"], 0);
    let say = format!("/v1/accounts/{echo}/calls/say");
    let poor = operator.send("POST", &say, Some(&json!({ "input": { "text": "hi" } }))).await;
    assert_eq!(
        poor.json(),
        json!({
            "type": "urn:iap:problem:insufficient-credit", "title": "The account lacks credits", "status": 402,
            "detail": "1 credits are needed and 0 are available; buy a pack", "code": "insufficient-credit", "needed": "1", "available": "0",
            "buy_url": format!("{}/iap/1/credit", host.url()),
        })
    );
    give(&host, &echo, "1.5").await;
    let refused = operator.send("POST", &say, Some(&json!({ "input": { "text": "hi" }, "max_credits": "0.5" }))).await;
    let told = "the lines cost 1 credits, more than the 0.5 that the caller set as max_credits; raise max_credits or ask for less";
    assert_eq!(problem(&refused), (422, "over-max-credits".to_owned(), told.to_owned()));
    let said = operator.ok("POST", &say, Some(&json!({ "input": { "text": "héllo" }, "max_credits": "1" }))).await;
    assert_eq!((&said["output"], &said["balance"]), (&json!({ "text": "héllo", "length": 5 }), &json!("0.5")));
    for (operation, body, expected, at) in [
        ("shout", json!({ "input": {} }), (404, "unknown-operation", "service echo has no operation \"shout\""), ""),
        (
            "say",
            json!({ "input": { "text": "x" }, "max_credits": "-1" }),
            (422, "invalid", "\"max_credits\": must not be below zero"),
            "max_credits",
        ),
        ("say", json!({ "input": { "text": 5 } }), (422, "invalid", ""), "input.text"),
        ("say", json!({}), (400, "bad-request", "\"input\" is missing; send it"), "input"),
    ] {
        let reply = operator.send("POST", &format!("/v1/accounts/{echo}/calls/{operation}"), Some(&body)).await;
        let (status, code, detail) = problem(&reply);
        assert_eq!((status, code.as_str(), field(&reply).as_str()), (expected.0, expected.1, at), "{detail}");
        assert!(expected.2.is_empty() || detail == expected.2, "{detail}");
    }
    assert_eq!((balance(&host, &sms).await, balance(&host, &echo).await), ("10".to_owned(), "0.5".to_owned()));
    host.verify();
}
