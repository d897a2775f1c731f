//! kill -9 at every place of a job's life: it runs at least once, and what it did is recorded once.

use std::{
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use iap_tests::{TestHost, Webhook, host::until, odoo::hex32};
use serde_json::json;

use crate::support::{Provider, ask, drained, is_long, jobs, later, marks, number, settings};

fn consumed(host: &TestHost) -> i64 {
    number(host, "SELECT coalesce(sum(amount), 0) FROM posting WHERE currency IS NULL AND credit = 4") / 1_000_000
}

#[tokio::test(flavor = "multi_thread")]
async fn between_enqueuing_and_the_run() {
    let (url, provider) = Provider::start().await;
    let mut host = TestHost::with(&settings(&url));
    let odoo = host.database_with_credits("worker", "1").await;
    later(&odoo, "visit", 0, 20, 1).await;
    host.kill();
    assert_eq!((jobs(&host, "waiting"), provider.visits().len()), (20, 0));
    host.restart();
    drained(&host, 20).await;
    assert_eq!(provider.visits().len(), 20);
    assert!(provider.visits().values().all(|visits| *visits == 1));
    assert_eq!((marks(&host).len(), marks(&host).values().max()), (40, Some(&1)));
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn between_the_run_and_its_record() {
    let (url, provider) = Provider::start().await;
    let mut host = TestHost::with(&settings(&url));
    let odoo = host.database_with_credits("worker", "1").await;
    provider.delay.store(2_000, Ordering::SeqCst);
    later(&odoo, "visit", 0, 5, 0).await;
    until("they are at the provider", || async { provider.visits().len() == 5 }).await;
    host.kill();
    assert_eq!((jobs(&host, "running"), marks(&host).len()), (5, 0));
    provider.delay.store(0, Ordering::SeqCst);
    host.restart();
    drained(&host, 20).await;
    assert!(provider.visits().values().all(|visits| *visits == 2), "{:?}", provider.visits());
    assert_eq!((marks(&host).len(), marks(&host).values().max()), (10, Some(&1)), "recorded once");
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn while_a_job_with_a_hold_is_at_its_provider() {
    let (url, provider) = Provider::start().await;
    let mut host = TestHost::with(&settings(&url));
    let odoo = host.database_with_credits("worker", "10").await;
    provider.delay.store(2_000, Ordering::SeqCst);
    ask(&odoo, "paid_later", json!({ "key": "a" })).await;
    until("it is at the provider", || async { provider.visits().len() == 1 }).await;
    host.kill();
    provider.delay.store(0, Ordering::SeqCst);
    host.restart();
    drained(&host, 20).await;
    assert_eq!((provider.visits()["a"], consumed(&host), jobs(&host, "done")), (2, 1, 1));
    assert_eq!(number(&host, "SELECT count(*) FROM hold WHERE state = 'live'"), 0);
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn between_a_callback_and_its_record() {
    let webhook = Webhook::start();
    let (url, _) = Provider::start().await;
    let mut host = TestHost::with(&settings(&url));
    let odoo = host.database_with_credits("worker", "10").await;
    let target = webhook.url();
    let params = json!({ "account_token": odoo.token, "dbuuid": odoo.dbuuid, "webhook_url": target, "url": target, "body": { "n": 1 } });
    for round in 1..=3 {
        let wanted = webhook.received().len() + 1;
        assert_eq!(odoo.result("/iap/s/worker/call-back", &params).await, json!({ "code": "ok" }));
        until("it is there", || async { webhook.received().len() >= wanted }).await;
        host.kill();
        // As if the record of its end had not been stored.
        host.sql("UPDATE job SET state = 'running', attempts = 1, payload = CAST('{\"n\":1}' AS BLOB) WHERE id = (SELECT max(id) FROM job)");
        host.restart();
        drained(&host, 20).await;
        assert_eq!((webhook.received().len(), jobs(&host, "done")), (wanted + 1, round));
    }
    assert!(webhook.received().iter().all(|body| *body == json!({ "n": 1 })));
    host.verify();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn at_random_under_load() {
    let (url, provider) = Provider::start().await;
    let mut host = TestHost::with(&settings(&url));
    let odoo = host.database_with_credits("worker", "10000").await;
    provider.delay.store(5, Ordering::SeqCst);
    let rounds = if is_long() { 50 } else { 4 };
    let (mut sure, mut maybe) = (Vec::new(), Vec::new());
    let began = Instant::now();
    for round in 0..rounds {
        let calls = (0..40).map(|_| {
            let (odoo, key) = (odoo.clone(), hex32());
            tokio::spawn(async move {
                let params = json!({ "account_token": odoo.token, "dbuuid": odoo.dbuuid, "key": key });
                let body = json!({ "jsonrpc": "2.0", "method": "call", "params": params, "id": 1 });
                let reply = odoo.try_post("/iap/s/worker/paid_later", body.to_string()).await;
                (key, reply.is_ok_and(|reply| reply.json()["result"]["queued"].is_string()))
            })
        });
        let calls: Vec<_> = calls.collect();
        tokio::time::sleep(Duration::from_millis(150 + 97 * (round % 7))).await;
        host.kill();
        for call in calls {
            let (key, answered) = call.await.expect("it ends");
            if answered { sure.push(key) } else { maybe.push(key) }
        }
        host.restart();
    }
    drained(&host, 60).await;
    println!("{rounds} kills, {} acknowledged, {} not, in {:?}", sure.len(), maybe.len(), began.elapsed());
    let visits = provider.visits();
    for key in &sure {
        assert!(visits.contains_key(key), "an acknowledged job never ran");
    }
    assert_eq!(jobs(&host, "dead"), 0, "{:?}", host.sql("SELECT last_error FROM job WHERE state = 'dead'"));
    // Each job captured its credit once, however often it ran.
    let holds = number(&host, "SELECT count(*) FROM hold WHERE state = 'captured'");
    assert_eq!(holds, number(&host, "SELECT count(*) FROM job WHERE name = 'deliver'"));
    assert_eq!((consumed(&host), usize::try_from(holds).expect("few")), (holds, visits.len()));
    assert_eq!(number(&host, "SELECT count(*) FROM hold WHERE state = 'live'"), 0);
    host.verify();
}
