//! The card processor, as a shop, its webhook and its customer meet it.

use std::time::{Duration, Instant};

use hmac::{Hmac, KeyInit, Mac};
use iap_providers::card::{self, CARDS, CardOptions};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::{self, Received, Receiver, Running, client, form};

const KEY: &str = "sk_test_key";
const SECRET: &str = "whsec_secret";
const SHOP: &str = "http://shop.example";

async fn start(webhook: Option<&Receiver>) -> Running {
    let options = CardOptions {
        secret_key: KEY.into(),
        webhook_secret: SECRET.into(),
        webhook_url: webhook.map(|receiver| format!("{}/webhooks/card", receiver.base).parse().unwrap()),
        redirect_wait: Duration::from_secs(2),
        ..Default::default()
    };
    Running::start(|listener, stop| {
        card::serve(listener, options, async {
            let _ = stop.await;
        })
    })
    .await
}

const ORDER: [(&str, &str); 9] = [
    ("mode", "payment"),
    ("line_items[0][price_data][currency]", "eur"),
    ("line_items[0][price_data][unit_amount]", "90"),
    ("line_items[0][price_data][product_data][name]", "SMS <Starter> Pack"),
    ("line_items[0][quantity]", "2"),
    ("success_url", "http://shop.example/done?session={CHECKOUT_SESSION_ID}"),
    ("cancel_url", "http://shop.example/back"),
    ("client_reference_id", "ord_1"),
    ("metadata[order_id]", "ord_1"),
];

/// The order with one parameter changed, or left out.
fn order_with(param: &'static str, value: Option<&'static str>) -> Vec<(&'static str, &'static str)> {
    let rest = ORDER.into_iter().filter(|(name, _)| *name != param);
    rest.chain(value.map(|value| (param, value))).collect()
}

async fn api(card: &Running, path: &str, key: Option<&str>, pairs: &[(&str, &str)]) -> reqwest::Response {
    let mut request = client().post(format!("{}{path}", card.base)).bearer_auth(KEY).body(form(pairs));
    if let Some(key) = key {
        request = request.header("idempotency-key", key);
    }
    request.send().await.unwrap()
}

async fn open(card: &Running) -> Value {
    let answer = api(card, "/v1/checkout/sessions", None, &ORDER).await;
    assert_eq!(answer.status(), 200);
    support::json(answer).await
}

async fn submit(session: &Value, pairs: &[(&str, &str)]) -> reqwest::Response {
    client().post(session["url"].as_str().unwrap()).body(form(pairs)).send().await.unwrap()
}

async fn read(card: &Running, session: &Value) -> Value {
    let url = format!("{}/v1/checkout/sessions/{}", card.base, session["id"].as_str().unwrap());
    support::json(client().get(url).basic_auth(KEY, Some("")).send().await.unwrap()).await
}

async fn refund(card: &Running, key: Option<&str>, pairs: &[(&str, &str)]) -> (u16, Value) {
    let answer = api(card, "/v1/refunds", key, pairs).await;
    (answer.status().as_u16(), support::json(answer).await)
}

fn location(answer: &reqwest::Response) -> &str {
    answer.headers()["location"].to_str().unwrap()
}

/// What a shop computes to know that a webhook is the processor's.
fn assert_signed(got: &Received) {
    let header = got.header("stripe-signature");
    let (time, signature) = header.strip_prefix("t=").unwrap().split_once(",v1=").unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(format!("{time}.{}", got.body).as_bytes());
    assert_eq!(signature, hex::encode(mac.finalize().into_bytes()));
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    assert!(now.abs_diff(time.parse().unwrap()) < 60);
}

#[tokio::test]
async fn a_shop_needs_the_secret_key() {
    let card = start(None).await;
    let url = format!("{}/v1/checkout/sessions", card.base);
    for request in [
        client().post(&url),
        client().post(&url).bearer_auth("sk_test_wrong"),
        client().post(&url).basic_auth("sk_test_wrong", Some("")),
        client().post(format!("{}/v1/refunds", card.base)),
        client().get(format!("{url}/cs_test_1")),
    ] {
        let answer = request.send().await.unwrap();
        assert_eq!(answer.status(), 401);
        assert_eq!(support::json(answer).await["error"]["type"], "invalid_request_error");
    }
}

