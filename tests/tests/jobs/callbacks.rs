//! Callbacks go only where the database itself said, in order, again until they are taken, and nowhere else.

use std::time::Duration;

use iap_tests::{Odoo, TestHost, Webhook, host::until};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use crate::support::{ask, drained, host, jobs, number};

/// Asks for a callback in a call that gave `webhook` as the database's own.
async fn call_back(odoo: &Odoo, webhook: &str, url: &str, more: Value) -> Value {
    let mut params =
        json!({ "account_token": odoo.token, "dbuuid": odoo.dbuuid, "webhook_url": webhook, "url": url, "body": {} });
    for (name, value) in more.as_object().into_iter().flatten() {
        params[name] = value.clone();
    }
    odoo.result("/iap/s/worker/call-back", &params).await
}

#[tokio::test(flavor = "multi_thread")]
async fn only_an_origin_that_the_database_gave() {
    let (webhook, other) = (Webhook::start(), Webhook::start());
    let host = host();
    let odoo = host.database_with_credits("worker", "1").await;
    let refused = ask(&odoo, "call_back", json!({ "url": webhook.url() })).await;
    assert_eq!(refused["code"], "origin-refused", "{refused}");
    assert_eq!(call_back(&odoo, &webhook.url(), &other.url(), json!({})).await["code"], "origin-refused");
    assert_eq!(call_back(&odoo, &webhook.url(), &webhook.url(), json!({})).await["code"], "ok");
    // Another path of the origin will do; another port, scheme or host will not.
    let path = webhook.url().replace("/sms/status", "/elsewhere?x=1");
    assert_eq!(call_back(&odoo, &webhook.url(), &path, json!({})).await["code"], "ok");
    for url in [
        webhook.url().replace("http:", "https:"),
        webhook.url().replace("127.0.0.1", "localhost"),
        webhook.url().replace("127.0.0.1", "127.0.0.2"),
        "http://127.0.0.1:1/".to_owned(),
    ] {
        assert_eq!(call_back(&odoo, &webhook.url(), &url, json!({})).await["code"], "origin-refused", "{url}");
    }
    for url in ["ftp://127.0.0.1/", "/sms/status", "http://u:p@127.0.0.1/", "http://127.0.0.1/#a", ""] {
        assert_eq!(call_back(&odoo, &webhook.url(), url, json!({})).await["code"], "bad-url", "{url}");
    }
    // What the operator declared is the database's own, too.
    let base = json!({ "hosting": "on_premise", "base_url": other.url().trim_end_matches("/sms/status") });
    host.operator().ok("PUT", &format!("/v1/databases/{}", odoo.dbuuid), Some(&base)).await;
    assert_eq!(ask(&odoo, "call_back", json!({ "url": other.url() })).await["code"], "ok");
    // Another account's origin is not one's own, and one's own is not another's.
    let stranger = host.database_with_credits("worker", "1").await;
    assert_eq!(ask(&stranger, "call_back", json!({ "url": webhook.url() })).await["code"], "origin-refused");
    let account = host.operator().account(&stranger.dbuuid, "worker").await;
    let answer = call_back(&odoo, &webhook.url(), &webhook.url(), json!({ "account": account })).await;
    assert_eq!(answer["code"], "origin-refused", "{answer}");
    assert_eq!(
        call_back(&odoo, &webhook.url(), &webhook.url(), json!({ "account": "acc_1x8" })).await["code"],
        "unknown-account"
    );
    drained(&host, 20).await;
    assert_eq!((webhook.received().len(), other.received().len()), (2, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn again_until_it_is_taken_and_in_order() {
    let webhook = Webhook::start();
    let host = host();
    let odoo = host.database_with_credits("worker", "1").await;
    webhook.refuse_next(2);
    for n in 0..5 {
        let more = json!({ "order": "one by one", "body": { "n": n } });
        assert_eq!(call_back(&odoo, &webhook.url(), &webhook.url(), more).await["code"], "ok");
    }
    // One without an order does not wait for them.
    call_back(&odoo, &webhook.url(), &webhook.url(), json!({ "body": { "n": 9 } })).await;
    drained(&host, 40).await;
    let received: Vec<Value> = webhook.received().iter().map(|body| body["n"].clone()).collect();
    let ordered: Vec<&Value> = received.iter().filter(|n| **n != json!(9)).collect();
    assert_eq!(ordered, [&json!(0), &json!(1), &json!(2), &json!(3), &json!(4)], "{received:?}");
    assert_eq!(jobs(&host, "done"), 6);
    assert!(number(&host, "SELECT max(attempts) FROM job") >= 2);
}

/// A server that sends whoever asks elsewhere; counts.
async fn redirecting(to: String) -> (String, std::sync::Arc<std::sync::atomic::AtomicU32>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}/", listener.local_addr().expect("it has one"));
    let asked = std::sync::Arc::<std::sync::atomic::AtomicU32>::default();
    let shared = std::sync::Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            shared.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
            let mut buffer = [0; 4096];
            drop(stream.read(&mut buffer).await);
            let answer = format!(
                "HTTP/1.1 307 Temporary Redirect\r\nLocation: {to}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            );
            drop(stream.write_all(answer.as_bytes()).await);
        }
    });
    (url, asked)
}

#[tokio::test(flavor = "multi_thread")]
async fn redirects_are_not_followed() {
    let target = Webhook::start();
    let (url, asked) = redirecting(target.url()).await;
    let host = host();
    let odoo = host.database_with_credits("worker", "1").await;
    assert_eq!(call_back(&odoo, &url, &url, json!({})).await["code"], "ok");
    until("it was tried twice", || async { asked.load(std::sync::atomic::Ordering::SeqCst) >= 2 }).await;
    assert_eq!(target.received(), [] as [Value; 0]);
    assert_eq!(host.sql("SELECT last_error FROM job"), ["the database answered 307"]);
    assert_eq!(jobs(&host, "dead"), 0, "a database may be misconfigured for a while");
}

#[tokio::test(flavor = "multi_thread")]
async fn private_addresses_are_for_the_operator_to_allow() {
    let host: TestHost = host();
    let odoo = host.database_with_credits("worker", "1").await;
    // The tests' host allows 127.0.0.0/8 alone.
    let private = [
        "http://10.0.0.1/",
        "http://192.168.1.1:8069/",
        "http://169.254.169.254/latest/",
        "http://[::1]/",
        "http://0.0.0.0/",
    ];
    for url in private {
        assert_eq!(call_back(&odoo, url, url, json!({})).await["code"], "ok", "its origin is the database's own");
    }
    let end = std::time::Instant::now() + Duration::from_secs(20);
    while jobs(&host, "dead") < i64::try_from(private.len()).expect("few") {
        let errors = host.sql("SELECT name || ' ' || state || ' ' || coalesce(last_error, '-') FROM job");
        assert!(std::time::Instant::now() < end, "they are dead at once: {errors:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for error in host.sql("SELECT last_error FROM job") {
        assert!(error.contains("private"), "{error}");
    }
    assert_eq!(number(&host, "SELECT max(attempts) FROM job"), 1);
}
