//! The operator gives back, takes back, moves and bounds credits: on both engines.

use iap_tests::{Odoo, Reply, Settings, TestHost, cluster};
use serde_json::{Value, json};

use crate::support::{balance, field, give, open, post_form, problem, send_as, send_once, text};

fn postgres() -> TestHost {
    TestHost::with(&with_echo().postgres(&cluster::shared().fresh_database()))
}

fn with_echo() -> Settings {
    Settings { plugins: vec!["iap-example-echo"], ..Settings::default() }
}

/// Buys 100 credits of SMS for 9.00 EUR; the account and the grant.
async fn buy(host: &TestHost, odoo: &Odoo) -> (String, String) {
    let form = [
        ("service_name", "sms"),
        ("account_token", &*odoo.token),
        ("dbuuid", &*odoo.dbuuid),
        ("pack", "Standard Pack"),
        ("currency", "EUR"),
    ];
    let payment = post_form(host, "/iap/1/credit", &form).await.location.expect("a payment page");
    post_form(host, &payment, &[("card_number", "4242 4242 4242 4242"), ("action", "pay")]).await;
    let account = host.operator().account(&odoo.dbuuid, "sms").await;
    let grant = grants(host, &account).await.remove(0);
    assert_eq!((&grant["kind"], &grant["price"]), (&json!("purchase"), &json!("9.00")), "{grant}");
    (account, text(&grant["id"]))
}

async fn grants(host: &TestHost, account: &str) -> Vec<Value> {
    let list = host.operator().ok("GET", &format!("/v1/accounts/{account}/grants"), None).await;
    list["items"].as_array().expect("items").clone()
}

async fn say(host: &TestHost, account: &str, body: Value, key: &str) -> Reply {
    send_once(host, key, "POST", &format!("/v1/accounts/{account}/calls/say"), &body).await
}

async fn refunds(host: &TestHost) {
    let operator = host.operator();
    let database = host.database("on_premise").await;
    let (account, token) = open(host, "echo", &database.dbuuid).await;
    give(host, &account, "10").await;
    let said = say(host, &account, json!({ "input": { "text": "hi" } }), "say-1").await.json();
    let call = text(&said["call_id"]);
    assert_eq!(said["balance"], "9", "{said}");
    let path = format!("/v1/calls/{call}/refund");
    let body = json!({ "credits": "0.25", "reason": "it was late" });
    let part = send_once(host, "r-1", "POST", &path, &body).await;
    assert_eq!(
        part.json(),
        json!({ "call": call, "credits": "0.25", "refunded": "0.25", "balance": "9.25", "available": "9.25" })
    );
    let again = send_once(host, "r-1", "POST", &path, &body).await;
    assert_eq!((again.status, again.text), (part.status, part.text), "a repeat answers the same");
    let other = send_once(host, "r-1", "POST", &path, &json!({ "credits": "0.5", "reason": "it was late" })).await;
    assert_eq!((problem(&other).1.as_str(), field(&other).as_str()), ("idempotency-key-reused", "credits"));
    // What the ledger refuses for good is an answer too.
    let much = json!({ "credits": "0.8", "reason": "more" });
    let refused = send_once(host, "r-2", "POST", &path, &much).await;
    assert_eq!(problem(&refused).0, 422, "{}", refused.text);
    let rest = operator.ok("POST", &path, Some(&json!({ "reason": "all of it" }))).await;
    assert_eq!((&rest["credits"], &rest["refunded"], &rest["balance"]), (&json!("0.75"), &json!("1"), &json!("10")));
    let again = send_once(host, "r-2", "POST", &path, &much).await;
    assert_eq!((again.status, again.text), (refused.status, refused.text));
    assert_eq!(send_as(host, &token, "POST", &path, Some(&json!({ "reason": "please" }))).await.status, 403);
    // Why is shown to whoever may see the postings; too long a reason is refused.
    let shown = send_as(host, &token, "GET", &format!("/v1/accounts/{account}/postings?limit=2"), None).await.json();
    let reasons: Vec<_> = shown["items"].as_array().expect("items").iter().map(|row| row["reason"].clone()).collect();
    assert_eq!(reasons, ["all of it", "it was late"]);
    let wordy = json!({ "credits": "1", "reason": "x".repeat(501) });
    let refused = operator.send("POST", &path, Some(&wordy)).await;
    assert_eq!((problem(&refused).0, field(&refused).as_str()), (422, "reason"), "{}", refused.text);

    let odoo = host.database("on_premise").await;
    odoo.balance("sms").await;
    let (account, grant) = buy(host, &odoo).await;
    for n in 0..10 {
        assert_eq!(odoo.send("+32475000001", &format!("{account}-{n}")).await, "success");
    }
    let path = format!("/v1/accounts/{account}/grants/{grant}");
    let fee = operator.ok("POST", &format!("{path}/processor-fee"), Some(&json!({ "amount": "0.29" }))).await;
    assert_eq!(fee, json!({ "grant": grant, "amount": "0.29", "currency": "EUR" }));
    let some =
        send_once(host, "g-1", "POST", &format!("{path}/refund"), &json!({ "credits": "40", "reason": "too many" }))
            .await;
    assert_eq!(
        some.json(),
        json!({ "grant": grant, "credits": "40", "amount": "3.60", "tax": "0.00", "currency": "EUR", "balance": "50", "available": "50" })
    );
    let again =
        send_once(host, "g-1", "POST", &format!("{path}/refund"), &json!({ "credits": "40", "reason": "too many" }))
            .await;
    assert_eq!(again.text, some.text);
    let row = grants(host, &account).await.remove(0);
    assert_eq!(
        (&row["refunded"], &row["earned"], &row["tax"]),
        (&json!("40"), &json!("0.90"), &json!("0.00")),
        "{row}"
    );

    // The bank takes the price back: what is left is void, what was used is owed.
    let taken = operator.ok("POST", &format!("{path}/chargeback"), Some(&json!({ "reason": "du_1" }))).await;
    assert_eq!(
        (&taken["credits"], &taken["amount"], &taken["debt"]),
        (&json!("50"), &json!("5.40"), &json!("10")),
        "{taken}"
    );
    let shown = operator.ok("GET", &format!("/v1/accounts/{account}"), None).await;
    assert_eq!((&shown["debt"], &shown["balance"]), (&json!("10"), &json!("0")));
    give(host, &account, "5").await;
    let refused = send_once(host, "owing", "POST", &format!("/v1/accounts/{account}/calls/send_v3"), &sms()).await;
    let why = refused.json()["output"][0]["failure_reason"].to_string();
    assert!(why.contains("the account owes 10 credits of a purchase that was charged back"), "{}", refused.text);
    let again = operator.send("POST", &format!("{path}/chargeback"), Some(&json!({ "reason": "du_1" }))).await;
    assert_eq!((problem(&again).0, problem(&again).1.as_str()), (409, "ledger-refused"));
    let forgiven = operator
        .ok("POST", &format!("/v1/accounts/{account}/debt/forgive"), Some(&json!({ "reason": "paid by transfer" })))
        .await;
    assert_eq!(forgiven["credits"], "10");
    assert_eq!(odoo.send("+32475000001", "after").await, "success");
    host.verify();
}

