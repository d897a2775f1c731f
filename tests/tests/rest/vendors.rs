//! What vendors earn, what may be paid and what was paid.

use iap_tests::{Odoo, Settings, TestHost, cluster, odoo::hex32};
use serde_json::{Value, json};

use crate::support::{buy_page, field, get, post_form, problem, send_once, text};

fn settings() -> Settings {
    Settings {
        plugins: vec!["iap-guest-asker"],
        tables: "[revenue]\nplatform_fee = \"30 %\"\n".to_owned(),
        ..Settings::default()
    }
}

/// Buys a pack; the account and the grant as it is shown.
async fn buy(host: &TestHost, odoo: &Odoo, service: &str, pack: &str) -> (String, Value) {
    odoo.balance(service).await;
    let form = [
        ("service_name", service),
        ("account_token", &*odoo.token),
        ("dbuuid", &*odoo.dbuuid),
        ("pack", pack),
        ("currency", "EUR"),
    ];
    let payment = post_form(host, "/iap/1/credit", &form).await.location.expect("a payment page");
    post_form(host, &payment, &[("card_number", "4242 4242 4242 4242"), ("action", "pay")]).await;
    let account = host.operator().account(&odoo.dbuuid, service).await;
    let grants = host.operator().ok("GET", &format!("/v1/accounts/{account}/grants"), None).await;
    (account, grants["items"][0].clone())
}

async fn send(host: &TestHost, odoo: &Odoo, count: usize) {
    for _ in 0..count {
        assert_eq!(odoo.send("+32475000001", &hex32()).await, "success", "{}", host.log());
    }
}

async fn money(host: &TestHost) -> Value {
    let mut items = host.operator().ok("GET", "/v1/vendors/odoo/balance", None).await["items"].clone();
    items[0].take()
}

