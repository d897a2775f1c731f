//! How calls end: each misbehaviour as its class.

use std::sync::{Arc, atomic::Ordering};

use iap_runtime::{Failure, Fault};
use serde_json::json;

use crate::{
    backend::Scripted,
    support::{answer, class, echo, hostile, run},
};

#[tokio::test(flavor = "multi_thread")]
async fn every_misbehaviour_ends_as_its_class_and_leaves_a_neighbour_unharmed() {
    let hostile = hostile().await;
    let echo = echo().await;
    for (operation, input, expected) in [
        ("panic", json!({}), "guest-fault"),
        ("loop_forever", json!({}), "limit-cpu"),
        ("memory_copy_storm", json!({}), "limit-cpu"),
        ("allocate", json!({}), "limit-memory"),
        // A guest's own stack, in its memory, ends before that of the machine.
        ("deep_recursion", json!({}), "guest-fault"),
        ("huge_output", json!({}), "limit-memory"),
        ("huge_output", json!({ "bytes": 5 << 20 }), "limit-output"),
        ("authorize_then_panic", json!({}), "guest-fault"),
        ("authorize_then_loop", json!({}), "limit-cpu"),
        ("capture_then_panic", json!({}), "guest-fault"),
        ("flood_log", json!({}), "answered"),
        ("spin_ms", json!({ "ms": 20 }), "answered"),
        ("big_store", json!({}), "answered"),
        ("many_holds", json!({}), "answered"),
        ("no_such_operation", json!({}), "failed"),
    ] {
        let backend = Arc::new(Scripted::default());
        let ended = run(&hostile, operation, input.clone(), &backend).await;
        assert_eq!(class(&ended), expected, "{operation} {input}: {:?}", ended.result);
        assert!(ended.peak_memory <= 32 << 20, "{operation}: {} bytes", ended.peak_memory);
        let neighbour = run(&echo, "say", json!({ "text": "hi" }), &backend).await;
        assert_eq!(answer(&neighbour)["text"], "hi", "after {operation}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_told_in_the_guests_words() {
    let backend = Arc::new(Scripted::default());
    let ended = run(&hostile().await, "panic", json!({}), &backend).await;
    let Err(Fault::Guest(message)) = ended.result else { panic!("{:?}", ended.result) };
    assert!(message.contains("on purpose"), "{message}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_of_the_host_is_not_the_plugins() {
    let hostile = hostile().await;
    let backend = Arc::new(Scripted::default());
    backend.down.store(true, Ordering::Relaxed);
    let ended = run(&hostile, "authorize_then_panic", json!({}), &backend).await;
    assert_eq!(ended.result, Err(Fault::Host("the ledger is down".to_owned())));
    backend.panics.store(true, Ordering::Relaxed);
    for operation in ["authorize_then_panic", "spin_ms"] {
        let ended = run(&hostile, operation, json!({ "ms": 0 }), &backend).await;
        assert_eq!(class(&ended), "host-fault", "{operation}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_guest_got_wrong_is_a_failure_and_no_fault() {
    let backend = Arc::new(Scripted::default());
    let ended = run(&echo().await, "say", json!({ "txt": 1 }), &backend).await;
    assert!(matches!(ended.result, Ok(Err(Failure::BadRequest { .. }))), "{:?}", ended.result);
    assert!(backend.said().is_empty());
}