fn sms() -> Value {
    json!({ "input": { "messages": [{ "content": "Hello", "numbers": [{ "number": "+32475000001", "uuid": "owing" }] }], "dbuuid": "d", "account_token": "t" } })
}

async fn moves(host: &TestHost) {
    let operator = host.operator();
    let database = host.database("on_premise").await;
    let (from, _) = open(host, "echo", &database.dbuuid).await;
    let (to, _) = open(host, "echo", &database.dbuuid).await;
    give(host, &from, "10").await;
    let body = json!({ "from": from, "to": to, "credits": "4", "reason": "merged" });
    let moved = send_once(host, "t-1", "POST", "/v1/transfers", &body).await;
    assert_eq!(moved.json(), json!({ "from": from, "to": to, "credits": "4", "available": "6" }));
    assert_eq!(send_once(host, "t-1", "POST", "/v1/transfers", &body).await.text, moved.text);
    assert_eq!((balance(host, &from).await.as_str(), balance(host, &to).await.as_str()), ("6", "4"));
    let online = host.database("odoo_online").await;
    let (sms, _) = open(host, "sms", &online.dbuuid).await;
    for (to, credits, status, code) in [
        (&to, "7", 402, "insufficient-credit"),
        (&sms, "1", 409, "ledger-refused"),
        (&from, "1", 409, "ledger-refused"),
    ] {
        let body = json!({ "from": from, "to": to, "credits": credits, "reason": "merged" });
        let refused = operator.send("POST", "/v1/transfers", Some(&body)).await;
        assert_eq!((problem(&refused).0, problem(&refused).1.as_str()), (status, code), "{}", refused.text);
    }
    let path = format!("/v1/accounts/{to}/adjustments");
    for (credits, after) in [("-2.5", "1.5"), ("1", "2.5")] {
        let adjusted =
            operator.ok("POST", &path, Some(&json!({ "credits": credits, "reason": "counted wrongly" }))).await;
        assert_eq!(adjusted, json!({ "account": to, "credits": credits, "balance": after, "available": after }));
    }
    assert_eq!(grants(host, &to).await[0]["reason"], "counted wrongly");
    for account in [&from, &to] {
        let shown = operator.ok("GET", &format!("/v1/accounts/{account}/postings"), None).await;
        let rows = shown["items"].as_array().expect("items");
        let moved = rows.iter().find(|row| row["kind"].as_str().is_some_and(|kind| kind.starts_with("transfer_")));
        assert_eq!(moved.expect("it moved")["reason"], "merged", "{shown}");
    }
    let refused = operator.send("POST", &path, Some(&json!({ "credits": "-3", "reason": "too much" }))).await;
    assert_eq!(problem(&refused).0, 402, "{}", refused.text);
    host.verify();
}