async fn paid(host: &TestHost) {
    let operator = host.operator();
    let shares = "/v1/vendors/odoo/revenue-shares";
    assert_eq!(operator.ok("GET", shares, None).await, json!({ "usual_platform_fee": "30 %", "items": [] }));
    let odoo = host.database("on_premise").await;
    // 100 credits for 9.00 at the usual 30 %, then 10 for 0.90 at an agreed 20 %.
    let (account, first) = buy(host, &odoo, "sms", "Standard Pack").await;
    let agreed = operator.ok("POST", shares, Some(&json!({ "service": "sms", "platform_fee": "20 %" }))).await;
    assert_eq!((&agreed["service"], &agreed["platform_fee"]), (&json!("sms"), &json!("20 %")));
    send(host, &odoo, 50).await;
    assert_eq!(
        money(host).await,
        json!({ "currency": "EUR", "accrued": "3.15", "payable": "0.00", "paid_out": "0.00" })
    );
    let other = host.database("on_premise").await;
    buy(host, &other, "sms", "Starter Pack").await;
    send(host, &other, 10).await;
    assert_eq!(money(host).await["accrued"], "3.87", "4.50 at 70 % and 0.90 at 80 %");

    let day = text(&first["created_at"])[..10].to_owned();
    let payable = json!({ "until": day });
    let made = operator.ok("POST", "/v1/vendors/odoo/make-payable", Some(&payable)).await;
    assert_eq!(
        made["items"],
        json!([{ "vendor": "odoo", "currency": "EUR", "amount": "3.87", "payable": "3.87", "paid_out": "0.00" }])
    );
    assert_eq!(operator.ok("POST", "/v1/vendors/odoo/make-payable", Some(&payable)).await["items"], json!([]));
    let payout = json!({ "vendor": "odoo", "currency": "EUR", "amount": "3.00" });
    let first = send_once(host, "p-1", "POST", "/v1/payouts", &payout).await;
    assert_eq!((first.status, &first.json()["payable"]), (201, &json!("0.87")), "{}", first.text);
    let again = send_once(host, "p-1", "POST", "/v1/payouts", &payout).await;
    assert_eq!(again.text, first.text, "a repeat pays nothing");
    let much = operator.send("POST", "/v1/payouts", Some(&payout)).await;
    assert_eq!((problem(&much).0, field(&much).as_str()), (422, "amount"), "{}", much.text);
    assert!(much.text.contains("3.00 EUR were asked of 0.87 EUR that are payable"), "{}", much.text);
    let id = text(&first.json()["id"]);
    let rest = json!({ "vendor": "odoo", "currency": "EUR", "amount": "0.07" });
    let other = text(&operator.ok("POST", "/v1/payouts", Some(&rest)).await["id"]);
    let listed = async |query: &str| {
        let page = operator.ok("GET", &format!("/v1/payouts{query}"), None).await;
        let payouts = page["items"].as_array().expect("items").clone();
        (payouts.iter().map(|payout| (text(&payout["id"]), text(&payout["state"]))).collect::<Vec<_>>(), page)
    };
    let pair = |id: &str, state: &str| (id.to_owned(), state.to_owned());
    assert_eq!(listed("").await.0, [pair(&other, "paid"), pair(&id, "paid")]);
    let (page, whole) = listed("?vendor=odoo&limit=1").await;
    assert_eq!(page, [pair(&other, "paid")]);
    let next = text(&whole["next_cursor"]);
    assert_eq!(listed(&format!("?vendor=odoo&cursor={next}")).await.0, [pair(&id, "paid")]);
    assert_eq!(listed("?vendor=acme").await.0, []);

    let path = format!("/v1/payouts/{id}");
    let back = send_once(host, "b-1", "POST", &format!("{path}/return"), &json!(null)).await;
    assert_eq!(
        (back.status, back.json()),
        (
            200,
            json!({ "id": id, "vendor": "odoo", "currency": "EUR", "amount": "3.00", "payable": "3.80", "paid_out": "0.07" })
        )
    );
    let again = send_once(host, "b-1", "POST", &format!("{path}/return"), &json!(null)).await;
    assert_eq!((again.status, again.text), (200, back.text), "a repeat answers the same");
    let twice = operator.send("POST", &format!("{path}/return"), None).await;
    assert_eq!(problem(&twice), (409, "ledger-refused".to_owned(), format!("{id} came back before")));
    let shown = operator.ok("GET", &path, None).await;
    assert_eq!(
        (&shown["state"], &shown["amount"], &shown["vendor"]),
        (&json!("returned"), &json!("3.00"), &json!("odoo"))
    );
    assert!(shown["returned_at"].is_string(), "{shown}");
    let nothing = operator.send("POST", "/v1/payouts/payout_1/return", None).await;
    assert_eq!(problem(&nothing).0, 404);
    // Many at once return it once.
    let path_of_return = format!("/v1/payouts/{other}/return");
    let return_other = || operator.send("POST", &path_of_return, None);
    let all = tokio::join!(return_other(), return_other(), return_other());
    let mut statuses = [all.0.status, all.1.status, all.2.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409, 409]);
    let whole = money(host).await;
    assert_eq!((&whole["payable"], &whole["paid_out"]), (&json!("3.87"), &json!("0.00")));

    // A refund takes back what was earned: it is made up for before more is payable.
    let calls = operator.ok("GET", &format!("/v1/accounts/{account}/calls"), None).await;
    for call in calls["items"].as_array().expect("items").iter().take(10) {
        operator
            .ok("POST", &format!("/v1/calls/{}/refund", text(&call["id"])), Some(&json!({ "reason": "late" })))
            .await;
    }
    assert_eq!(money(host).await["accrued"], "-0.63");
    send(host, &odoo, 11).await;
    let made = operator.ok("POST", "/v1/vendors/odoo/make-payable", Some(&payable)).await;
    assert_eq!(made["items"][0]["amount"], "0.06", "{made}");
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn vendors_earn_their_share_and_are_paid() {
    paid(&TestHost::with(&settings())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn vendors_earn_their_share_and_are_paid_on_postgres() {
    paid(&TestHost::with(&settings().postgres(&cluster::shared().fresh_database()))).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_shares_are_refused_by_name() {
    let host = TestHost::with(&settings());
    let operator = host.operator();
    for (vendor, body, status, at) in [
        ("nobody", json!({ "platform_fee": "20 %" }), 404, ""),
        ("odoo", json!({ "platform_fee": "20" }), 422, "platform_fee"),
        ("odoo", json!({ "platform_fee": "101 %" }), 422, "platform_fee"),
        ("odoo", json!({ "platform_fee": "20 %", "from": "2020-01-01T00:00:00Z" }), 422, "from"),
        ("odoo", json!({ "platform_fee": "20 %", "service": "asker" }), 422, "service"),
    ] {
        let refused = operator.send("POST", &format!("/v1/vendors/{vendor}/revenue-shares"), Some(&body)).await;
        assert_eq!((problem(&refused).0, field(&refused).as_str()), (status, at), "{body}: {}", refused.text);
    }
    let refused = operator.send("POST", "/v1/vendors/odoo/make-payable", Some(&json!({ "until": "2999-01-01" }))).await;
    assert_eq!((problem(&refused).0, field(&refused).as_str()), (422, "until"));
}

#[tokio::test(flavor = "multi_thread")]
async fn how_long_credits_last_is_said_before_they_are_bought_and_kept_with_them() {
    let host = TestHost::with(&settings());
    let odoo = host.database("on_premise").await;
    let page = get(&host, &buy_page(&odoo, "sms", "")).await;
    assert!(page.text.contains("Credits do not expire."), "{}", page.text);
    let page = get(&host, &buy_page(&odoo, "asker", "")).await;
    assert!(page.text.contains("Credits may be used for 730 days after you buy them."), "{}", page.text);
    let (_, grant) = buy(&host, &odoo, "asker", "Starter Pack").await;
    assert_eq!((&grant["kind"], &grant["credits"]), (&json!("purchase"), &json!("10")));
    assert!(grant["expires_at"].is_string(), "{grant}");
    let kept = "SELECT breakage_to || ' ' || fee_bps || ' ' || ((expires_at - created_at + 3600000) / 86400000) FROM credit_grant";
    assert_eq!(host.sql(kept), ["vendor 3000 730"]);
}
