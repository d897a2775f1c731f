//! The hosting rule at every door: {Odoo Online, Odoo.sh, on-premise, undeclared} × {first, third party} × each way in.
//!
//! One table for all: a first party's service is for every database, a third party's for Odoo.sh and on-premise.

use std::sync::{Arc, Mutex};

use iap_tests::{
    Odoo, Settings, TestHost, Webhook,
    host::{OPERATOR_TOKEN, until},
    releases::{edited, upload},
};
use serde_json::{Value, json};

use crate::support::{buy_page, get, post_form};

const HOSTINGS: [&str; 4] = ["odoo_online", "odoo_sh", "on_premise", "undeclared"];
/// Wire name, vendor, remote service of the same vendor, whether the vendor is first party.
const SERVICES: [(&str, &str, &str, bool); 2] =
    [("clerk", "house", "house_post", true), ("porter", "mallory", "mallory_post", false)];

fn is_open(hosting: &str, first_party: bool) -> bool {
    first_party || matches!(hosting, "odoo_sh" | "on_premise")
}

/// A host with the guest `worker` as a first and as a third party's service, each with packs and a trial.
async fn host(provider: &str) -> TestHost {
    let urls = |name: &str| format!("[services.{name}.base_urls]\nprovider = {provider:?}\n");
    let tables = "[vendors.house]\nkind = \"first_party\"\n[third_party_first_use]\nodoo_sh = \"allow\"\n";
    let host = TestHost::with(&Settings {
        tables: format!("{tables}{}{}", urls("clerk"), urls("porter")),
        ..Settings::default()
    });
    for (name, vendor, ..) in SERVICES {
        let component = edited("iap-guest-worker", |files| {
            let text = files.get_mut("plugin.toml").expect("a manifest");
            *text = text
                .replace("worker", name)
                .replace("vendor = \"mallory\"", &format!("vendor = \"{vendor}\""))
                .replace("[permissions]", "[trial]\ncredits = \"3\"\n\n[[packs]]\nname = \"Pack\"\ncredits = \"10\"\nprice = { EUR = \"1.00\" }\n\n[permissions]");
        });
        let reply = upload(host.client(), host.url(), name, OPERATOR_TOKEN, None, component).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
        let approve = format!("/v1/services/{name}/releases/1.0.0/approve");
        host.operator().ok("POST", &approve, Some(&json!({ "percent": 100 }))).await;
    }
    host
}

/// Whether a database has an account of a service.
async fn has_account(host: &TestHost, odoo: &Odoo, service: &str) -> bool {
    let reply = host.operator().send("GET", &format!("/v1/databases/{}", odoo.dbuuid), None).await;
    let accounts = reply.json()["accounts"].as_array().cloned().unwrap_or_default();
    accounts.iter().any(|account| account["service"] == service)
}

/// An account with credits from when its database was on-premise; the database is elsewhere now.
async fn moved(host: &TestHost, service: &str, hosting: &str) -> (Odoo, String) {
    let odoo = host.database_with_credits(service, "5").await;
    let account = host.operator().account(&odoo.dbuuid, service).await;
    host.operator().declare(&odoo.dbuuid, hosting).await;
    (odoo, account)
}

/// Whether an answer is anything but a refusal of the hosting rule.
fn passes(reply: &iap_tests::Reply) -> bool {
    let code = serde_json::from_str::<Value>(&reply.text).map(|body| body["code"].clone()).unwrap_or_default();
    code != "hosting-refused" && code != "account-suspended"
}