#[tokio::test]
async fn each_wrong_parameter_is_named() {
    let card = start(None).await;
    let amount = "line_items[0][price_data][unit_amount]";
    for (param, value, code) in [
        ("mode", None, "parameter_missing"),
        ("mode", Some("subscription"), ""),
        ("success_url", None, "parameter_missing"),
        ("success_url", Some("/relative"), "url_invalid"),
        ("cancel_url", Some("javascript:alert(1)"), "url_invalid"),
        (amount, None, "parameter_missing"),
        (amount, Some("0.90"), "parameter_invalid_integer"),
        (amount, Some("-1"), "parameter_invalid_integer"),
        ("line_items[0][price_data][currency]", Some("euro"), ""),
        ("line_items[0][price_data][product_data][name]", None, "parameter_missing"),
        ("line_items[0][quantity]", Some("0"), "parameter_invalid_integer"),
        ("customer_email", Some("nobody"), "email_invalid"),
        ("sucess_url", Some("http://shop.example"), "parameter_unknown"),
        ("line_items[0][prize]", Some("1"), "parameter_unknown"),
    ] {
        let answer = api(&card, "/v1/checkout/sessions", None, &order_with(param, value)).await;
        assert_eq!(answer.status(), 400, "{param} {value:?}");
        let error = support::json(answer).await["error"].take();
        assert_eq!(error["type"], "invalid_request_error");
        assert_eq!(error["param"], param);
        assert_eq!(error["code"].as_str().unwrap_or_default(), code, "{param} {value:?}");
        assert!(!error["message"].as_str().unwrap().is_empty());
    }
    for (value, code) in [("24", "amount_too_small"), ("9223372036854775807", "amount_too_large")] {
        let answer = api(&card, "/v1/checkout/sessions", None, &order_with(amount, Some(value))).await;
        assert_eq!(support::json(answer).await["error"]["code"], code);
    }
}

#[tokio::test]
async fn an_open_session_has_the_shape_of_stripes() {
    let card = start(None).await;
    let session = open(&card).await;
    assert!(session["id"].as_str().unwrap().starts_with("cs_test_"));
    for (field, value) in [
        ("object", json!("checkout.session")),
        ("status", json!("open")),
        ("payment_status", json!("unpaid")),
        ("amount_total", json!(180)),
        ("currency", json!("eur")),
        ("client_reference_id", json!("ord_1")),
        ("metadata", json!({"order_id": "ord_1"})),
        ("payment_intent", Value::Null),
        ("livemode", json!(false)),
        ("url", json!(format!("{}/pay/{}", card.base, session["id"].as_str().unwrap()))),
    ] {
        assert_eq!(session[field], value, "{field}");
    }
    assert_eq!(read(&card, &session).await, session);
    let missing = client().get(format!("{}/v1/checkout/sessions/cs_test_none", card.base)).bearer_auth(KEY);
    let missing = missing.send().await.unwrap();
    assert_eq!(missing.status(), 404);
    assert_eq!(support::json(missing).await["error"]["code"], "resource_missing");
}

#[tokio::test]
async fn an_idempotency_key_opens_one_session() {
    let card = start(None).await;
    let path = "/v1/checkout/sessions";
    let broken = api(&card, path, Some("key-1"), &order_with("mode", None)).await;
    assert_eq!(broken.status(), 400, "and the key stays free");
    let first = api(&card, path, Some("key-1"), &ORDER).await;
    assert!(!first.headers().contains_key("idempotent-replayed"));
    let first = support::json(first).await;

    let mut reordered = ORDER;
    reordered.reverse();
    let again = api(&card, path, Some("key-1"), &reordered).await;
    assert_eq!(again.headers()["idempotent-replayed"], "true");
    assert_eq!(support::json(again).await, first);

    let other = api(&card, path, Some("key-1"), &order_with("line_items[0][quantity]", Some("3"))).await;
    assert_eq!(other.status(), 400);
    assert_eq!(support::json(other).await["error"]["type"], "idempotency_error");
    let fresh = support::json(api(&card, path, Some("key-2"), &ORDER).await).await;
    assert_ne!(fresh["id"], first["id"]);
}

