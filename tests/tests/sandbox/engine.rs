//! The engine that guests share: admission, turns, and the cache of compiled code.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use iap_core::ids::AccountId;
use iap_runtime::{Admission, Busy, CallGrant, Engine, EngineOptions, Fault, Settings};
use iap_tests::guests;
use serde_json::json;

use crate::{
    backend::Scripted,
    support::{ECHO, HOSTILE, answer, call, class, echo, hostile, load, options, run, within},
};

#[tokio::test(flavor = "multi_thread")]
async fn one_account_cannot_take_the_room_of_others() {
    let admission = Admission { host: 8, plugin: 8, account: 1, queue: 8, wait: Duration::from_millis(50) };
    let engine = Engine::new(EngineOptions { admission, ..options(&[]) }).unwrap();
    let plugin = load(&engine, HOSTILE, guests::release(HOSTILE).1, Settings::default()).await;
    let backend = Arc::new(Scripted::default());
    let of = |account| CallGrant { account: Some(AccountId(account)), ..within(Duration::from_secs(5)) };
    let greedy = plugin.handle(call("loop_forever", &json!({})), backend.clone(), of(1));
    let second = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        let refused = plugin.handle(call("spin_ms", &json!({ "ms": 0 })), backend.clone(), of(1)).await;
        let other = plugin.handle(call("spin_ms", &json!({ "ms": 0 })), backend.clone(), of(2)).await;
        (refused, other)
    };
    let (greedy, (refused, other)) = tokio::join!(greedy, second);
    assert_eq!(class(&greedy), "limit-cpu");
    assert_eq!(refused.result, Err(Fault::Busy(Busy::Account)));
    assert_eq!(class(&other), "answered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_calls_run_beside_guests_that_spin() {
    let hostile = hostile().await;
    let echo = echo().await;
    let backend = Arc::new(Scripted::default());
    let spinners: Vec<_> = (0..6)
        .map(|_| {
            let (hostile, backend) = (hostile.clone(), backend.clone());
            tokio::spawn(async move { run(&hostile, "loop_forever", json!({}), &backend).await })
        })
        .collect();
    let slowest = AtomicU64::new(0);
    for n in 0..100 {
        let began = Instant::now();
        let ended = run(&echo, "say", json!({ "text": n.to_string() }), &backend).await;
        assert_eq!(answer(&ended)["text"], n.to_string());
        slowest.fetch_max(u64::try_from(began.elapsed().as_millis()).unwrap(), Ordering::Relaxed);
    }
    // Without turns, a light call would wait for whole seconds of spinning.
    assert!(slowest.into_inner() < 1_000, "a light call is never held up for long");
    for spinner in spinners {
        // On a busy machine the clock is first.
        let ended = spinner.await.unwrap();
        assert!(matches!(class(&ended), "limit-cpu" | "limit-time"), "{:?}", ended.result);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn compiled_code_is_kept_and_found_again() {
    let directory = tempfile::tempdir().unwrap();
    let options = || EngineOptions {
        cache_dir: Some(directory.path().to_owned()),
        cache_key: [7; 32],
        ..EngineOptions::default()
    };
    for _ in 0..2 {
        let engine = Engine::new(options()).unwrap();
        let plugin = load(&engine, ECHO, guests::release(ECHO).1, Settings::default()).await;
        let ended = run(&plugin, "say", json!({ "text": "x" }), &Arc::new(Scripted::default())).await;
        assert_eq!(class(&ended), "answered");
        let entry = std::fs::read_dir(directory.path()).unwrap().next().unwrap().unwrap().path();
        // The second engine meets a damaged entry and compiles again.
        let mut bytes = std::fs::read(&entry).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        std::fs::write(&entry, bytes).unwrap();
    }
}
