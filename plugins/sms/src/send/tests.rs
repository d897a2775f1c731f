//! Sending, from a database's request to the ledger, against a scripted carrier.

mod mailing;

use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
};

use iap_sdk::{
    http::{Error, Request, Response},
    prelude::*,
    testing::Host,
};
use serde_json::{Value, json};

use super::{State, Verdict};
use crate::Sms;

const PATH: &str = "/2010-04-01/Accounts/{config:twilio-account-sid}/Messages.json";
const WEBHOOK: &str = "https://db.test/sms/status";
const HOOK: &str = "https://iap.test/hooks/service/status";

fn uuid(n: usize) -> String {
    format!("{n:032x}")
}

/// A host with prices and 100 credits; nobody answers for the carrier yet.
fn host() -> Host {
    let host = Host::new();
    host.credits("100").config("sender", "+32460000000");
    for (country, credits) in [("BE", "1"), ("FR", "0.9"), ("US", "0.2")] {
        host.price_of("message part", country, credits);
    }
    host
}

fn accepted() -> Response {
    Response::new(201).with_json(&json!({"sid": "SM1", "status": "queued", "price": null, "price_unit": "USD"}))
}

fn refused(code: u32) -> Response {
    Response::new(400).with_json(&json!({"code": code, "message": "…", "status": 400}))
}

fn timeout() -> Error {
    Error { sent: true, ..Error::new("timeout", "no answer in time") }
}

/// Names and values of a form, in the way of the carrier.
fn form(request: &Request) -> BTreeMap<String, String> {
    let mut hook = HookRequest::new("POST", "status");
    hook.body = request.body.clone();
    hook.form().into_iter().collect()
}

/// A carrier that accepts all numbers except those ending in 99 (no such number), 98 (no answer) and 97 (garbage).
fn carrier(request: &Request) -> Result<Response, Error> {
    match form(request)["To"].get(10..) {
        Some("99") => Ok(refused(21211)),
        Some("98") => Err(timeout()),
        Some("97") => Ok(Response::new(201).with_body("<html>")),
        _ => Ok(accepted()),
    }
}

fn one(number: Value, content: Value, uuid: &str) -> Value {
    json!({"content": content, "numbers": [{"number": number, "uuid": uuid}]})
}

fn v3(messages: Value) -> Value {
    json!({"messages": messages, "webhook_url": WEBHOOK, "dbuuid": false, "account_token": "t"})
}

/// `count` messages to numbers that end in 0, so that all are accepted.
fn mailing(count: usize) -> Value {
    let numbers: Vec<Value> =
        (0..count).map(|n| json!({"number": format!("+32475{:05}0", n), "uuid": uuid(n)})).collect();
    v3(json!([{"content": "Sale", "numbers": numbers}]))
}

fn states(answer: &Value) -> Vec<&str> {
    answer.as_array().unwrap().iter().map(|item| item["state"].as_str().unwrap()).collect()
}

fn statuses(message: &iap_sdk::callback::Message) -> Value {
    let body: Value = serde_json::from_slice(&message.body).unwrap();
    body["params"]["message_statuses"].clone()
}

