//! A provider's delivery that was answered well is answered the same again, without a run of the plugin.

use hmac::{KeyInit as _, Mac as _};
use iap_tests::{Reply, TestHost, host::until, http};
use serde_json::json;

use crate::support::{host, marks, number};

fn signature(body: &str) -> String {
    let mut mac = hmac::Hmac::<sha2::Sha256>::new_from_slice(b"a key of the tests").expect("any length");
    mac.update(body.as_bytes());
    hex::encode(mac.finalize().into_bytes())
}

async fn deliver(host: &TestHost, path: &str, body: &str, signature: &str) -> Reply {
    let request = host.client().post(format!("{}/hooks/worker/{path}", host.url()));
    let request = request.header("X-Provider-Signature", signature).body(body.to_owned());
    http::try_send(request).await.expect("the host answers")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_delivery_counts_once_even_after_a_restart() {
    let mut host = host();
    let first = deliver(&host, "event", "a", &signature("a")).await;
    assert_eq!((first.status, first.json()), (200, json!({ "counted": 1 })), "{}", first.text);
    for _ in 0..3 {
        let again = deliver(&host, "event", "a", &signature("a")).await;
        assert_eq!(
            (again.status, again.text, again.content_type),
            (200, first.text.clone(), first.content_type.clone())
        );
    }
    host.kill();
    host.restart();
    assert_eq!(deliver(&host, "event", "a", &signature("a")).await.text, first.text);
    // Anything that differs is another delivery.
    assert_eq!(deliver(&host, "event", "b", &signature("b")).await.json(), json!({ "counted": 2 }));
    assert_eq!(deliver(&host, "event?id=2", "a", &signature("a")).await.json(), json!({ "counted": 3 }));
    // A hook that does not say so runs each time.
    for counted in 1..4 {
        assert_eq!(deliver(&host, "plain", "a", &signature("a")).await.json(), json!({ "counted": counted }));
    }
    // When its time is up it is a delivery again.
    host.sql("UPDATE hook_delivery SET expires_at = 1");
    assert_eq!(deliver(&host, "event", "a", &signature("a")).await.json(), json!({ "counted": 4 }));
    assert_eq!(deliver(&host, "event", "a", &signature("a")).await.json(), json!({ "counted": 4 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_answered_well_runs_again() {
    let host = host();
    for signature in ["", "zz", "é", "00", &signature("b"), &signature("a")[..62]] {
        assert_eq!(deliver(&host, "event", "a", signature).await.status, 403, "{signature}");
    }
    assert_eq!(number(&host, "SELECT count(*) FROM hook_delivery"), 0);
    assert_eq!(deliver(&host, "event", "a", &signature("a")).await.status, 200, "its own signature still counts");
    for _ in 0..2 {
        assert_eq!(deliver(&host, "event", "later", &signature("later")).await.status, 503);
    }
    assert_eq!(number(&host, "SELECT count(*) FROM hook_delivery"), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_at_once_one_counts() {
    let host = std::sync::Arc::new(host());
    let tasks = (0..30).map(|_| {
        let host = std::sync::Arc::clone(&host);
        tokio::spawn(async move { deliver(&host, "event", "job", &signature("job")).await })
    });
    for task in tasks.collect::<Vec<_>>() {
        let reply = task.await.expect("it is answered");
        assert_eq!((reply.status, reply.json()), (200, json!({ "counted": 1 })), "{}", reply.text);
    }
    until("its job has run", || async { marks(&host).len() == 1 }).await;
    assert_eq!(number(&host, "SELECT count(*) FROM job"), 1, "what it enqueued too");
}
