//! Jobs that failed for good: the operator sees them, has them tried again or throws them away.

use std::sync::atomic::Ordering;

use iap_tests::{TestHost, host::until, http};
use serde_json::{Value, json};

use crate::support::{Provider, drained, jobs, later, marks, settings};

async fn list(host: &TestHost, query: &str) -> Vec<Value> {
    let page = host.operator().ok("GET", &format!("/v1/jobs{query}"), None).await;
    page["items"].as_array().cloned().expect("a list")
}

async fn metric(host: &TestHost, name: &str) -> i64 {
    let reply = http::try_send(host.client().get(format!("{}/metrics", host.url()))).await.expect("the host answers");
    let line = reply.text.lines().find_map(|line| line.strip_prefix(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("no {name}: {}", reply.text)).parse().expect("a number")
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_jobs_are_listed_tried_again_and_discarded() {
    let (url, provider) = Provider::start().await;
    let host = TestHost::with(&settings(&url));
    let odoo = host.database_with_credits("worker", "1").await;
    later(&odoo, "fail", 0, 3, 0).await;
    later(&odoo, "mark", 0, 1, 0).await;
    drained(&host, 20).await;
    assert_eq!((jobs(&host, "dead"), jobs(&host, "done"), metric(&host, "jobs_dead").await), (3, 1, 3));
    let dead = list(&host, "?state=dead&service=worker").await;
    let account = host.operator().account(&odoo.dbuuid, "worker").await;
    assert_eq!(dead.len(), 3);
    for job in &dead {
        assert_eq!(
            (&job["kind"], &job["service"], &job["name"], &job["attempts"], &job["account"]),
            (&json!("plugin"), &json!("worker"), &json!("fail"), &json!(1), &json!(account)),
            "{job}"
        );
        assert!(job["last_error"].as_str().is_some_and(|why| why.contains("It does not work.")), "{job}");
        assert!(job["ended_at"].is_string() && job["payload_bytes"] == 12, "{job}");
    }
    // By pages, and one by one.
    let operator = host.operator();
    let first = operator.ok("GET", "/v1/jobs?state=dead&limit=2", None).await;
    let cursor = first["next_cursor"].as_str().expect("there is one more");
    let rest = list(&host, &format!("?state=dead&limit=2&cursor={cursor}")).await;
    assert_eq!((first["items"].as_array().map(Vec::len), rest.as_slice()), (Some(2), &dead[2..]));
    assert_eq!(list(&host, "").await.len(), 4);
    assert_eq!(list(&host, "?state=done").await[0]["name"], "mark");
    assert_eq!(list(&host, "?state=waiting").await, [] as [Value; 0]);
    let id = |at: usize| dead[at]["id"].as_str().expect("an id").to_owned();
    assert_eq!(operator.ok("GET", &format!("/v1/jobs/{}", id(0)), None).await, dead[0]);

    // What still does not work is dead again; what works now is done.
    let (well, text) = host.iap(&["job", "retry", &id(0)]);
    assert!(well, "{text}");
    until("it is dead again", || async { jobs(&host, "dead") == 3 }).await;
    provider.well.store(true, Ordering::SeqCst);
    let retried = operator.ok("POST", &format!("/v1/jobs/{}/retry", id(0)), None).await;
    assert!(matches!(retried["state"].as_str(), Some("waiting" | "running" | "done")), "{retried}");
    until("it is done", || async { jobs(&host, "done") == 2 }).await;
    let (well, text) = host.iap(&["job", "list", "--service", "worker"]);
    assert!(well && text.lines().count() == 2 && text.contains("It does not work."), "{text}");
    let (well, text) = host.iap(&["job", "discard", &id(1), &id(2)]);
    assert!(well && text.contains(&format!("{} is discarded", id(2))), "{text}");
    assert_eq!((jobs(&host, "dead"), metric(&host, "jobs_dead").await), (0, 0));
    let (well, text) = host.iap(&["job", "retry", &id(1)]);
    assert!(!well && text.contains("there is no job"), "{text}");
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_operator_and_only_for_dead_jobs() {
    let host = crate::support::host();
    let odoo = host.database_with_credits("worker", "1").await;
    later(&odoo, "mark", 0, 1, 0).await;
    drained(&host, 20).await;
    assert_eq!(marks(&host).len(), 1);
    let job = list(&host, "").await[0]["id"].as_str().expect("an id").to_owned();
    let operator = host.operator();
    for action in ["retry", "discard"] {
        let reply = operator.send("POST", &format!("/v1/jobs/{job}/{action}"), None).await;
        assert_eq!((reply.status, reply.json()["code"].as_str()), (409, Some("wrong-state")), "{}", reply.text);
        assert!(reply.text.contains("is done: only a job that is dead"), "{}", reply.text);
        let reply = operator.send("POST", &format!("/v1/jobs/job_9999/{action}"), None).await;
        assert_eq!(reply.status, 404, "{}", reply.text);
    }
    for (query, status) in [("?state=ended", 422), ("?service=none", 422), ("?cursor=x", 400), ("?stat=dead", 400)] {
        let reply = operator.send("GET", &format!("/v1/jobs{query}"), None).await;
        assert_eq!(reply.status, status, "{query}: {}", reply.text);
    }
    let bearer = format!("Bearer {}", odoo.token);
    for path in ["/v1/jobs".to_owned(), format!("/v1/jobs/{job}")] {
        let reply = operator.send_with("GET", &path, None, &[("Authorization", &bearer)]).await;
        assert_eq!(reply.status, 403, "{path}: {}", reply.text);
        assert_eq!(operator.send_with("GET", &path, None, &[]).await.status, 401, "{path}");
    }
}