#[test]
fn messages_go_out_and_each_uuid_gets_its_answer() {
    let host = host();
    host.respond(carrier);
    let answer = host
        .call::<Sms>(
            "send_v3",
            v3(json!([
                {"content": "Hello", "numbers": [
                    {"number": "+32475000001", "uuid": uuid(1)},
                    {"number": "+32475000099", "uuid": uuid(2)},
                ]},
                one(json!("0033 6 12 34 56 78"), json!("é".repeat(161)), &uuid(3)),
                one(json!("0475000001"), json!("Hello"), &uuid(4)),
                one(json!(false), json!("Hello"), &uuid(5)),
                one(json!("+870773123456"), json!("Hello"), &uuid(6)),
                one(json!("+32475000001"), json!(false), &uuid(7)),
            ])),
        )
        .unwrap();
    let items = answer.as_array().unwrap();
    assert_eq!(items[0], json!({"uuid": uuid(1), "state": "success", "credit": 1}));
    assert_eq!(items[2], json!({"uuid": uuid(3), "state": "success", "credit": 1.8}));
    assert_eq!(
        states(&answer),
        [
            "success",
            "wrong_number_format",
            "success",
            "wrong_number_format",
            "sms_number_missing",
            "country_not_supported",
            "incompatible_content",
        ]
    );
    for item in items.iter().filter(|item| item["state"] != "success") {
        assert_eq!(item["credit"], 0);
        assert!(item["failure_reason"].as_str().unwrap().ends_with('.'), "{item}");
    }

    let requests = host.requests();
    assert_eq!(requests.len(), 3, "what is refused here never reaches the carrier");
    assert_eq!((requests[0].method.as_str(), requests[0].path.as_str()), ("POST", PATH));
    assert!(requests[0].timeout_ms.unwrap() <= 12_000);
    let sent = form(&requests[0]);
    assert_eq!(sent["To"], "+32475000001");
    assert_eq!(sent["From"], "+32460000000");
    assert_eq!(sent["Body"], "Hello");
    assert!(sent["StatusCallback"].starts_with(&format!("{HOOK}?b=")), "{}", sent["StatusCallback"]);
    assert!(sent["StatusCallback"].ends_with(&format!("&u={}", uuid(1))));

    let captured = host.captured();
    assert_eq!(captured.len(), 1, "one capture for all");
    assert_eq!(captured[0].credits, "2.8");
    assert_eq!(captured[0].reference.as_deref(), Some("SM1 and 1 more"));
    let lines: Vec<_> =
        captured[0].lines.iter().map(|line| (line.item.as_str(), line.key.as_str(), line.units)).collect();
    assert_eq!(lines, [("message part", "BE", 1), ("message part", "FR", 2)]);
    assert!(captured[0].lines.iter().all(|line| !line.note.contains("32475")), "a bill tells no numbers");
    let remembered: Vec<_> = captured[0].remembered.iter().map(|each| each.key.clone()).collect();
    assert_eq!(remembered, [uuid(1), uuid(3)]);
    assert_eq!((host.available().as_str(), host.held().as_str()), ("97.2", "0"));
}

#[test]
fn a_repeat_gets_the_first_answer_and_costs_nothing() {
    let host = host();
    host.respond(carrier);
    let request = v3(json!([one(json!("+32475000001"), json!("Hello"), &uuid(1))]));
    let first = host.call::<Sms>("send_v3", &request).unwrap();
    assert_eq!(host.call::<Sms>("send_v3", &request).unwrap(), first);
    assert_eq!((host.requests().len(), host.available().as_str()), (1, "99"));
    // As it was remembered, whatever it says.
    host.remember(&uuid(2), &json!({"uuid": uuid(2), "state": "success", "credit": 7}));
    let answer = host.call::<Sms>("send_v3", v3(json!([one(json!(false), json!("x"), &uuid(2))]))).unwrap();
    assert_eq!(answer[0]["credit"], 7);
}

#[test]
fn a_message_that_failed_may_be_sent_again() {
    let host = host();
    let refuse = Rc::new(Cell::new(true));
    let refusing = Rc::clone(&refuse);
    host.respond(move |_| Ok(if refusing.get() { refused(20003) } else { accepted() }));
    let request = v3(json!([one(json!("+32475000001"), json!("Hello"), &uuid(1))]));
    assert_eq!(states(&host.call::<Sms>("send_v3", &request).unwrap()), ["server_error"]);
    assert_eq!((host.available().as_str(), host.held().as_str()), ("100", "0"));
    refuse.set(false);
    assert_eq!(states(&host.call::<Sms>("send_v3", &request).unwrap()), ["success"]);
    // A failure that a job has remembered is no reason either.
    host.remember(&uuid(2), &json!({"uuid": uuid(2), "state": "server_error", "credit": 0}));
    let again = host.call::<Sms>("send_v3", v3(json!([one(json!("+32475000002"), json!("Hello"), &uuid(2))])));
    assert_eq!(states(&again.unwrap()), ["success"]);
}

#[test]
fn the_same_uuid_twice_in_a_request_is_sent_once() {
    let host = host();
    host.respond(carrier);
    let message = one(json!("+32475000001"), json!("Hello"), &uuid(1));
    let answer = host.call::<Sms>("send_v3", v3(json!([message, message]))).unwrap();
    assert_eq!(answer[0], answer[1]);
    assert_eq!((host.requests().len(), host.available().as_str()), (1, "99"));
}

