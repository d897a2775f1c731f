//! The hosting rule at Odoo's door: third-party services are for Odoo.sh and on-premise databases only.

use iap_tests::{Odoo, Operator, Settings, TestHost, odoo::error_of};
use serde_json::{Value, json};
use sha1::{Digest, Sha1};

const ONLINE: &str = "a database on Odoo Online can use first-party services only; use one of those, or move the database to Odoo.sh or on-premise";
const UNDECLARED: &str = "the hosting of this database is not declared, so it can use first-party services only; ask the operator of this host to declare it";

fn host() -> TestHost {
    TestHost::with(&Settings { plugins: vec!["iap-example-echo"], ..Settings::default() })
}

async fn say(odoo: &Odoo) -> Value {
    odoo.call("echo", "say", json!({ "text": "hi" })).await
}

async fn authorize(odoo: &Odoo, key: &str) -> Value {
    let params = json!({ "key": key, "account_token": odoo.token, "dbuuid": odoo.dbuuid, "credit": 1 });
    odoo.rpc("/iap/1/authorize", &params).await
}

async fn information(odoo: &Odoo, service: &str) -> Value {
    let params = json!({ "iap_accounts": [{ "token": odoo.token, "service": service }], "dbuuid": odoo.dbuuid });
    odoo.result("/iap/1/get-accounts-information", &params).await
}

async fn accounts(operator: &Operator, dbuuid: &str) -> usize {
    let reply = operator.send("GET", &format!("/v1/databases/{dbuuid}"), None).await;
    reply.json()["accounts"].as_array().map_or(0, Vec::len)
}

/// The class of an error, and its text without what differs from run to run; of insufficient credit, the
/// service that lacks them.
fn refusal(host: &TestHost, odoo: &Odoo, answer: &Value) -> (String, String) {
    let (class, message) = error_of(answer);
    let message = message.replace(host.url(), "HOST").replace(&hex::encode(Sha1::digest(&odoo.token)), "SHA1");
    let message: Value =
        serde_json::from_str(&message).map_or(json!(message), |dialog: Value| dialog["service_name"].clone());
    (class, message.as_str().unwrap_or_default().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn each_door_asks_where_the_database_runs() {
    let host = host();
    let operator = host.operator();
    let key = operator.register("acme_print", "acme-labs").await;
    let access = |text: &str| ("AccessError".to_owned(), text.to_owned());
    let consent = |title: &str, service: &str| {
        let link = format!("HOST/iap/1/credit?service_name={service}&account_token=SHA1&hashed=1");
        access(&format!(
            "an admin of the database has not enabled {title} yet; see what it may do and enable it at {link}"
        ))
    };
    let credits = |service: &str| ("InsufficientCreditError".to_owned(), service.to_owned());
    // hosting, may it open accounts, what the plugin's path says, what the remote provider is told
    let table = [
        ("odoo_online", false, access(ONLINE), access(ONLINE)),
        ("undeclared", false, access(UNDECLARED), access(UNDECLARED)),
        ("odoo_sh", true, consent("Echo", "echo"), consent("acme_print", "acme_print")),
        ("on_premise", true, credits("echo"), credits("acme_print")),
    ];
    for (hosting, opens, said, authorized) in table {
        // Each door as the very first contact.
        let odoo = host.database(hosting).await;
        assert_eq!(odoo.balance("echo").await, json!(0.0), "{hosting}: never an error");
        assert_eq!(accounts(&operator, &odoo.dbuuid).await, usize::from(opens), "{hosting} balance");
        let odoo = host.database(hosting).await;
        let shown = information(&odoo, "echo").await;
        assert_eq!(shown.get(&odoo.token).map(|of| of["balance"].clone()), opens.then(|| json!(0.0)), "{hosting}");
        assert_eq!(accounts(&operator, &odoo.dbuuid).await, usize::from(opens), "{hosting} information");
        let odoo = host.database(hosting).await;
        assert_eq!(refusal(&host, &odoo, &say(&odoo).await), said, "{hosting} path");
        assert_eq!(accounts(&operator, &odoo.dbuuid).await, usize::from(opens), "{hosting} path");
        let odoo = host.database(hosting).await;
        assert_eq!(refusal(&host, &odoo, &authorize(&odoo, &key).await), authorized, "{hosting} authorize");
        assert_eq!(accounts(&operator, &odoo.dbuuid).await, usize::from(opens), "{hosting} authorize");
        // First-party services are for all.
        assert_eq!(odoo.balance("sms").await, json!(0.0));
        assert_eq!(odoo.send("+32475000001", &iap_tests::odoo::hex32()).await, "insufficient_credit", "{hosting}");
        assert_eq!(accounts(&operator, &odoo.dbuuid).await, usize::from(opens) + 1, "{hosting} sms");
    }
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn on_odoo_sh_an_admin_consents_first() {
    let host = host();
    let operator = host.operator();
    let odoo = host.database("odoo_sh").await;
    odoo.balance("echo").await;
    let account = operator.grant(&odoo, "echo", "2").await;
    assert_eq!(error_of(&say(&odoo).await).0, "AccessError");
    operator.ok("PATCH", &format!("/v1/accounts/{account}"), Some(&json!({ "enabled": true }))).await;
    assert_eq!(say(&odoo).await["result"], json!({ "text": "hi", "length": 2 }));
    assert_eq!(odoo.balance("echo").await, json!(1.0));
    operator.ok("PATCH", &format!("/v1/accounts/{account}"), Some(&json!({ "enabled": false }))).await;
    assert_eq!(error_of(&say(&odoo).await).0, "AccessError");
    assert_eq!(odoo.balance("echo").await, json!(1.0));
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_moves_to_odoo_online_keeps_its_credits_and_spends_none() {
    let host = host();
    let operator = host.operator();
    let key = operator.register("acme_print", "acme-labs").await;
    let odoo = host.database_with_credits("echo", "5").await;
    let echo = operator.account(&odoo.dbuuid, "echo").await;
    odoo.balance("acme_print").await;
    let print = operator.grant(&odoo, "acme_print", "5").await;
    assert_eq!(say(&odoo).await["result"]["text"], "hi");
    let hold = authorize(&odoo, &key).await["result"].clone();
    let other = authorize(&odoo, &key).await["result"].clone();
    operator.declare(&odoo.dbuuid, "odoo_online").await;
    for account in [&echo, &print] {
        let shown = operator.ok("GET", &format!("/v1/accounts/{account}"), None).await;
        assert_eq!(shown["suspended"], "hosting-refused", "{account}");
    }
    let access = ("AccessError".to_owned(), ONLINE.to_owned());
    assert_eq!(error_of(&say(&odoo).await), access);
    assert_eq!(error_of(&authorize(&odoo, &key).await), access);
    assert_eq!(
        (odoo.balance("echo").await, odoo.balance("acme_print").await),
        (json!(4.0), json!(3.0)),
        "credits are intact"
    );
    // What was begun before may end either way.
    let end = |hold: &Value| json!({ "key": key, "token": hold });
    assert_eq!(odoo.result("/iap/1/capture", &end(&hold)).await, json!(true));
    assert_eq!(odoo.result("/iap/1/cancel", &end(&other)).await, json!(true));
    assert_eq!(operator.credits(&print).await, ("4".to_owned(), "0".to_owned()));
    operator.declare(&odoo.dbuuid, "on_premise").await;
    assert_eq!(say(&odoo).await["result"]["text"], "hi");
    assert!(authorize(&odoo, &key).await["result"].is_string());
    assert_eq!((odoo.balance("echo").await, odoo.balance("acme_print").await), (json!(3.0), json!(3.0)));
    host.verify();
}