async fn caps(host: &TestHost) {
    let operator = host.operator();
    let database = host.database("on_premise").await;
    let (account, token) = open(host, "echo", &database.dbuuid).await;
    let issued = operator.ok("POST", &format!("/v1/databases/{}/tokens", database.dbuuid), None).await;
    let admin = text(&issued["token"]);
    give(host, &account, "10").await;
    let body = |company: &str| json!({ "input": { "text": "hi" }, "company": company });
    assert_eq!(say(host, &account, body("1"), "c-1").await.status, 200);
    let path = format!("/v1/accounts/{account}/spending-caps");
    let cap = json!({ "period": "month", "company": "1", "credits": "2" });
    assert_eq!(
        send_as(host, &token, "PUT", &path, Some(&cap)).await.status,
        403,
        "its own token does not lift its bounds"
    );
    let set = send_as(host, &admin, "PUT", &path, Some(&cap)).await.json();
    assert_eq!(
        (&set["items"][0]["used"], &set["items"][0]["company"]),
        (&json!("1"), &json!("1")),
        "what was spent counts: {set}"
    );
    assert_eq!(say(host, &account, body("1"), "c-2").await.status, 200);
    let refused = say(host, &account, body("1"), "c-3").await;
    assert_eq!((problem(&refused).0, problem(&refused).1.as_str()), (403, "spending-cap"), "{}", refused.text);
    assert_eq!(say(host, &account, body("1"), "c-3").await.text, refused.text, "a refusal is an answer");
    assert_eq!(say(host, &account, body("2"), "c-4").await.status, 200, "the other company is not bound");
    operator.ok("PUT", &path, Some(&json!({ "period": "day", "credits": "3" }))).await;
    let refused = say(host, &account, body("2"), "c-5").await;
    assert!(problem(&refused).2.contains("cap of 3 per day: 3 are used"), "{}", refused.text);
    let shown = operator.ok("GET", &format!("/v1/accounts/{account}"), None).await;
    assert_eq!(shown["spending_caps"].as_array().map(Vec::len), Some(2), "{shown}");
    // What is given back may be spent again.
    let calls = operator.ok("GET", &format!("/v1/accounts/{account}/calls"), None).await;
    let charged =
        calls["items"].as_array().expect("items").iter().find(|call| call["credits"] == "1").expect("one").clone();
    operator
        .ok("POST", &format!("/v1/calls/{}/refund", text(&charged["id"])), Some(&json!({ "reason": "late" })))
        .await;
    assert_eq!(say(host, &account, body("2"), "c-6").await.status, 200);
    let gone = send_as(host, &admin, "DELETE", &format!("{path}?period=day"), None).await;
    assert_eq!(gone.json()["items"].as_array().map(Vec::len), Some(1), "{}", gone.text);
    assert_eq!(problem(&send_as(host, &admin, "DELETE", &format!("{path}?period=day"), None).await).0, 404);
    assert_eq!(say(host, &account, body("2"), "c-7").await.status, 200);
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_back_is_exact() {
    refunds(&TestHost::with(&with_echo())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_given_back_is_exact_on_postgres() {
    refunds(&postgres()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credits_are_moved_and_set_right() {
    moves(&TestHost::with(&with_echo())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn credits_are_moved_and_set_right_on_postgres() {
    moves(&postgres()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn spending_is_bounded_by_company_and_period() {
    caps(&TestHost::with(&with_echo())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn spending_is_bounded_by_company_and_period_on_postgres() {
    caps(&postgres()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_a_call_is_answered_again() {
    let host = TestHost::with(&with_echo());
    let database = host.database("on_premise").await;
    let (account, _) = open(&host, "echo", &database.dbuuid).await;
    let body = json!({ "input": { "text": "hi" } });
    let refused = say(&host, &account, body.clone(), "lacking").await;
    assert_eq!(
        (refused.status, &refused.json()["needed"], &refused.json()["available"]),
        (402, &json!("1"), &json!("0"))
    );
    give(&host, &account, "10").await;
    let again = say(&host, &account, body.clone(), "lacking").await;
    assert_eq!((again.status, again.text), (refused.status, refused.text), "the same key has the same answer");
    assert_eq!(say(&host, &account, body, "a-new-key").await.status, 200);
    assert_eq!(balance(&host, &account).await, "9");
    host.verify();
}