#[test]
fn an_unknown_outcome_is_an_error_and_is_not_charged() {
    let host = host();
    host.respond(carrier);
    let messages = json!([
        one(json!("+32475000098"), json!("Hello"), &uuid(1)),
        one(json!("+32475000097"), json!("Hello"), &uuid(2)),
    ]);
    assert_eq!(states(&host.call::<Sms>("send_v3", v3(messages)).unwrap()), ["server_error", "server_error"]);
    assert_eq!((host.captured().len(), host.available().as_str(), host.held().as_str()), (0, "100", "0"));
}

#[test]
fn without_credits_nothing_is_sent() {
    let host = host();
    host.credits("1.5");
    let numbers = json!([{"number": "+32475000001", "uuid": uuid(1)}, {"number": "+32475000002", "uuid": uuid(2)}]);
    let request = v3(json!([{"content": "Hello", "numbers": numbers}]));
    let answer = host.call::<Sms>("send_v3", &request).unwrap();
    assert_eq!(states(&answer), ["insufficient_credit", "insufficient_credit"]);
    assert_eq!(answer[0]["credit"], 0);
    let flat = json!({"messages": [{"res_id": 7, "number": "+32475000001", "content": "é".repeat(400)}]});
    assert_eq!(
        host.call::<Sms>("send_v1", &flat).unwrap(),
        json!([{"res_id": 7, "state": "insufficient_credit", "credit": 0}])
    );
    let plain = json!({"numbers": ["+32475000001", "+32475000002"], "message": "Hello"});
    assert_eq!(host.call::<Sms>("message_send", plain), Err(Failure::InsufficientCredit));
    assert!(host.requests().is_empty());
}

#[test]
fn an_account_that_may_not_spend_is_unregistered() {
    for standing in ["account-disabled", "account-suspended", "hosting-refused", "seen-elsewhere", "consent-needed"] {
        let host = host();
        host.standing(standing);
        let answer =
            host.call::<Sms>("send_v3", v3(json!([one(json!("+32475000001"), json!("Hi"), &uuid(1))]))).unwrap();
        assert_eq!(states(&answer), ["unregistered"], "{standing}");
        assert!(answer[0]["failure_reason"].is_string());
        let flat = json!({"messages": [{"res_id": 7, "number": "+32475000001", "content": "Hi"}]});
        assert_eq!(states(&host.call::<Sms>("send_v2", &flat).unwrap()), ["unregistered"]);
        assert_eq!(states(&host.call::<Sms>("send_v1", &flat).unwrap()), ["server_error"]);
        assert!(host.requests().is_empty());
    }
}

#[test]
fn where_registration_is_required_only_the_registered_send() {
    let host = host();
    host.respond(carrier).config("registration", "required");
    let request =
        v3(json!([one(json!("+32475000001"), json!("Hi"), &uuid(1)), one(json!("x"), json!("Hi"), &uuid(2))]));
    let flat = json!({"messages": [{"res_id": 7, "number": "+32475000001", "content": "Hi"}]});
    assert_eq!(states(&host.call::<Sms>("send_v3", &request).unwrap()), ["registration_needed", "wrong_number_format"]);
    assert_eq!(states(&host.call::<Sms>("send_v2", &flat).unwrap()), ["unregistered"]);
    assert_eq!(states(&host.call::<Sms>("send_v1", &flat).unwrap()), ["server_error"]);
    host.run(|| store::set(Scope::Service, "registered/account", b"{}", None)).unwrap();
    assert_eq!(states(&host.call::<Sms>("send_v3", &request).unwrap())[0], "success");
}

