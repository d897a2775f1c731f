//! What returns, against the scripted host; the rest needs the true one.

use std::panic::{AssertUnwindSafe, catch_unwind};

use iap_sdk::http;
use iap_sdk::testing::Host;

use super::*;

fn host() -> Host {
    let host = Host::new();
    host.credits("50").price("unit", "1").max_per_call("100");
    host
}

fn answer(operation: &str, input: Value) -> Value {
    host().call::<Hostile>(operation, input).expect("answers")
}

#[test]
fn refusals_are_answered_as_seen() {
    assert_eq!(answer("wrong_line", json!({}))["code"], "unknown-price");
    assert_eq!(answer("over_max", json!({}))["code"], "over-max-per-call");
    assert_eq!(answer("no_hold_http", json!({}))["code"], "no-hold");
    assert_eq!(answer("capture_too_much", json!({}))["code"], "exceeds-hold");
    assert_eq!(answer("double_capture", json!({})), json!({ "first": "ok", "second": "hold-ended" }));
    assert_eq!(answer("handle_leak", json!({})), json!({ "obtained": 50, "code": "insufficient-credit" }));
    assert_eq!(answer("many_holds", json!({}))["obtained"], 1000);
}

#[test]
fn volume_is_as_announced() {
    assert_eq!(answer("huge_output", json!({ "bytes": 9 })), "xxxxxxxxx");
    assert_eq!(answer("flood_log", json!({}))["messages"], 10_000);
    assert_eq!(answer("spin_ms", json!({ "ms": 0 }))["turns"], 0);
}

#[test]
fn it_tells_what_it_saw_of_the_target() {
    let host = host();
    host.answer("target", "/x", http::Response::new(302).with_body("moved"));
    host.fail("target", "/y", http::Error::new("private-address", "no"));
    let seen = host.call::<Hostile>("hold_and_http", json!({ "path": "/x" })).expect("answers");
    assert_eq!(seen, json!({ "code": "ok", "status": 302, "text": "moved", "captured": "1" }));
    let input = json!({ "path": "/y", "method": "POST", "capture": false });
    let seen = host.call::<Hostile>("hold_and_http", input).expect("answers");
    assert_eq!(seen, json!({ "code": "private-address", "sent": false, "captured": null }));
    assert_eq!(host.available(), "49");
}

#[test]
fn it_panics_before_and_after_a_capture() {
    for (operation, left) in [("panic", "50"), ("authorize_then_panic", "50"), ("capture_then_panic", "49")] {
        let host = host();
        let call = AssertUnwindSafe(|| host.call::<Hostile>(operation, json!({})));
        assert!(catch_unwind(call).is_err(), "{operation}");
        assert_eq!(host.available(), left, "{operation}");
    }
}
