//! No account keeps the others waiting: turns, caps on what waits, and on jobs that enqueue jobs.

use std::{sync::atomic::Ordering, time::Duration};

use iap_tests::{TestHost, host::until};
use serde_json::json;

use crate::support::{Provider, ask, drained, host, jobs, later, marks, number, settings};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_newcomer_does_not_wait_behind_a_thousand_slow_jobs() {
    let (url, provider) = Provider::start().await;
    let host = TestHost::with(&settings(&url));
    let hog = host.database_with_credits("worker", "1").await;
    let other = host.database_with_credits("worker", "1").await;
    provider.delay.store(400, Ordering::SeqCst);
    later(&hog, "visit", 0, 1_000, 0).await;
    until("the hog's jobs run", || async { jobs(&host, "running") > 4 }).await;
    later(&other, "mark", 5_000, 20, 0).await;
    let began = std::time::Instant::now();
    until("the newcomer's are done", || async { (5_000..5_020).all(|number| marks(&host).contains_key(&number)) })
        .await;
    let left = jobs(&host, "waiting");
    println!("20 jobs behind 1,000 slow ones took {:?}; {left} of those were left", began.elapsed());
    assert!(left > 600, "the hog was not through: {left} left");
    // The hog's own calls still find room, too.
    assert_eq!(ask(&hog, "marks", json!({ "prefix": "none" })).await["keys"], json!([]));
    provider.delay.store(0, Ordering::SeqCst);
    drained(&host, 60).await;
    assert_eq!(provider.visits().len(), 1_000);
    assert!(provider.visits().values().all(|visits| *visits == 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_has_so_many_waiting_and_no_more() {
    let host = host();
    let odoo = host.database_with_credits("worker", "1").await;
    for first in 0..10 {
        later(&odoo, "mark", first * 1_000, 1_000, 3_600).await;
    }
    let params = json!({ "job": "mark", "count": 1, "delay": 3_600 });
    let refused = ask(&odoo, "later", params.clone()).await;
    assert_eq!((&refused["enqueued"], &refused["code"]), (&json!(0), &json!("too-many-jobs")));
    assert!(refused["message"].as_str().is_some_and(|why| why.starts_with("10000 jobs and callbacks of the account")));
    let answer = ask(&odoo, "call_back", json!({ "url": "http://127.0.0.1:1/" })).await;
    assert_ne!(answer["code"], "ok");
    let other = host.database_with_credits("worker", "1").await;
    assert_eq!(ask(&other, "later", params.clone()).await, json!({ "enqueued": 1 }));
    // When some are through there is room again.
    host.sql("DELETE FROM job WHERE id IN (SELECT id FROM job LIMIT 10)");
    assert_eq!(ask(&odoo, "later", params).await, json!({ "enqueued": 1 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_jobs_that_enqueue_one_another_ends() {
    let host = host();
    let odoo = host.database_with_credits("worker", "1").await;
    later(&odoo, "chain", 0, 1, 0).await;
    let left = || host.sql("SELECT CAST(value AS TEXT) FROM store_value WHERE key = 'chain'").concat();
    let end = std::time::Instant::now() + Duration::from_secs(120);
    while left().is_empty() {
        assert!(std::time::Instant::now() < end, "it goes on: {} jobs", number(&host, "SELECT count(*) FROM job"));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(left().starts_with("1001: too-many-jobs: 1000 jobs were enqueued one by the other"), "{}", left());
    drained(&host, 20).await;
    assert_eq!(number(&host, "SELECT count(*) FROM job"), 1_001);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_enqueued_once_until_it_has_run() {
    let host = host();
    let odoo = host.database_with_credits("worker", "1").await;
    let params = |first: u32| json!({ "job": "mark", "count": 1, "first": first, "delay": 2, "dedupe_key": "k" });
    for first in 0..3 {
        ask(&odoo, "later", params(first)).await;
    }
    assert_eq!(number(&host, "SELECT count(*) FROM job"), 1);
    drained(&host, 20).await;
    ask(&odoo, "later", params(3)).await;
    drained(&host, 20).await;
    assert_eq!(marks(&host), [(0, 1), (3, 1)].into());
}
