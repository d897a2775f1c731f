//! A provider that never answered is asked what it did: charged once, or everything goes back, whatever dies meanwhile.

use std::sync::atomic::Ordering;

use iap_tests::{Odoo, Settings, TestHost, cluster, host::until, odoo::error_of};
use serde_json::{Value, json};

use crate::{
    provider,
    support::{Rest, assert_settled, consumed, number},
};

fn settings(provider: &str) -> Settings {
    Settings {
        plugins: vec!["iap-guest-asker"],
        tables: format!("[services.asker.base_urls]\nprovider = {provider:?}\n"),
        without_simulators: true,
        ..Settings::default()
    }
}

async fn order(odoo: &Odoo, operation: &str, id: &str, pieces: u64) -> Value {
    odoo.call("asker", operation, json!({ "id": id, "pieces": pieces })).await
}

async fn state(host: &TestHost, wanted: &str) {
    until(wanted, || async { host.sql("SELECT state FROM call ORDER BY id DESC LIMIT 1") == [wanted] }).await;
}

fn assert_not_known(answer: &Value) {
    let (class, message) = error_of(answer);
    assert_eq!(class, "UserError");
    assert!(message.starts_with("the outcome is not known yet: the provider did not answer"), "{message}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_order_that_was_taken_without_an_answer_is_charged_once_it_is_known() {
    let (url, provider) = provider::start().await;
    let host = TestHost::with(&settings(&url));
    let odoo = host.database_with_credits("asker", "10").await;
    let account = host.operator().account(&odoo.dbuuid, "asker").await;
    provider.silent.store(true, Ordering::SeqCst);
    provider.closed.store(true, Ordering::SeqCst);
    assert_not_known(&order(&odoo, "order", "o-1", 3).await);
    assert!(provider.took("o-1"));
    // It is visible as what it is, and its credits stay aside.
    let calls = host.operator().ok("GET", &format!("/v1/accounts/{account}/calls"), None).await;
    assert_eq!(calls["items"][0]["state"], "unknown", "{calls}");
    assert_eq!(host.operator().credits(&account).await, ("7".to_owned(), "3".to_owned()));
    assert_eq!(host.sql("SELECT state FROM hold"), ["unknown"]);
    // Whoever repeats the work is told, and nothing is sent again.
    assert_not_known(&order(&odoo, "order", "o-1", 3).await);
    assert_eq!(provider.sent.load(Ordering::SeqCst), 1);
    until("it is asked again and again", || async { provider.asked.load(Ordering::SeqCst) >= 2 }).await;
    assert_eq!(consumed(&host), 0);

    provider.closed.store(false, Ordering::SeqCst);
    state(&host, "captured").await;
    assert_eq!(consumed(&host), 3_000_000);
    assert_eq!(order(&odoo, "order", "o-1", 3).await["result"], json!({ "id": "o-1", "pieces": 3 }));
    assert_eq!((provider.sent.load(Ordering::SeqCst), consumed(&host)), (1, 3_000_000));
    until("the job ends", || async { number(&host, "SELECT count(*) FROM job WHERE state <> 'done'") == 0 }).await;
    assert_eq!(host.sql("SELECT coalesce(problem, '-') FROM call WHERE credits > 0"), ["-"]);
    assert_settled(&host);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_order_that_was_lost_goes_back_and_may_be_made_again() {
    let (url, provider) = provider::start().await;
    let host = TestHost::with(&settings(&url));
    let odoo = host.database_with_credits("asker", "10").await;
    let account = host.operator().account(&odoo.dbuuid, "asker").await;
    let (rest, path) = (Rest::of(&host), format!("/v1/accounts/{account}/calls/order"));
    let body = json!({ "input": { "id": "o-1", "pieces": 2 } });
    provider.deaf.store(true, Ordering::SeqCst);
    provider.closed.store(true, Ordering::SeqCst);
    for _ in 0..2 {
        let reply = rest.post(&path, &body, Some("key-1")).await;
        assert_eq!((reply.status, reply.json()["code"].as_str()), (409, Some("outcome-unknown")), "{}", reply.text);
    }
    provider.closed.store(false, Ordering::SeqCst);
    state(&host, "failed").await;
    assert_eq!(host.sql("SELECT problem FROM call"), ["unknown: the provider had not done it; nothing was charged"]);
    assert_eq!(host.operator().credits(&account).await, ("10".to_owned(), "0".to_owned()));
    provider.deaf.store(false, Ordering::SeqCst);
    for _ in 0..2 {
        let reply = rest.post(&path, &body, Some("key-1")).await;
        assert_eq!((reply.status, reply.json()["credits"].as_str()), (200, Some("2")), "{}", reply.text);
    }
    assert_eq!((provider.sent.load(Ordering::SeqCst), consumed(&host)), (2, 2_000_000));
    until("the job ends", || async { number(&host, "SELECT count(*) FROM job WHERE state <> 'done'") == 0 }).await;
    assert_settled(&host);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_nobody_can_say_in_time_goes_back() {
    let (url, provider) = provider::start().await;
    let host = TestHost::with(&settings(&url));
    let odoo = host.database_with_credits("asker", "10").await;
    provider.silent.store(true, Ordering::SeqCst);
    provider.closed.store(true, Ordering::SeqCst);
    assert_not_known(&order(&odoo, "order_soon", "o-1", 3).await);
    state(&host, "failed").await;
    let problem = host.sql("SELECT problem FROM call").concat();
    assert!(problem.starts_with("unknown: nobody could say in time what the provider did"), "{problem}");
    assert_eq!((consumed(&host), odoo.balance("asker").await), (0, json!(10.0)));
    until("the job ends", || async {
        number(&host, "SELECT count(*) FROM job WHERE state IN ('waiting', 'running')") == 0
    })
    .await;
    // The work may be asked for again.
    provider.silent.store(false, Ordering::SeqCst);
    assert_eq!(order(&odoo, "order_soon", "o-1", 3).await["result"]["pieces"], 3);
    assert_eq!(consumed(&host), 3_000_000);
    assert_settled(&host);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn an_order_that_ends_as_it_should_leaves_no_question() {
    let (url, provider) = provider::start().await;
    let host = TestHost::with(&settings(&url));
    let odoo = host.database_with_credits("asker", "10").await;
    assert_eq!(order(&odoo, "order", "o-1", 3).await["result"]["pieces"], 3);
    let (class, _) = error_of(&order(&odoo, "order", "o-2", 0).await);
    assert_eq!((class.as_str(), consumed(&host)), ("UserError", 3_000_000));
    assert_eq!((number(&host, "SELECT count(*) FROM job"), provider.asked.load(Ordering::SeqCst)), (0, 0));
    assert_settled(&host);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_host_that_is_killed_while_a_request_is_out_has_it_asked_when_it_is_back() {
    let (url, provider) = provider::start().await;
    let mut host = TestHost::with(&settings(&url));
    let odoo = host.database_with_credits("asker", "10").await;
    for (id, lost, consumed_after) in [("o-1", false, 3_000_000), ("o-2", true, 3_000_000)] {
        provider.silent.store(!lost, Ordering::SeqCst);
        provider.deaf.store(lost, Ordering::SeqCst);
        let sent = provider.sent.load(Ordering::SeqCst);
        let body = json!({
            "jsonrpc": "2.0", "method": "call", "id": 1,
            "params": { "account_token": odoo.token, "dbuuid": odoo.dbuuid, "id": id, "pieces": 3 },
        });
        let asking = tokio::spawn({
            let odoo = odoo.clone();
            async move { odoo.try_post("/iap/s/asker/order", body.to_string()).await.is_err() }
        });
        until("the order is out", || async { sent < provider.sent.load(Ordering::SeqCst) }).await;
        host.kill();
        assert!(asking.await.expect("it ends"), "the host was killed before it answered");
        host.verify();
        host.restart();
        state(&host, if lost { "failed" } else { "captured" }).await;
        assert_eq!(consumed(&host), consumed_after);
    }
    provider.silent.store(false, Ordering::SeqCst);
    assert_eq!(order(&odoo, "order", "o-1", 3).await["result"]["pieces"], 3);
    assert_eq!((provider.sent.load(Ordering::SeqCst), consumed(&host)), (2, 3_000_000));
    until("the jobs end", || async { number(&host, "SELECT count(*) FROM job WHERE state <> 'done'") == 0 }).await;
    assert_settled(&host);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn another_host_asks_for_one_that_is_dead() {
    let (url, provider) = provider::start().await;
    let settings = settings(&url).postgres(&cluster::shared().fresh_database());
    let mut first = TestHost::with(&settings);
    let stream = first.sql("SELECT max(id) FROM stream").concat();
    let odoo = first.database_with_credits("asker", "10").await;
    let second = TestHost::with(&settings);
    provider.silent.store(true, Ordering::SeqCst);
    let asking = tokio::spawn({
        let odoo = odoo.clone();
        let body = json!({
            "jsonrpc": "2.0", "method": "call", "id": 1,
            "params": { "account_token": odoo.token, "dbuuid": odoo.dbuuid, "id": "o-1", "pieces": 3 },
        });
        async move { odoo.try_post("/iap/s/asker/order", body.to_string()).await.is_err() }
    });
    until("the order is out", || async { provider.took("o-1") }).await;
    first.kill();
    assert!(asking.await.expect("it ends"));
    // A minute later, without the wait.
    second.sql(&format!("UPDATE stream SET seen_at = 0 WHERE id <= {stream}"));
    state(&second, "captured").await;
    until("the job ends", || async { number(&second, "SELECT count(*) FROM job WHERE state <> 'done'") == 0 }).await;
    assert_eq!((provider.sent.load(Ordering::SeqCst), consumed(&second)), (1, 3_000_000));
    assert_settled(&second);
}
