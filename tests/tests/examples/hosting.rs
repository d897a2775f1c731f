//! Third-party plugins and where a database runs: refused on Odoo Online, asked for on Odoo.sh, used on-premise.

use iap_tests::{Webhook, host::until};
use serde_json::json;

use crate::world::{World, credits};

#[tokio::test(flavor = "multi_thread")]
async fn each_hosting_has_its_rule() {
    let world = World::start();
    let operator = world.host.operator();
    for (service, operation, input) in [
        ("vat_check", "check", json!({ "country": "BE", "number": "0477472701" })),
        ("exchange_rates", "subscribe", json!({ "currencies": ["USD"], "webhook": "http://127.0.0.1:1/rates" })),
    ] {
        for (hosting, opens, code) in [
            ("on_premise", 201, None),
            ("odoo_sh", 201, Some("consent-needed")),
            ("odoo_online", 403, Some("hosting-refused")),
            ("undeclared", 403, Some("hosting-refused")),
        ] {
            let dbuuid = format!("db-{hosting}");
            let declared = json!({ "hosting": hosting, "base_url": "http://127.0.0.1:1" });
            operator.ok("PUT", &format!("/v1/databases/{dbuuid}"), Some(&declared)).await;
            let opening = json!({ "service": service, "database": dbuuid });
            let opened = operator.send("POST", "/v1/accounts", Some(&opening)).await;
            assert_eq!(opened.status, opens, "{service} on {hosting}: {}", opened.text);
            let Some(account) = opened.json()["id"].as_str().map(str::to_owned) else {
                assert_eq!(opened.json()["code"].as_str(), code, "{service} on {hosting}");
                continue;
            };
            let grant = json!({ "credits": "1", "reason": "test" });
            operator.ok("POST", &format!("/v1/accounts/{account}/grants"), Some(&grant)).await;
            let before = (world.register.total().await, world.bank.total().await);
            let reply = world.call(&account, operation, &input).await;
            if let Some(code) = code {
                assert_eq!((reply.status, reply.json()["code"].as_str()), (403, Some(code)), "{service} on {hosting}");
                assert_eq!(world.credits(&account).await, credits("1", "0"));
                assert_eq!((world.register.total().await, world.bank.total().await), before, "nobody was asked");
                // An admin of the database consents.
                let consent = json!({ "enabled": true });
                operator.ok("PATCH", &format!("/v1/accounts/{account}"), Some(&consent)).await;
                let reply = world.call(&account, operation, &input).await;
                assert_eq!(reply.status, 200, "{service} on {hosting}: {}", reply.text);
            } else {
                assert_eq!(reply.status, 200, "{service} on {hosting}: {}", reply.text);
            }
        }
    }
    world.host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subscription_rests_while_its_database_is_on_odoo_online() {
    let (world, webhook) = (World::start(), Webhook::start());
    let (odoo, account) = world.customer("exchange_rates", "2").await;
    let params =
        json!({ "account_token": odoo.token, "dbuuid": odoo.dbuuid, "currencies": ["USD"], "webhook": webhook.url() });
    odoo.result("/iap/s/exchange_rates/subscribe", &params).await;
    until("the first rates come", async || webhook.received().len() == 1).await;
    world.host.operator().declare(&odoo.dbuuid, "odoo_online").await;
    world.bank.send("PUT", "/rates", Some(&json!({ "date": "2026-01-05", "rates": {} }))).await;
    let asked = world.bank.total().await;
    until("the rates are looked at", async || asked + 2 <= world.bank.total().await).await;
    assert_eq!(webhook.received().len(), 1, "nothing goes to a database on Odoo Online");
    assert!(odoo.rpc("/iap/s/exchange_rates/subscribe", &params).await.get("error").is_some());
    assert_eq!(world.credits(&account).await, credits("1", "1"));
    world.host.operator().declare(&odoo.dbuuid, "on_premise").await;
    until("the rates come", async || webhook.received().len() == 2).await;
    world.host.verify();
}
