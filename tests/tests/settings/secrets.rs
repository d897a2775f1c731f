//! Secrets that are set by REST.

use iap_tests::{TestHost, cluster, host::until};
use serde_json::json;

use crate::support::{Echo, ask, database, set_token, settings};

const TOKEN: &str = "tk_1.Wf/9+secret";

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_counts_at_once_and_is_shown_to_nobody() {
    let echo = Echo::start();
    let mut host = TestHost::with(&settings(&echo, ""));
    let odoo = database(&host).await;
    assert!(ask(&host, &odoo).await.to_string().contains("not-granted"), "it is not set");
    let set = set_token(&host, TOKEN).await;
    assert_eq!((&set["name"], &set["source"], &set["author"]), (&json!("token"), &json!("stored"), &json!("operator")));
    let answer = ask(&host, &odoo).await;
    assert_eq!(echo.last(), Some(format!("Bearer {TOKEN}")), "{answer}");
    // The same again, and another one.
    set_token(&host, TOKEN).await;
    set_token(&host, "another-token").await;
    ask(&host, &odoo).await;
    assert_eq!(echo.last().as_deref(), Some("Bearer another-token"));
    set_token(&host, TOKEN).await;
    let list = host.operator().ok("GET", "/v1/services/hostile/secrets", None).await;
    assert_eq!(
        (&list["items"][0]["source"], &list["items"][0]["readable"]),
        (&json!("stored"), &json!(true)),
        "{list}"
    );
    let shown = format!("{set}{list}{}", host.log());
    assert!(!shown.contains(TOKEN) && !shown.contains("another-token"), "{shown}");
    let sealed = host.sql("SELECT hex(sealed) FROM service_secret").remove(0);
    assert!(!sealed.to_lowercase().contains(&hex::encode(TOKEN)), "{sealed}");
    // It is there after a restart, and gone when it is taken away.
    host.kill();
    host.restart();
    ask(&host, &odoo).await;
    assert_eq!(echo.last(), Some(format!("Bearer {TOKEN}")));
    for _ in 0..2 {
        let gone = host.operator().send("DELETE", "/v1/services/hostile/secrets/token", None).await;
        assert_eq!(gone.status, 204, "{}", gone.text);
    }
    assert!(ask(&host, &odoo).await.to_string().contains("not-granted"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_a_secret_is_refused_and_not_repeated() {
    let echo = Echo::start();
    let host = TestHost::with(&settings(&echo, ""));
    let put = async |name: &str, body: serde_json::Value| {
        host.operator().send("PUT", &format!("/v1/services/hostile/secrets/{name}"), Some(&body)).await
    };
    for (name, body, status) in [
        ("other", json!({ "value": "hunter22" }), 404),
        ("token", json!({ "value": "short" }), 422),
        ("token", json!({ "value": "hunter22\nX-Evil: 1" }), 422),
        ("token", json!({ "value": " hunter22" }), 422),
        ("token", json!({ "value": ["hunter22"] }), 422),
        ("token", json!({ "value": "hunter22", "note": "hunter22" }), 400),
        ("token", json!({}), 400),
    ] {
        let reply = put(name, body.clone()).await;
        let close = reply.status == status || (400..=422).contains(&reply.status) && status != 404;
        assert!(close, "{name} {body}: {} {}", reply.status, reply.text);
        assert!(!reply.text.contains("hunter22"), "{}", reply.text);
    }
    let path = "/v1/services/hostile/secrets/token";
    assert_eq!(host.operator().send_with("PUT", path, Some(&json!({ "value": "hunter22" })), &[]).await.status, 401);
    let value = json!({ "value": "hunter22" });
    let unknown = host.operator().send("PUT", "/v1/services/nothing/secrets/token", Some(&value)).await;
    assert_eq!(unknown.status, 404, "{}", unknown.text);
    assert_eq!(host.sql("SELECT count(*) FROM service_secret"), ["0"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_settings_file_wins() {
    let echo = Echo::start();
    let host = TestHost::with(&settings(&echo, "[services.hostile.secrets]\ntoken = \"of-the-settings-file\"\n"));
    let odoo = database(&host).await;
    assert_eq!(set_token(&host, TOKEN).await["source"], "settings_file");
    ask(&host, &odoo).await;
    assert_eq!(echo.last().as_deref(), Some("Bearer of-the-settings-file"));
}

#[tokio::test(flavor = "multi_thread")]
async fn other_hosts_take_it_up_by_themselves() {
    let echo = Echo::start();
    let settings = settings(&echo, "").postgres(&cluster::shared().fresh_database());
    let (first, second) = (TestHost::with(&settings), TestHost::with(&settings));
    let odoo = database(&first).await;
    let elsewhere = second.operator();
    assert!(ask(&second, &odoo).await.to_string().contains("not-granted"), "it is not set");
    set_token(&first, TOKEN).await;
    until("the other host has it", async || {
        ask(&second, &odoo).await;
        echo.last() == Some(format!("Bearer {TOKEN}"))
    })
    .await;
    let list = elsewhere.ok("GET", "/v1/services/hostile/secrets", None).await;
    assert_eq!(list["items"][0]["readable"], true, "{list}");
}
