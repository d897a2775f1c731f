//! Credits: holds, captures, and what is left to settle.

use std::{sync::Arc, time::Duration};

use iap_core::ids::HoldId;
use iap_runtime::{CallGrant, Fault, Limit};
use serde_json::json;

use crate::{
    backend::Scripted,
    support::{answer, call, echo, hostile, run, within},
};

#[tokio::test(flavor = "multi_thread")]
async fn an_honest_guest_is_answered_and_charged_once() {
    let backend = Arc::new(Scripted::default());
    let ended = run(&echo().await, "say", json!({ "text": "héllo" }), &backend).await;
    assert_eq!(answer(&ended), json!({ "text": "héllo", "length": 5 }));
    assert_eq!(backend.said(), ["authorize hold_1 1", "capture hold_1"]);
    assert!(ended.captured && ended.open_holds.is_empty() && !ended.sent);

    let quoted = echo().await.quote(call("say", &json!({ "text": "" })), backend.clone(), CallGrant::default()).await;
    let lines = quoted.result.unwrap().unwrap();
    assert_eq!((lines[0].item.as_str(), lines[0].units), ("message", 1));
    assert_eq!(backend.said().len(), 2, "a quote has no effects");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_trap_leaves_open_is_reported_to_be_settled() {
    let hostile = hostile().await;
    let backend = Arc::new(Scripted::default());
    let ended = run(&hostile, "authorize_then_panic", json!({}), &backend).await;
    assert_eq!((ended.open_holds, ended.captured), (vec![HoldId(1)], false));
    let ended = run(&hostile, "authorize_then_loop", json!({}), &backend).await;
    assert_eq!((ended.open_holds, ended.captured), (vec![HoldId(2)], false));
    let ended = run(&hostile, "capture_then_panic", json!({}), &backend).await;
    assert_eq!((ended.open_holds, ended.captured), (vec![], true));
    // A trap runs no destructor, so nothing was released by itself.
    assert_eq!(backend.said(), ["authorize hold_1 1", "authorize hold_2 1", "authorize hold_3 1", "capture hold_3"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn refusals_of_the_ledger_reach_the_guest_by_name() {
    let hostile = hostile().await;
    let backend = Arc::new(Scripted::default());
    let ended = run(&hostile, "wrong_line", json!({}), &backend).await;
    assert_eq!(answer(&ended)["code"], "unknown-price");
    let ended = run(&hostile, "double_capture", json!({}), &backend).await;
    assert_eq!(answer(&ended), json!({ "first": "ok", "second": "hold-ended" }));
    let ended = run(&hostile, "handle_leak", json!({}), &backend).await;
    assert_eq!(answer(&ended), json!({ "obtained": 64, "code": "too-many-holds" }));
    let ended = run(&hostile, "big_store", json!({}), &backend).await;
    assert_eq!(answer(&ended), json!({ "written": 2, "code": "over-quota" }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_step_under_way_when_time_runs_out_is_still_known() {
    let backend = Arc::new(Scripted::slow(Duration::from_millis(400)));
    let short = CallGrant { patience: Duration::from_millis(100), ..within(Duration::from_millis(100)) };
    let ended = hostile().await.handle(call("authorize_then_loop", &json!({})), backend.clone(), short).await;
    assert_eq!(ended.result, Err(Fault::Limit(Limit::WallClock)));
    assert_eq!(ended.open_holds, [HoldId(1)], "the hold that came too late has to be settled too");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_guest_is_not_charged_for_the_time_that_the_ledger_takes() {
    let (echo, say) = (echo().await, || call("say", &json!({ "text": "hi" })));
    let own = Duration::from_millis(300);
    let begin = async |ledger, patience| {
        let grant = CallGrant { patience, ..within(own) };
        let backend = Arc::new(Scripted::slow(ledger));
        (echo.handle(say(), backend.clone(), grant).await, backend)
    };
    let (ended, backend) = begin(Duration::from_millis(900), Duration::from_secs(15)).await;
    assert_eq!(answer(&ended)["text"], "hi");
    assert_eq!(backend.said().len(), 2, "authorized and captured");
    // It is bounded.
    let (ended, _) = begin(Duration::from_millis(900), Duration::from_millis(200)).await;
    assert_eq!(ended.result, Err(Fault::Limit(Limit::WallClock)));
    // Its own time is its own, whatever the ledger took before.
    let backend = Arc::new(Scripted::slow(Duration::from_millis(400)));
    let ended = hostile().await.handle(call("authorize_then_loop", &json!({})), backend, within(own)).await;
    assert_eq!(ended.result, Err(Fault::Limit(Limit::WallClock)));
    assert!(ended.duration < Duration::from_secs(3), "{:?}", ended.duration);
}