#[tokio::test(flavor = "multi_thread")]
async fn every_door_asks_where_a_database_runs() {
    let visits = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&visits);
    let provider = iap_tests::provider::start(move |_, path| {
        seen.lock().expect("nobody panics with it").push(path);
        async { Some("200 OK") }
    });
    let host = host(&provider.await).await;
    let operator = host.operator();
    let mut number = 0;
    for (service, vendor, remote, first_party) in SERVICES {
        let key = operator.register(remote, vendor).await;
        for hosting in HOSTINGS {
            let open = is_open(hosting, first_party);
            let mut doors: Vec<(&str, bool)> = Vec::new();

            // Doors that open an account at first contact.
            let odoo = host.database(hosting).await;
            odoo.balance("sms").await;
            let listed = operator.ok("GET", &format!("/v1/catalog?database={}", odoo.dbuuid), None).await;
            let services = listed["services"].as_array().expect("services");
            let listed = services.iter().find(|one| one["name"] == service).expect("it is listed");
            doors.push(("catalog listing", listed["usable"] == true));
            let body = json!({ "service": service, "database": odoo.dbuuid });
            doors.push(("account creation", operator.send("POST", "/v1/accounts", Some(&body)).await.status == 201));
            let odoo = host.database(hosting).await;
            odoo.balance(service).await;
            doors.push(("balance", has_account(&host, &odoo, service).await));
            let odoo = host.database(hosting).await;
            let asked = json!({ "dbuuid": odoo.dbuuid, "iap_accounts": [{ "token": odoo.token, "service": service }] });
            odoo.rpc("/iap/1/get-accounts-information", &asked).await;
            doors.push(("account information", has_account(&host, &odoo, service).await));
            let odoo = host.database(hosting).await;
            let page = get(&host, &buy_page(&odoo, service, "")).await;
            doors.push(("buy page", page.status == 200 && has_account(&host, &odoo, service).await));
            let odoo = host.database(hosting).await;
            odoo.call(service, "marks", json!({})).await;
            doors.push(("service path", has_account(&host, &odoo, service).await));
            let odoo = host.database(hosting).await;
            let ask = json!({ "account_token": odoo.token, "dbuuid": odoo.dbuuid, "key": key, "credit": 1, "description": "x" });
            odoo.rpc("/iap/1/authorize", &ask).await;
            doors.push(("remote authorize", has_account(&host, &odoo, remote).await));

            // A trial, at the first contact of an eligible database.
            let odoo = host.database("undeclared").await;
            let eligible = json!({ "hosting": hosting, "edition": "enterprise", "subscription_valid": true });
            operator.ok("PUT", &format!("/v1/databases/{}", odoo.dbuuid), Some(&eligible)).await;
            doors.push(("trial", odoo.balance(service).await == json!(3.0)));

            // Doors of an account that is there from when its database was elsewhere.
            let (_, account) = moved(&host, service, hosting).await;
            let path = |rest: &str| format!("/v1/accounts/{account}{rest}");
            operator.ok("PATCH", &path(""), Some(&json!({ "enabled": false }))).await;
            doors.push(("enable", passes(&operator.send("PATCH", &path(""), Some(&json!({ "enabled": true }))).await)));
            let (odoo, account) = moved(&host, service, hosting).await;
            let path = |rest: &str| format!("/v1/accounts/{account}{rest}");
            let input = json!({ "input": { "key": "a" } });
            doors.push(("quote", passes(&operator.send("POST", &path("/quotes/paid_later"), Some(&input)).await)));
            let call = operator.send("POST", &path("/calls/paid_later"), Some(&input)).await;
            doors.push(("call", call.status == 200));
            let grant = json!({ "credits": "1", "reason": "test" });
            doors.push(("grant", operator.send("POST", &path("/grants"), Some(&grant)).await.status == 201));
            let order = [
                ("service_name", service),
                ("account_token", &*odoo.token),
                ("dbuuid", &*odoo.dbuuid),
                ("pack", "Pack"),
                ("currency", "EUR"),
            ];
            doors.push(("order", post_form(&host, "/iap/1/credit", &order).await.status == 303));

            // Work that was enqueued before the move.
            let webhook = Webhook::start();
            let odoo = host.database_with_credits(service, "5").await;
            let account = operator.account(&odoo.dbuuid, service).await;
            number += 1;
            let later = json!({ "job": "visit", "count": 1, "first": number, "delay": 2 });
            odoo.result(&format!("/iap/s/{service}/later"), &with(&odoo, later)).await;
            operator.declare(&odoo.dbuuid, hosting).await;
            let ran = async || {
                let jobs = operator.ok("GET", &format!("/v1/jobs?service={service}"), None).await;
                let jobs = jobs["items"].as_array().cloned().unwrap_or_default();
                let job = jobs.into_iter().find(|job| job["account"] == account.as_str() && job["name"] == "visit");
                let job = job.expect("a job");
                job["state"] == "done" || job["last_error"].is_string()
            };
            until("the job has run", ran).await;
            let visited = format!("/visit/{number}");
            doors.push(("job", visits.lock().expect("nobody panics with it").contains(&visited)));
            // A callback to a database that has moved.
            let odoo = host.database_with_credits(service, "5").await;
            let asked = json!({ "webhook_url": webhook.url(), "url": webhook.url(), "body": {} });
            odoo.result(&format!("/iap/s/{service}/call-back"), &with(&odoo, asked.clone())).await;
            until("it came", async || !webhook.received().is_empty()).await;
            operator.declare(&odoo.dbuuid, hosting).await;
            let answer = odoo.rpc(&format!("/iap/s/{service}/call-back"), &with(&odoo, asked)).await;
            doors.push(("callback", answer["result"]["code"] == "ok"));

            let expected: Vec<(&str, bool)> = doors.iter().map(|(door, _)| (*door, open)).collect();
            assert_eq!(doors, expected, "{service} of {vendor} for {hosting}");
        }
    }
    host.verify();
}

/// Parameters with who asks.
fn with(odoo: &Odoo, mut params: Value) -> Value {
    params["account_token"] = json!(odoo.token);
    params["dbuuid"] = json!(odoo.dbuuid);
    params
}
