//! A release reaches some accounts first; one that fails too often is stopped by itself.

use iap_tests::{
    host::until,
    releases::{edited, replace},
};
use serde_json::json;

use crate::support::{NAME, call, customer, host, parrot, release, serve, version_of};

#[tokio::test]
async fn a_first_release_reaches_no_more_than_it_may() {
    let host = host();
    serve(&host, NAME, "1.0.0", parrot("1.0.0", |_| {}), 0).await;
    let (_, account) = customer(&host, NAME, "5").await;
    let refused = call(&host, &account, "say", &json!({ "text": "hi" })).await;
    assert_eq!((refused.status, &refused.json()["code"]), (403, &json!("no-release")), "{}", refused.text);
}

#[tokio::test]
async fn some_accounts_come_first_and_none_goes_back() {
    let host = host();
    serve(&host, NAME, "1.0.0", parrot("1.0.0", |_| {}), 100).await;
    let mut accounts = Vec::new();
    for _ in 0..40 {
        accounts.push(customer(&host, NAME, "1").await.1);
    }
    serve(&host, NAME, "1.1.0", parrot("1.1.0", |_| {}), 0).await;
    let path = format!("/v1/services/{NAME}/releases/1.1.0/rollout");
    let mut before: Vec<String> = Vec::new();
    let mut counts = Vec::new();
    for percent in [0, 30, 70, 100] {
        host.operator().ok("POST", &path, Some(&json!({ "percent": percent }))).await;
        let mut have = Vec::new();
        for account in &accounts {
            if version_of(&host, account).await == "1.1.0" {
                have.push(account.clone());
            }
        }
        assert!(before.iter().all(|account| have.contains(account)), "{percent} %: somebody went back");
        counts.push(have.len());
        before = have;
    }
    assert_eq!((counts[0], counts[3]), (0, 40));
    assert!((3..25).contains(&counts[1]) && (16..39).contains(&counts[2]), "{counts:?}");
    let wrong = host.operator().send("POST", &path, Some(&json!({ "percent": 101 }))).await;
    assert_eq!((wrong.status, &wrong.json()["field"]), (422, &json!("percent")));
}

/// The misbehaving guest as a service that works for `time`.
fn spinner(version: &str, time: &str) -> Vec<u8> {
    edited("iap-guest-hostile", |files| {
        let version = format!("version = \"{version}\"");
        let time = format!("time = \"{time}\"");
        replace(
            files,
            "plugin.toml",
            &[
                ("name = \"hostile\"", "name = \"spinner\""),
                ("version = \"1.0.0\"", &version),
                ("time = \"2 s\"", &time),
            ],
        );
    })
}

#[tokio::test]
async fn a_release_that_fails_is_stopped_and_the_one_before_serves_again() {
    let host = host();
    serve(&host, "spinner", "1.0.0", spinner("1.0.0", "2 s"), 100).await;
    let (_, account) = customer(&host, "spinner", "100").await;
    let spin = async || call(&host, &account, "spin_ms", &json!({ "ms": 60 })).await.status;
    assert_eq!(spin().await, 200);
    // It gives itself less time than it needs.
    serve(&host, "spinner", "1.1.0", spinner("1.1.0", "20 ms"), 100).await;
    assert_eq!(version_of(&host, &account).await, "1.1.0");
    let mut failed = 0;
    for _ in 0..25 {
        failed += usize::from(spin().await != 200);
    }
    // It may be stopped as soon as twenty are known.
    assert!(20 <= failed, "{failed}");
    until("it is stopped", async || release(&host, "spinner", "1.1.0").await["state"] == "stopped").await;
    let stopped = release(&host, "spinner", "1.1.0").await;
    assert!(stopped["reason"].as_str().unwrap().contains("failed"), "{stopped}");
    assert_eq!((version_of(&host, &account).await, spin().await), ("1.0.0".into(), 200));
    let logs = host.operator().ok("GET", "/v1/services/spinner/history", None).await;
    assert_eq!(logs["items"][0]["kind"], "stopped", "{logs}");
}
