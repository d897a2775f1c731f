//! The same key again: at once, with another request, after a kill.

use std::time::Duration;

use iap_tests::{Reply, Settings, TestHost, odoo::hex32};
use serde_json::{Value, json};

use crate::support::{Rest, assert_settled, consumed, number, rounds};

fn echo() -> Settings {
    Settings { plugins: vec!["iap-example-echo", "iap-guest-hostile"], without_simulators: true, ..Settings::default() }
}

/// Fifty identical requests at once.
async fn fifty(rest: &Rest, path: &str, body: &Value, key: &str) -> Vec<Reply> {
    let requests = (0..50).map(|_| {
        let (rest, path, body, key) = (rest.clone(), path.to_owned(), body.clone(), key.to_owned());
        tokio::spawn(async move { rest.post(&path, &body, Some(&key)).await })
    });
    let mut replies = Vec::new();
    for request in requests.collect::<Vec<_>>() {
        replies.push(request.await.expect("it is answered"));
    }
    replies
}

fn assert_problem(reply: &Reply, status: u16, code: &str, detail: &str) {
    let problem = reply.json();
    assert_eq!((reply.status, &problem["code"], &problem["detail"]), (status, &json!(code), &json!(detail)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_call_with_a_key_happens_once() {
    let host = TestHost::with(&echo());
    let odoo = host.database_with_credits("echo", "10").await;
    let account = host.operator().account(&odoo.dbuuid, "echo").await;
    let (rest, path) = (Rest::of(&host), format!("/v1/accounts/{account}/calls/say"));
    let body = json!({ "input": { "text": "hi" } });
    let replies = fifty(&rest, &path, &body, "key-1").await;
    for reply in &replies {
        assert_eq!((reply.status, &reply.text), (200, &replies[0].text));
    }
    assert_eq!(replies[0].json()["output"], json!({ "text": "hi", "length": 2 }));
    assert_eq!(number(&host, "SELECT count(*) FROM call"), 1);
    assert_eq!(consumed(&host), 1_000_000);

    for (body, field) in [
        (json!({ "input": { "text": "ho" } }), "input.text"),
        (json!({ "input": { "text": "hi" }, "max_credits": "3" }), "max_credits"),
        (json!({ "input": { "text": "hi" }, "company": "1" }), "company"),
    ] {
        let reply = rest.post(&path, &body, Some("key-1")).await;
        let detail =
            format!("the idempotency key was used before with another {field}; use a new key for a new request");
        assert_problem(&reply, 409, "idempotency-key-reused", &detail);
        assert_eq!(reply.json()["field"], field);
    }
    assert_eq!(consumed(&host), 1_000_000);
    assert_settled(&host);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_grant_with_a_key_is_given_once() {
    let host = TestHost::with(&echo());
    let odoo = host.database_with_credits("echo", "10").await;
    let account = host.operator().account(&odoo.dbuuid, "echo").await;
    let (rest, path) = (Rest::of(&host), format!("/v1/accounts/{account}/grants"));
    let body = json!({ "credits": "7", "reason": "sorry" });
    let replies = fifty(&rest, &path, &body, "grant-1").await;
    for reply in &replies {
        assert_eq!((reply.status, &reply.text), (201, &replies[0].text));
    }
    assert_eq!(replies[0].json()["balance"], "17");
    for (body, field) in [
        (json!({ "credits": "8", "reason": "sorry" }), "credits"),
        (json!({ "credits": "7", "reason": "very sorry" }), "reason"),
        (json!({ "credits": "7", "reason": "sorry", "kind": "refund" }), "kind"),
    ] {
        let reply = rest.post(&path, &body, Some("grant-1")).await;
        let detail =
            format!("the idempotency key was used before with another {field}; use a new key for a new request");
        assert_problem(&reply, 409, "idempotency-key-reused", &detail);
        assert_eq!(reply.json()["field"], field);
    }
    assert_eq!(odoo.balance("echo").await, json!(17.0));
    assert_eq!(number(&host, "SELECT count(*) FROM credit_grant"), 2);
    assert_settled(&host);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_key_that_is_repeated_after_a_kill_has_one_effect() {
    const AT_ONCE: u64 = 12;
    let mut host = TestHost::with(&echo());
    let odoo = host.database_with_credits("echo", "1000000").await;
    let account = host.operator().account(&odoo.dbuuid, "echo").await;
    let rest = Rest::of(&host);
    let mut answers = std::collections::BTreeMap::<String, u64>::new();
    for round in 0..rounds() {
        let asks = (0..AT_ONCE).map(|n| {
            let (rest, account, key) = (rest.clone(), account.clone(), format!("r{round}-{n}"));
            tokio::spawn(async move {
                let (call, grant) =
                    (format!("/v1/accounts/{account}/calls/say"), format!("/v1/accounts/{account}/grants"));
                let given = rest.post_until_answered(&grant, &json!({ "credits": "1", "reason": key }), &key).await;
                assert_eq!(given.status, 201, "{}", given.text);
                let said = rest.post_until_answered(&call, &json!({ "input": { "text": key } }), &key).await;
                let again = rest.post_until_answered(&call, &json!({ "input": { "text": key } }), &key).await;
                assert_eq!((said.status, &said.json()["output"]), (again.status, &again.json()["output"]));
                if said.status == 200 { "answered".to_owned() } else { said.json()["code"].to_string() }
            })
        });
        let asks: Vec<_> = asks.collect();
        tokio::time::sleep(Duration::from_millis(3 + round * 7 % 40)).await;
        host.kill();
        host.restart();
        for ask in asks {
            *answers.entry(ask.await.expect("it is answered")).or_default() += 1;
        }
    }
    let keys = i64::try_from(rounds() * AT_ONCE).expect("few");
    assert!(answers.keys().all(|answer| matches!(answer.as_str(), "answered" | "\"partial\"")), "{answers:?}");
    assert_eq!(
        number(&host, "SELECT count(*) FROM call WHERE idempotency_key IS NOT NULL AND credits = 1000000"),
        keys
    );
    assert_eq!(consumed(&host), keys * 1_000_000);
    assert_eq!(number(&host, "SELECT count(*) FROM credit_grant WHERE reason LIKE 'r%-%'"), keys);
    println!("{} kills, {keys} keys, {answers:?}", rounds());
    assert_settled(&host);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_whose_answer_was_lost_in_a_crash_says_so() {
    let mut host = TestHost::with(&echo());
    let odoo = host.database_with_credits("echo", "10").await;
    let account = host.operator().account(&odoo.dbuuid, "echo").await;
    let (rest, path, body) =
        (Rest::of(&host), format!("/v1/accounts/{account}/calls/say"), json!({ "input": { "text": "hi" } }));
    assert_eq!(rest.post(&path, &body, Some("key-1")).await.status, 200);
    host.kill();
    // As a crash leaves it between the commit with the capture and the one with the answer.
    assert_eq!(host.sql("UPDATE call SET state = 'running', output = NULL RETURNING credits"), ["1000000"]);
    host.restart();
    for _ in 0..2 {
        let reply = rest.post(&path, &body, Some("key-1")).await;
        assert_problem(
            &reply,
            502,
            "partial",
            "the host failed: it could not finish the call; what was delivered before stays charged",
        );
    }
    assert_eq!(host.sql("SELECT state || ' ' || credits FROM call"), ["partial 1000000"]);
    assert_settled(&host);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partial_call_answers_its_problem_again() {
    let host = TestHost::with(&echo());
    let odoo = host.database_with_credits("hostile", "10").await;
    let account = host.operator().account(&odoo.dbuuid, "hostile").await;
    let (rest, path) = (Rest::of(&host), format!("/v1/accounts/{account}/calls/capture_then_panic"));
    let first = rest.post(&path, &json!({ "input": {} }), Some("key-1")).await;
    assert_eq!((first.status, first.json()["code"].as_str()), (502, Some("partial")), "{}", first.text);
    assert!(first.text.contains("what was delivered before stays charged"), "{}", first.text);
    let again = rest.post(&path, &json!({ "input": {} }), Some("key-1")).await;
    assert_eq!((again.status, again.text), (first.status, first.text));
    assert_eq!((number(&host, "SELECT count(*) FROM call"), consumed(&host)), (1, 1_000_000));
    assert_settled(&host);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_failed_in_a_mailing_may_be_tried_again_and_is_charged_once() {
    let host = TestHost::start();
    let odoo = host.database_with_credits("sms", "100").await;
    let uuids: Vec<String> = (0..25).map(|_| hex32()).collect();
    let to = |n: usize| if n < 2 { "+32475000500" } else { "+32475000001" };
    let numbers: Vec<(&str, &str)> = uuids.iter().enumerate().map(|(n, uuid)| (to(n), uuid.as_str())).collect();
    odoo.result("/api/sms/3/send", &odoo.sms("Hello", &numbers)).await;
    iap_tests::host::until("it is sent", || async {
        number(&host, "SELECT count(*) FROM job WHERE state <> 'done'") == 0
    })
    .await;
    assert_eq!(consumed(&host), 23_000_000);
    // Alone, and beside one that can never be sent: both ways it is charged once, however often it is asked for.
    let beside = hex32();
    for _ in 0..3 {
        assert_eq!(odoo.send("+32475000001", &uuids[0]).await, "success");
        let pair = [("+32475000001", uuids[1].as_str()), ("+32475000404", beside.as_str())];
        let result = odoo.result("/api/sms/3/send", &odoo.sms("Hello", &pair)).await;
        assert_eq!((&result[0]["state"], &result[1]["state"]), (&json!("success"), &json!("wrong_number_format")));
    }
    assert_eq!(consumed(&host), 25_000_000);
    assert_settled(&host);
}
