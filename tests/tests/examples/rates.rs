//! `examples/exchange-rates`: store, jobs and callbacks of a third-party plugin, from a subscription to its settlement.

use std::time::Duration;

use iap_tests::{Odoo, Webhook, host::until};
use serde_json::{Value, json};

use crate::world::{World, credits};

async fn subscribe(odoo: &Odoo, currencies: Value, webhook: &str) -> Value {
    let params =
        json!({ "account_token": odoo.token, "dbuuid": odoo.dbuuid, "currencies": currencies, "webhook": webhook });
    odoo.rpc("/iap/s/exchange_rates/subscribe", &params).await
}

async fn publish(world: &World, date: &str, dollar: &str) {
    world.bank.send("PUT", "/rates", Some(&json!({ "date": date, "rates": { "USD": dollar } }))).await;
}

/// Dates that the database was told, in the order they came.
fn told(webhook: &Webhook) -> Vec<String> {
    let date = |body: &Value| body["params"]["date"].as_str().unwrap_or_default().to_owned();
    webhook.received().iter().map(date).collect()
}

async fn until_told(webhook: &Webhook, dates: &[&str]) {
    until(&format!("the database is told {dates:?}"), async || dates.len() <= webhook.received().len()).await;
    assert_eq!(told(webhook), dates);
}

async fn until_settled(world: &World, account: &str, available: &str) {
    until("the subscription is settled", async || world.credits(account).await.1 == "0").await;
    assert_eq!(world.credits(account).await, credits(available, "0"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_told_when_rates_change_and_pays_for_that() {
    let (world, webhook) = (World::start(), Webhook::start());
    let (odoo, account) = world.customer("exchange_rates", "3").await;
    let answer = subscribe(&odoo, json!(["USD", "CHF"]), &webhook.url()).await["result"].clone();
    let rates = json!({ "USD": "1.1738", "CHF": "0.9291" });
    assert_eq!((&answer["date"], &answer["base"], &answer["rates"]), (&json!("2026-01-02"), &json!("EUR"), &rates));
    assert_eq!(world.credits(&account).await, credits("2", "1"));
    until_told(&webhook, &["2026-01-02"]).await;
    assert_eq!(webhook.received()[0]["params"], answer);
    publish(&world, "2026-01-05", "1.18").await;
    until_told(&webhook, &["2026-01-02", "2026-01-05"]).await;
    // The host dies, and the rates change meanwhile.
    let mut world = world;
    world.host.kill();
    publish(&world, "2026-01-06", "1.19").await;
    world.host.restart();
    until_told(&webhook, &["2026-01-02", "2026-01-05", "2026-01-06"]).await;
    assert_eq!(webhook.received()[2]["params"]["rates"], json!({ "USD": "1.19", "CHF": "0.9291" }));
    let latest = odoo.call("exchange_rates", "rates", json!({ "currencies": ["USD"] })).await["result"].clone();
    assert_eq!((&latest["date"], &latest["rates"]), (&json!("2026-01-06"), &json!({ "USD": "1.19" })));
    assert_eq!(odoo.call("exchange_rates", "unsubscribe", json!({})).await["result"], json!({ "unsubscribed": true }));
    until_settled(&world, &account, "2.88").await;
    publish(&world, "2026-01-07", "1.2").await;
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(webhook.received().len(), 3, "who unsubscribed is told no more");
    assert!(odoo.call("exchange_rates", "rates", json!({})).await.get("error").is_some());
    let calls = world.host.operator().ok("GET", &format!("/v1/accounts/{account}/calls"), None).await;
    let charged =
        calls["items"].as_array().into_iter().flatten().filter(|call| call["credits"] == json!("0.12")).count();
    assert_eq!(charged, 1, "{calls}");
    world.host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn many_subscriptions_ask_the_bank_together() {
    let (world, webhook) = (World::looking_every(3_600), Webhook::start());
    for _ in 0..4 {
        let (odoo, account) = world.customer("exchange_rates", "1").await;
        let answer = subscribe(&odoo, json!(["USD"]), &webhook.url()).await;
        assert_eq!(answer["result"]["rates"], json!({ "USD": "1.1738" }), "{answer}");
        let known = odoo.call("exchange_rates", "rates", json!({ "currencies": ["JPY"] })).await;
        assert_eq!(known["result"]["rates"], json!({ "JPY": "183.93" }), "{known}");
        assert_eq!(world.credits(&account).await, credits("0", "1"));
    }
    assert_eq!(world.bank.total().await, 1);
    world.host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bank_that_fails_ends_no_subscription_and_begins_none() {
    let (world, webhook) = (World::start(), Webhook::start());
    let (odoo, account) = world.customer("exchange_rates", "1").await;
    for faults in
        [json!({ "status": 503 }), json!({ "garbage": true }), json!({ "half": true }), json!({ "drop": true })]
    {
        world.bank.faults(faults.clone()).await;
        assert!(subscribe(&odoo, json!(["USD"]), &webhook.url()).await.get("error").is_some(), "{faults}");
        assert_eq!(world.credits(&account).await, credits("1", "0"), "{faults}");
    }
    world.bank.faults(json!({})).await;
    assert!(subscribe(&odoo, json!(["USD"]), &webhook.url()).await.get("result").is_some());
    until_told(&webhook, &["2026-01-02"]).await;
    world.bank.faults(json!({ "half": true })).await;
    publish(&world, "2026-01-05", "1.18").await;
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(webhook.received().len(), 1);
    world.bank.faults(json!({})).await;
    // The database does not listen at once either.
    webhook.refuse_next(1);
    until_told(&webhook, &["2026-01-02", "2026-01-05"]).await;
    odoo.call("exchange_rates", "unsubscribe", json!({})).await;
    until_settled(&world, &account, "0.92").await;
    world.host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn rates_go_to_the_database_and_nobody_else() {
    let (world, webhook) = (World::start(), Webhook::start());
    let (odoo, account) = world.customer("exchange_rates", "2").await;
    // By REST nobody gives a webhook, so it must be where the operator says that the database is.
    let input = json!({ "currencies": ["USD"], "webhook": webhook.url() });
    let reply = world.call(&account, "subscribe", &input).await;
    assert_eq!((reply.status, &reply.json()["field"]), (422, &json!("input.webhook")), "{}", reply.text);
    let wrong = json!({ "currencies": ["USD", "XXX"], "webhook": webhook.url() });
    let reply = world.call(&account, "subscribe", &wrong).await;
    assert_eq!((reply.status, &reply.json()["field"]), (422, &json!("input.currencies[1]")), "{}", reply.text);
    assert_eq!(world.credits(&account).await, credits("2", "0"));
    let base = webhook.url().replace("/sms/status", "");
    let declared = json!({ "hosting": "on_premise", "base_url": base });
    world.host.operator().ok("PUT", &format!("/v1/databases/{}", odoo.dbuuid), Some(&declared)).await;
    assert_eq!(world.call(&account, "subscribe", &input).await.status, 200);
    until_told(&webhook, &["2026-01-02"]).await;
    world.host.verify();
}
