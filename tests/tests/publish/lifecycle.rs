//! A service is suspended, tried by its vendor, discontinued, and ends.

use iap_tests::host::until;
use serde_json::json;

use crate::support::{NAME, call, customer, host, parrot, say, serve};

#[tokio::test]
async fn a_suspended_service_does_nothing_until_it_is_resumed() {
    let host = host();
    serve(&host, NAME, "1.0.0", parrot("1.0.0", |_| {}), 100).await;
    let (odoo, account) = customer(&host, NAME, "5").await;
    let operator = host.operator();
    let post = async |what: &str, body: serde_json::Value| {
        operator.send("POST", &format!("/v1/services/{NAME}/{what}"), Some(&body)).await.status
    };
    assert_eq!(post("suspend", json!({ "reason": "complaints" })).await, 204);
    let refused = call(&host, &account, "say", &json!({ "text": "hi" })).await;
    assert_eq!((refused.status, &refused.json()["code"]), (403, &json!("service-suspended")), "{}", refused.text);
    let (_, message) =
        odoo.error(&format!("/iap/s/{NAME}/say"), &json!({ "account_token": odoo.token, "text": "hi" })).await;
    assert!(message.contains("complaints") && message.contains("credits are intact"), "{message}");
    let status = operator.ok("GET", &format!("/v1/services/{NAME}/status"), None).await;
    assert_eq!(status["state"], "suspended");
    let resumed = operator.send("POST", &format!("/v1/services/{NAME}/resume"), None).await;
    assert_eq!(resumed.status, 204);
    assert_eq!(say(&host, &account).await, "1");
}

#[tokio::test]
async fn a_vendor_tries_its_service_with_play_credits() {
    let host = host();
    serve(&host, NAME, "1.0.0", parrot("1.0.0", |_| {}), 100).await;
    let operator = host.operator();
    let path = format!("/v1/services/{NAME}/test-accounts");
    let opened = operator.ok("POST", &path, Some(&json!({ "credits": "3" }))).await;
    let id = opened["id"].as_str().unwrap();
    assert_eq!(say(&host, id).await, "1");
    let shown = operator.ok("GET", &format!("/v1/accounts/{id}"), None).await;
    assert_eq!((&shown["test"], &shown["balance"]), (&json!(true), &json!("2")));
    // Its own token works too, and nothing that it spends earns anything.
    let token = format!("Bearer {}", opened["account_token"].as_str().unwrap());
    let calls = format!("/v1/accounts/{id}/calls/say");
    let said = operator
        .send_with("POST", &calls, Some(&json!({ "input": { "text": "hi" } })), &[("Authorization", &token)])
        .await;
    assert_eq!(said.status, 200, "{}", said.text);
    let money = operator.ok("GET", "/v1/vendors/acme/balance", None).await;
    assert_eq!(money["items"], json!([]));
    let most = operator.send("POST", &path, Some(&json!({ "credits": "100001" }))).await;
    assert_eq!((most.status, &most.json()["field"]), (422, &json!("credits")));
}

#[tokio::test]
async fn a_discontinued_service_sells_no_more_and_refunds_at_its_end() {
    let mut host = host();
    serve(&host, NAME, "1.0.0", parrot("1.0.0", |_| {}), 100).await;
    let (_, account) = customer(&host, NAME, "5").await;
    let emails = json!({ "warning_emails": [{ "email": "admin@db.example" }] });
    host.operator().ok("PATCH", &format!("/v1/accounts/{account}"), Some(&emails)).await;
    let path = format!("/v1/services/{NAME}/discontinue");
    let soon = host.operator().send("POST", &path, Some(&json!({ "ends_at": "2020-01-01T00:00:00Z" }))).await;
    assert_eq!((soon.status, &soon.json()["code"]), (409, &json!("wrong-state")), "{}", soon.text);
    assert!(soon.text.contains("30 days"));
    let reply = host.operator().send("POST", &path, Some(&json!({ "ends_at": "2100-01-01T00:00:00Z" }))).await;
    assert_eq!(reply.status, 204, "{}", reply.text);
    assert_eq!(say(&host, &account).await, "1", "it works until its end");
    let refused = crate::support::publish(&host, NAME, parrot("1.1.0", |_| {})).await;
    assert!(refused.text.contains("discontinued"), "{}", refused.text);
    let order = json!({ "pack": "Starter Pack", "currency": "EUR" });
    let page = host.operator().send("POST", &format!("/v1/accounts/{account}/orders"), Some(&order)).await;
    assert_ne!(page.status, 201);

    // Its end comes: a purchase that was not used goes back, a gift does not.
    host.stop();
    let db = rusqlite::Connection::open(host.data_dir().join("iap.db")).unwrap();
    db.execute("UPDATE service SET ends_at = 1 WHERE name = ?1", [NAME]).unwrap();
    drop(db);
    host.restart();
    let refused = call(&host, &account, "say", &json!({ "text": "hi" })).await;
    assert_eq!((refused.status, &refused.json()["code"]), (403, &json!("service-ended")), "{}", refused.text);
    until("it has ended", async || {
        host.operator().ok("GET", &format!("/v1/services/{NAME}/status"), None).await["state"] == "ended"
    })
    .await;
    let mails = host.operator().ok("GET", "/v1/mails", None).await;
    let told = |kind: &str| mails["items"].as_array().unwrap().iter().filter(|mail| mail["kind"] == kind).count();
    assert_eq!(told("service_discontinued"), 1, "{mails}");
}
