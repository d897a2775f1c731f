//! A call whose outcome was found out after it had ended: who repeats it with its key is told.

use std::sync::atomic::Ordering;

use iap_tests::{Settings, TestHost, cluster, host::until};
use serde_json::{Value, json};

use crate::{
    provider,
    support::{balance, give, open, problem, send_once},
};

fn settings(provider: &str) -> Settings {
    Settings {
        plugins: vec!["iap-guest-asker"],
        tables: format!("[services.asker.base_urls]\nprovider = {provider:?}\n"),
        without_simulators: true,
        ..Settings::default()
    }
}

async fn told(host: &TestHost, provider: &provider::Behaviour) {
    host.operator().declare("db-a", "on_premise").await;
    let (id, _) = open(host, "asker", "db-a").await;
    give(host, &id, "10").await;
    let line = json!({ "item": "piece", "key": "", "units": 3, "unit_price": "1", "credits": "3", "note": "" });
    // The plugin has a natural key to know the order by, or it has none.
    for (operation, order, left) in [("order", "o-1", "7"), ("order_plainly", "o-2", "4")] {
        let path = format!("/v1/accounts/{id}/calls/{operation}");
        let body = json!({ "input": { "id": order, "pieces": 3 } });
        provider.silent.store(true, Ordering::SeqCst);
        provider.closed.store(true, Ordering::SeqCst);
        let unknown = send_once(host, order, "POST", &path, &body).await;
        assert_eq!((problem(&unknown).0, problem(&unknown).1.as_str()), (409, "outcome-unknown"));
        provider.closed.store(false, Ordering::SeqCst);
        until("it is known", || async { balance(host, &id).await == left && host.sql(LAST) == ["captured"] }).await;
        provider.silent.store(false, Ordering::SeqCst);
        let mut answers: Vec<Value> = Vec::new();
        for _ in 0..2 {
            let reply = send_once(host, order, "POST", &path, &body).await;
            assert_eq!(reply.status, 200, "{}", reply.text);
            answers.push(reply.json());
        }
        assert_eq!(answers[0], answers[1]);
        let answer = &answers[0];
        let calls = host.operator().ok("GET", &format!("/v1/accounts/{id}/calls?limit=5"), None).await;
        assert_eq!(answer["call_id"], calls["items"][0]["id"], "it is the first call, and no other was recorded");
        assert_eq!(
            (&answer["credits"], &answer["lines"], &answer["balance"]),
            (&json!("3"), &json!([line]), &json!(left))
        );
        assert!(answer["receipt_url"].is_string(), "{answer}");
        if operation == "order" {
            assert_eq!(answer["output"], json!({ "id": order, "pieces": 3 }));
            assert!(answer.get("state").is_none(), "{answer}");
        } else {
            assert_eq!(answer["state"], "settled");
            assert!(answer.get("output").is_none(), "{answer}");
        }
    }
    assert_eq!(provider.sent.load(Ordering::SeqCst), 2, "nothing was ordered again");
    host.verify();
}

const LAST: &str = "SELECT state FROM call ORDER BY id DESC LIMIT 1";

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_repeat_of_a_call_that_was_settled_later_is_told() {
    let (url, provider) = provider::start().await;
    told(&TestHost::with(&settings(&url)), &provider).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_repeat_of_a_call_that_was_settled_later_is_told_on_postgres() {
    let (url, provider) = provider::start().await;
    let settings = settings(&url).postgres(&cluster::shared().fresh_database());
    told(&TestHost::with(&settings), &provider).await;
}