#[test]
fn old_databases_get_one_known_state_for_each_item() {
    let host = host();
    host.respond(carrier);
    let input = json!({"account_token": "t", "messages": [
        {"res_id": 0, "number": "+32475000001", "content": "Hello"},
        {"res_id": 0, "number": "+32475000002", "content": "Hello"},
        {"res_id": "+32475000099", "number": "+32475000099", "content": "Hello"},
        {"res_id": 4, "number": false, "content": "Hello"},
        {"res_id": 5, "number": "+870773123456", "content": "Hello"},
        {"res_id": 6, "number": "+32475000001", "content": null},
        {"number": "+32475000098", "content": "Hello"},
    ]});
    for operation in ["send_v1", "send_v2"] {
        let answer = host.call::<Sms>(operation, &input).unwrap();
        assert_eq!(
            answer,
            json!([
                {"res_id": 0, "state": "success", "credit": 1},
                {"res_id": 0, "state": "success", "credit": 1},
                {"res_id": "+32475000099", "state": "wrong_number_format", "credit": 0},
                {"res_id": 4, "state": "wrong_number_format", "credit": 0},
                {"res_id": 5, "state": "wrong_number_format", "credit": 0},
                {"res_id": 6, "state": "server_error", "credit": 0},
                {"res_id": null, "state": "server_error", "credit": 0},
            ])
        );
    }
    assert!(host.requests().iter().all(|request| !form(request).contains_key("StatusCallback")));
    assert_eq!(host.available(), "96");
    for nothing in [json!({}), json!({"messages": false}), json!({"messages": []})] {
        assert_eq!(host.call::<Sms>("send_v2", nothing).unwrap(), json!([]));
    }
}

#[test]
fn the_oldest_call_sends_to_all_or_to_none() {
    let host = host();
    host.respond(carrier);
    let call = |numbers: Value, message: Value| {
        host.call::<Sms>("message_send", json!({"numbers": numbers, "message": message, "account_token": "t"}))
    };
    assert_eq!(call(json!(["+32475000001", "+33612345678"]), json!("Hello")), Ok(json!(true)));
    assert_eq!(host.available(), "98.1");
    let field = |result: Result<Value, Failure>| match result {
        Err(Failure::BadRequest { field, .. }) => field,
        other => panic!("{other:?}"),
    };
    assert_eq!(field(call(json!(["+32475000001", "0475"]), json!("Hello"))), "numbers[1]");
    assert_eq!(field(call(json!(["+32475000001"]), json!(false))), "message");
    assert_eq!(field(call(json!(false), json!("Hello"))), "numbers");
    assert_eq!(host.requests().len(), 2);
    assert_eq!(call(json!(["+32475000001", "+32475000099"]), json!("Hello")), Ok(json!(true)));
    assert_eq!(call(json!(["+32475000098"]), json!("Hello")), Err(Failure::provider_unavailable()));
    assert!(matches!(call(json!(["+32475000099"]), json!("Hello")), Err(Failure::Refused(_))));
}

#[test]
fn a_quote_says_what_the_call_would_hold() {
    let host = host();
    host.remember(&uuid(9), &json!({"uuid": uuid(9), "state": "success", "credit": 1}));
    let messages = json!([
        one(json!("+32475000001"), json!("é".repeat(161)), &uuid(1)),
        one(json!("0475"), json!("Hello"), &uuid(2)),
        one(json!("+32475000001"), json!("Hello"), &uuid(9)),
    ]);
    let lines = host.quote::<Sms>("send_v3", v3(messages)).unwrap();
    assert_eq!(lines.len(), 1);
    assert_eq!((lines[0].key.as_str(), lines[0].units), ("BE", 2));
    let flat = json!({"messages": [{"res_id": 7, "number": "+33612345678", "content": "Hi"}]});
    assert_eq!(host.quote::<Sms>("send_v2", flat).unwrap()[0].key, "FR");
}

#[test]
fn too_many_messages_are_refused_by_name() {
    let host = host();
    match host.call::<Sms>("send_v3", mailing(10_001)) {
        Err(Failure::BadRequest { field, message }) => {
            assert_eq!(field, "messages");
            assert!(message.contains("10000"), "{message}");
        }
        other => panic!("{other:?}"),
    }
    match host.call::<Sms>("send_v3", v3(json!([{"content": "x", "numbers": [{"number": "+32475000001"}]}]))) {
        Err(Failure::BadRequest { field, .. }) => assert_eq!(field, "messages[0].numbers[0].uuid"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_webhook_that_is_no_web_address_gets_no_reports() {
    let host = host();
    host.respond(carrier);
    for webhook in [json!(false), json!("ftp://db.test/"), json!("javascript:alert(1)")] {
        let message = one(json!("+32475000001"), json!("Hello"), &uuid(host.requests().len()));
        host.call::<Sms>("send_v3", json!({"messages": [message], "webhook_url": webhook})).unwrap();
    }
    assert_eq!(host.requests().len(), 3);
    assert!(host.requests().iter().all(|request| !form(request).contains_key("StatusCallback")));
}