#[tokio::test]
async fn the_payment_page_shows_what_is_bought() {
    let card = start(None).await;
    let session = open(&card).await;
    let answer = client().get(session["url"].as_str().unwrap()).send().await.unwrap();
    assert!(answer.headers()["content-security-policy"].to_str().unwrap().starts_with("default-src 'none'"));
    let page = answer.text().await.unwrap();
    for text in ["SMS &lt;Starter&gt; Pack", "1.80 EUR", "4242 4242 4242 4242", "method=\"post\""] {
        assert!(page.contains(text), "{text}");
    }
    assert!(!page.contains("<script"));
    assert_eq!(client().get(format!("{}/pay/cs_test_none", card.base)).send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn paying_sends_the_signed_webhook_before_the_customer_goes_back() {
    let shop = Receiver::answering(&[500, 302]).await;
    let card = start(Some(&shop)).await;
    let session = open(&card).await;
    let answer = submit(&session, &[("card_number", "4242 4242 4242 4242"), ("action", "pay")]).await;
    assert_eq!(answer.status(), 303);
    assert_eq!(location(&answer), format!("{SHOP}/done?session={}", session["id"].as_str().unwrap()));

    // Two refusals and one success, all before the redirect; the same event each time.
    let received = shop.all();
    assert_eq!(received.len(), 3);
    for got in &received {
        assert_signed(got);
        assert_eq!(got.uri, "/webhooks/card");
        assert_eq!(got.body, received[0].body);
    }
    let event = received[0].json();
    assert!(event["id"].as_str().unwrap().starts_with("evt_"));
    assert_eq!(event["object"], "event");
    assert_eq!(event["type"], "checkout.session.completed");
    let paid = &event["data"]["object"];
    assert_eq!(paid["id"], session["id"]);
    assert_eq!(paid["payment_status"], "paid");
    assert_eq!(paid["status"], "complete");
    assert_eq!(paid["metadata"]["order_id"], "ord_1");
    assert!(paid["payment_intent"].as_str().unwrap().starts_with("pi_"));
    assert_eq!(&read(&card, &session).await, paid);

    // A second click charges nothing and goes back.
    let again = submit(&session, &[("action", "pay")]).await;
    assert_eq!(again.status(), 303);
    let events = card.get("/events").await;
    assert_eq!(events["events"].as_array().unwrap().len(), 1);
    assert_eq!(events["events"][0]["attempts"], 3);
    assert_eq!(events["events"][0]["deliveries"], 1);
    assert_eq!(events["events"][0]["event"], event);
    assert!(card.page(&format!("/pay/{}", session["id"].as_str().unwrap())).await.contains("Back to the shop"));
}

#[tokio::test]
async fn a_declined_card_can_be_replaced() {
    let shop = Receiver::start().await;
    let card = start(Some(&shop)).await;
    let session = open(&card).await;
    for (number, text) in [
        ("4000 0000 0000 0002", "Your card was declined."),
        ("4000000000009995", "insufficient funds"),
        ("4242 4242 4242 4241", "Your card number is invalid."),
    ] {
        let answer = submit(&session, &[("card_number", number)]).await;
        assert_eq!(answer.status(), 402);
        let page = answer.text().await.unwrap();
        assert!(page.contains(text) && page.contains("Nothing was charged"), "{number}");
    }
    assert_eq!(read(&card, &session).await["payment_status"], "unpaid");
    assert!(shop.all().is_empty());
    assert_eq!(submit(&session, &[("card_number", "5555 5555 5555 4444")]).await.status(), 303);
    assert_eq!(shop.all().len(), 1);
}

#[tokio::test]
async fn cancelling_goes_back_and_leaves_the_session_open() {
    let card = start(None).await;
    let session = open(&card).await;
    let answer = submit(&session, &[("action", "cancel")]).await;
    assert_eq!((answer.status().as_u16(), location(&answer)), (303, "http://shop.example/back"));
    assert_eq!(read(&card, &session).await["status"], "open");
}

#[tokio::test]
async fn events_can_be_late_doubled_lost_and_sent_again() {
    let shop = Receiver::start().await;
    let card = start(None).await;
    let webhook = json!({"url": format!("{}/hook", shop.base)});
    let set = client().put(format!("{}/webhook", card.base)).body(webhook.to_string()).send().await.unwrap();
    assert_eq!(set.status(), 200);

    card.post("/faults", json!({"webhook_delay_ms": 1000})).await;
    let begun = Instant::now();
    assert_eq!(submit(&open(&card).await, &[]).await.status(), 303);
    assert!(begun.elapsed() < Duration::from_secs(1), "the customer is back first");
    assert!(shop.all().is_empty());
    shop.wait(1).await;

    card.post("/faults", json!({"duplicate": true})).await;
    submit(&open(&card).await, &[]).await;
    let received = shop.wait(3).await;
    assert_eq!(received[1].body, received[2].body);
    assert_ne!(received[0].json()["id"], received[1].json()["id"]);

    card.post("/faults", json!({"no_delivery": true})).await;
    submit(&open(&card).await, &[]).await;
    assert_eq!(shop.all().len(), 3);
    let events = card.get("/events").await;
    let lost = events["events"][2]["id"].as_str().unwrap();
    for times in 4..=5 {
        assert_eq!(
            card.post(&format!("/events/{lost}/resend"), json!({})).await,
            (200, json!({"id": lost, "status": 204}))
        );
        let got = shop.all().pop().unwrap();
        assert_signed(&got);
        assert_eq!((shop.all().len(), got.json()["id"].as_str().unwrap()), (times, lost));
    }
    assert_eq!(card.post("/events/evt_none/resend", json!({})).await.0, 404);
    assert_eq!(card.post("/faults", json!({"no_delivry": true})).await.0, 400);
}

#[tokio::test]
async fn a_shop_whose_webhook_fails_gets_its_customer_back_anyway() {
    let shop = Receiver::answering(&[500; 100]).await;
    let card = start(Some(&shop)).await;
    let begun = Instant::now();
    assert_eq!(submit(&open(&card).await, &[]).await.status(), 303);
    assert!(begun.elapsed() >= Duration::from_secs(2));
}

#[tokio::test]
async fn refunds_add_up_to_what_was_paid() {
    let shop = Receiver::start().await;
    let card = start(Some(&shop)).await;
    let session = open(&card).await;
    submit(&session, &[]).await;
    let intent = read(&card, &session).await["payment_intent"].as_str().unwrap().to_owned();

    let (status, part) = refund(&card, Some("r1"), &[("payment_intent", &intent), ("amount", "80")]).await;
    assert_eq!(status, 200);
    assert!(part["id"].as_str().unwrap().starts_with("re_"));
    assert_eq!(
        (&part["object"], &part["amount"], &part["status"]),
        (&json!("refund"), &json!(80), &json!("succeeded"))
    );
    let (_, again) = refund(&card, Some("r1"), &[("payment_intent", &intent), ("amount", "80")]).await;
    assert_eq!(again, part);
    let (status, more) = refund(&card, None, &[("payment_intent", &intent), ("amount", "101")]).await;
    assert_eq!((status, &more["error"]["param"]), (400, &json!("amount")));
    let (_, rest) = refund(&card, None, &[("payment_intent", &intent)]).await;
    assert_eq!(rest["amount"], 100);
    let (status, none) = refund(&card, None, &[("payment_intent", &intent)]).await;
    assert_eq!((status, &none["error"]["code"]), (400, &json!("charge_already_refunded")));
    let (status, unknown) = refund(&card, None, &[("payment_intent", "pi_none")]).await;
    assert_eq!((status, &unknown["error"]["code"]), (400, &json!("resource_missing")));

    let received = shop.wait(3).await;
    let mut charges: Vec<Value> = received[1..].iter().map(|got| got.json()["data"]["object"].clone()).collect();
    // Each refund is reported on its own, so the second may overtake the first.
    charges.sort_by_key(|charge| charge["amount_refunded"].as_i64());
    for (got, (charge, refunded)) in received[1..].iter().zip(charges.iter().zip([80, 180])) {
        assert_signed(got);
        assert_eq!(got.json()["type"], "charge.refunded");
        assert_eq!((&charge["amount_refunded"], &charge["refunded"]), (&json!(refunded), &json!(refunded == 180)));
        assert_eq!(charge["payment_intent"], intent);
    }
    assert_eq!(card.get("/events").await["events"].as_array().unwrap().len(), 3);
}

#[tokio::test]
async fn the_front_page_and_the_readme_list_every_card() {
    let card = start(None).await;
    let session = open(&card).await;
    let page = card.page("/").await;
    assert!(page.contains(session["id"].as_str().unwrap()) && page.contains("1.80 EUR"));
    let readme = include_str!("../../README.md").replace(' ', "");
    for known in &CARDS {
        assert!(page.contains(known.number) && page.contains(known.effect), "{}", known.number);
        assert!(readme.contains(known.number), "README lacks {}", known.number);
    }
}

#[tokio::test]
async fn it_stops_though_a_webhook_is_still_tried() {
    let shop = Receiver::answering(&[500; 100]).await;
    let card = start(Some(&shop)).await;
    let session = open(&card).await;
    let paying = tokio::spawn(async move { submit(&session, &[]).await.status().as_u16() });
    shop.wait(1).await;
    tokio::time::timeout(Duration::from_millis(1500), card.stop()).await.expect("stops before the redirect is due");
    assert_eq!(paying.await.unwrap(), 303, "the request being answered was finished");
}
