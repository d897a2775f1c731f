//! A release comes, is signed, approved, and serves: here, after a restart, and on other hosts.

use iap_tests::{
    Settings, TestHost,
    cluster::shared,
    host::until,
    releases::{reasons, replace},
};
use serde_json::json;

use crate::support::{NAME, call, customer, host, parrot, publish, say, serve, version_of};

#[tokio::test]
async fn a_release_serves_once_it_is_approved() {
    let mut host = host();
    let component = parrot("1.0.0", |_| {});
    let reply = publish(&host, NAME, component.clone()).await;
    assert_eq!(reply.status, 201, "{}", reply.text);
    let sent = reply.json();
    assert_eq!((&sent["state"], &sent["version"]), (&json!("submitted"), &json!("1.0.0")));
    assert_eq!(sent["report"]["imports"], json!(["billing", "log"]), "{sent}");
    let listed = async || {
        let catalog = host.operator().ok("GET", "/v1/catalog", None).await;
        catalog["services"].as_array().expect("a list").iter().any(|service| service["name"] == NAME)
    };
    assert!(!listed().await, "it is not approved");

    let approve = format!("/v1/services/{NAME}/releases/1.0.0/approve");
    let approved = host.operator().ok("POST", &approve, Some(&json!({ "percent": 100 }))).await;
    assert_eq!(approved["state"], "approved");
    assert!(listed().await);
    let (odoo, account) = customer(&host, NAME, "5").await;
    assert_eq!(say(&host, &account).await, "1");
    let answer =
        odoo.result(&format!("/iap/s/{NAME}/say"), &json!({ "account_token": odoo.token, "text": "hé" })).await;
    assert_eq!(answer, json!({ "text": "hé", "length": 2 }));

    // The same version again is refused, whatever is in it; and so is a second approval.
    let again =
        publish(&host, NAME, parrot("1.0.0", |files| replace(files, "plugin.toml", &[("Parrot", "Polly")]))).await;
    assert_eq!((again.status, &again.json()["code"]), (409, &json!("version-taken")));
    let twice = host.operator().send("POST", &approve, Some(&json!({ "percent": 100 }))).await;
    assert_eq!((twice.status, &twice.json()["code"]), (409, &json!("wrong-state")));

    // Who approved it can be proved by the host's public key.
    let release = host.operator().ok("GET", &format!("/v1/services/{NAME}/releases/1.0.0"), None).await;
    let signature = hex::decode(release["signatures"]["host"].as_str().expect("it is signed")).unwrap();
    let keys = host.operator().ok("GET", "/v1/keys", None).await;
    let key: [u8; 32] = hex::decode(keys["ed25519"].as_str().expect("a key")).unwrap().try_into().unwrap();
    let text = iap_host::publish::submit::countersigned_text(NAME, "1.0.0", release["digest"].as_str().unwrap());
    let key = ed25519_dalek::VerifyingKey::from_bytes(&key).unwrap();
    let signature = ed25519_dalek::Signature::from_slice(&signature).unwrap();
    assert!(key.verify_strict(text.as_bytes(), &signature).is_ok(), "{release} {keys}");

    host.stop();
    host.restart();
    assert_eq!(say(&host, &account).await, "1", "what was published is there after a restart");
    let history = host.operator().ok("GET", &format!("/v1/services/{NAME}/history"), None).await;
    let kinds: Vec<&str> =
        history["items"].as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["approved", "submitted"]);
}

#[tokio::test]
async fn what_is_no_release_is_refused_with_its_reason() {
    let host = host();
    let other = publish(&host, "cockatoo", parrot("1.0.0", |_| {})).await;
    assert!(reasons(&other)[0].contains("plugin.toml says service \"parrot\""), "{}", other.text);
    let broken = publish(
        &host,
        NAME,
        parrot("1.0.0", |files| replace(files, "plugin.toml", &[("max_per_call = \"1\"", "max_per_call = \"one\"")])),
    )
    .await;
    assert!(reasons(&broken)[0].contains("max_per_call"), "{}", broken.text);
    assert!(!reasons(&publish(&host, NAME, b"\0asm\x0d\0\x01\0".to_vec()).await).is_empty());
    // Somebody else's name.
    let taken = publish(
        &host,
        "sms",
        parrot("9.0.0", |files| replace(files, "plugin.toml", &[("name = \"parrot\"", "name = \"sms\"")])),
    )
    .await;
    assert_eq!((taken.status, &taken.json()["code"]), (403, &json!("forbidden")), "{}", taken.text);
    // Nobody's token.
    let reply = iap_tests::releases::upload(host.client(), host.url(), NAME, "iap_vn_unknown", None, vec![1]).await;
    assert_eq!(reply.status, 401);
}

