//! What a call may cost bounds its jobs too.

use iap_tests::{Settings, TestHost, cluster, host::until};
use serde_json::json;

use crate::support::{give, open, send_once, text};

fn settings() -> Settings {
    Settings { plugins: vec!["iap-guest-asker"], without_simulators: true, ..Settings::default() }
}

async fn bounded(host: &TestHost) {
    let operator = host.operator();
    operator.declare("db-a", "on_premise").await;
    let (id, _) = open(host, "asker", "db-a").await;
    give(host, &id, "100").await;
    for (n, (most, pieces, more, credits)) in [
        (Some("4"), 2, 2, "4"),
        // What the call has set aside counts although its job authorizes.
        (Some("3"), 2, 2, "2"),
        (Some("3.999999"), 2, 2, "2"),
        (None, 2, 90, "92"),
    ]
    .into_iter()
    .enumerate()
    {
        let mut body = json!({ "input": { "pieces": pieces, "more": more } });
        if let Some(most) = most {
            body["max_credits"] = json!(most);
        }
        let path = format!("/v1/accounts/{id}/calls/order_later");
        let reply = send_once(host, &format!("later-{n}"), "POST", &path, &body).await;
        assert_eq!((reply.status, &reply.json()["credits"]), (200, &json!("0")), "{}", reply.text);
        assert!(reply.json().get("receipt_url").is_none(), "nothing is charged yet: {}", reply.text);
        let call = text(&reply.json()["call_id"]);
        until("the job delivers", || async {
            let calls = operator.ok("GET", &format!("/v1/accounts/{id}/calls?limit=1"), None).await;
            assert_eq!(text(&calls["items"][0]["id"]), call);
            calls["items"][0]["state"] == "captured" && calls["items"][0]["credits"] == credits
        })
        .await;
    }
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_spends_no_more_than_the_caller_of_its_call_allowed() {
    bounded(&TestHost::with(&settings())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_spends_no_more_than_the_caller_of_its_call_allowed_on_postgres() {
    bounded(&TestHost::with(&settings().postgres(&cluster::shared().fresh_database()))).await;
}
