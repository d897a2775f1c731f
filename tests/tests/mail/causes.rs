//! What has mails sent: credits that run out, a database that moves.

use iap_tests::{Settings, TestHost, host::until};
use serde_json::{Value, json};

async fn host_with(plugins: Vec<&'static str>) -> TestHost {
    TestHost::with(&Settings { plugins, mail: true, without_simulators: true, ..Settings::default() })
}

async fn warn(host: &TestHost, account: &str, body: &Value) {
    host.operator().ok("PATCH", &format!("/v1/accounts/{account}"), Some(body)).await;
}

async fn adjust(host: &TestHost, account: &str, credits: &str) {
    let body = json!({ "credits": credits, "reason": "test" });
    host.operator().ok("POST", &format!("/v1/accounts/{account}/adjustments"), Some(&body)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asked_for_it_is_told_once_when_credits_run_out() {
    let host = host_with(Vec::new()).await;
    let odoo = host.database_with_credits("sms", "10").await;
    let account = host.operator().account(&odoo.dbuuid, "sms").await;
    let emails = json!([{ "email": "ann@b.example", "lang_code": "fr_BE" }, { "email": "bob@b.example" }]);
    warn(&host, &account, &json!({ "warn_me": true, "warning_threshold": "5", "warning_emails": emails })).await;
    adjust(&host, &account, "-5").await;
    tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
    assert!(host.mails(None).await.is_empty(), "5 is not below 5");
    adjust(&host, &account, "-0.5").await;
    let mail = host.mails_to("ann@b.example", 1).await.remove(0);
    host.mails_to("bob@b.example", 1).await;
    let (subject, body) = (mail["subject"].as_str().unwrap(), mail["body"].as_str().unwrap());
    assert!(subject.contains("4.5 ") && body.contains("4.5 ") && body.contains("5 "), "{subject}\n{body}");
    // The link works as it is.
    let link = body.lines().find(|line| line.starts_with(host.url())).unwrap_or_else(|| panic!("no link: {body}"));
    let page = iap_tests::http::try_send(host.client().get(link)).await.unwrap();
    assert_eq!(page.status, 200, "{link}");
    // Once, however often more is spent.
    adjust(&host, &account, "-1").await;
    tokio::time::sleep(std::time::Duration::from_millis(2_500)).await;
    assert_eq!(host.mails(None).await.len(), 2);
    // It has been above since: told again.
    adjust(&host, &account, "20").await;
    until("it is no more low", async || host.sql("SELECT count(*) FROM account WHERE warned = 1") == ["0"]).await;
    adjust(&host, &account, "-20").await;
    assert_eq!(host.mails_to("ann@b.example", 2).await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_moves_has_its_people_told() {
    let host = host_with(vec!["iap-example-echo"]).await;
    let odoo = host.database_with_credits("echo", "7").await;
    odoo.balance("sms").await;
    let operator = host.operator();
    for service in ["echo", "sms"] {
        let account = operator.account(&odoo.dbuuid, service).await;
        let emails = json!([{ "email": format!("{service}@b.example") }]);
        warn(&host, &account, &json!({ "warning_emails": emails })).await;
    }
    operator.declare(&odoo.dbuuid, "odoo_online").await;
    let mail = host.mails_to("echo@b.example", 1).await.remove(0);
    let (subject, body) = (mail["subject"].as_str().unwrap(), mail["body"].as_str().unwrap());
    assert!(subject.contains("suspended") && body.contains("7 credits"), "{subject}\n{body}");
    // The same again says nothing new.
    operator.declare(&odoo.dbuuid, "odoo_online").await;
    operator.declare(&odoo.dbuuid, "on_premise").await;
    let mails = host.mails_to("echo@b.example", 2).await;
    assert!(mails[1]["subject"].as_str().unwrap().contains("used again"), "{}", mails[1]);
    tokio::time::sleep(std::time::Duration::from_millis(1_500)).await;
    assert_eq!(host.mails(None).await.len(), 2, "first-party services are used everywhere");
}