#[tokio::test]
async fn a_rejected_release_never_serves() {
    let host = host();
    publish(&host, NAME, parrot("1.0.0", |_| {})).await;
    let path = format!("/v1/services/{NAME}/releases/1.0.0/reject");
    let rejected = host.operator().ok("POST", &path, Some(&json!({ "reason": "no" }))).await;
    assert_eq!((&rejected["state"], &rejected["reason"]), (&json!("rejected"), &json!("no")));
    let approve = format!("/v1/services/{NAME}/releases/1.0.0/approve");
    assert_eq!(host.operator().send("POST", &approve, Some(&json!({ "percent": 100 }))).await.status, 409);
    let catalog = host.operator().ok("GET", "/v1/catalog", None).await;
    assert!(!catalog.to_string().contains(NAME));
}

#[tokio::test]
async fn a_yanked_release_serves_only_those_who_pinned_it() {
    let host = host();
    serve(&host, NAME, "1.0.0", parrot("1.0.0", |_| {}), 100).await;
    let (_, free) = customer(&host, NAME, "5").await;
    let (_, pinned) = customer(&host, NAME, "5").await;
    serve(&host, NAME, "1.1.0", parrot("1.1.0", |_| {}), 100).await;
    let pin = json!({ "version_requirement": "=1.1.0" });
    host.operator().ok("PATCH", &format!("/v1/accounts/{pinned}"), Some(&pin)).await;
    assert_eq!((version_of(&host, &free).await, version_of(&host, &pinned).await), ("1.1.0".into(), "1.1.0".into()));
    let path = format!("/v1/services/{NAME}/releases/1.1.0/yank");
    host.operator().ok("POST", &path, Some(&json!({ "reason": "wrong words" }))).await;
    assert_eq!((version_of(&host, &free).await, version_of(&host, &pinned).await), ("1.0.0".into(), "1.1.0".into()));
    assert_eq!(say(&host, &pinned).await, "1");
    // With its last release a service is known still, and does nothing.
    let path = format!("/v1/services/{NAME}/releases/1.0.0/yank");
    host.operator().ok("POST", &path, Some(&json!({ "reason": "wrong words too" }))).await;
    let refused = call(&host, &free, "say", &json!({ "text": "hi" })).await;
    assert_eq!((refused.status, &refused.json()["code"]), (403, &json!("no-release")), "{}", refused.text);
    assert_eq!(say(&host, &pinned).await, "1", "who pinned one keeps it");
}

/// What nobody approved serves nobody, whatever its vendor does with it.
#[tokio::test]
async fn a_release_that_was_taken_back_before_its_approval_serves_nobody() {
    let host = host();
    serve(&host, NAME, "1.0.0", parrot("1.0.0", |_| {}), 100).await;
    let (_, account) = customer(&host, NAME, "5").await;
    assert_eq!(crate::support::publish(&host, NAME, parrot("1.1.0", |_| {})).await.status, 201);
    let path = format!("/v1/services/{NAME}/releases/1.1.0/yank");
    host.operator().ok("POST", &path, Some(&json!({ "reason": "not yet" }))).await;
    let pin = json!({ "version_requirement": "=1.1.0" });
    host.operator().ok("PATCH", &format!("/v1/accounts/{account}"), Some(&pin)).await;
    let refused = call(&host, &account, "say", &json!({ "text": "hi" })).await;
    assert_eq!((refused.status, &refused.json()["code"]), (403, &json!("no-release")), "{}", refused.text);
}

#[tokio::test]
async fn what_is_published_at_one_host_serves_at_the_others() {
    let url = shared().fresh_database();
    let settings = Settings { without_simulators: true, ..Settings::default() }.postgres(&url);
    let (first, second) = (TestHost::with(&settings), TestHost::with(&settings));
    serve(&first, NAME, "1.0.0", parrot("1.0.0", |_| {}), 100).await;
    let there = async || second.operator().ok("GET", "/v1/catalog", None).await.to_string().contains(NAME);
    until("the other host has it", there).await;
    let (_, account) = customer(&second, NAME, "5").await;
    assert_eq!(say(&second, &account).await, "1");
    serve(&second, NAME, "1.1.0", parrot("1.1.0", |_| {}), 100).await;
    until("the first host has the new one", async || version_of(&first, &account).await == "1.1.0").await;
    assert_eq!(say(&first, &account).await, "1");
}
