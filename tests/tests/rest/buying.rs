//! Buying credits: from the page to the card, and back with the credits.

use hmac::{Hmac, KeyInit as _, Mac as _};
use iap_tests::{Odoo, Reply, Settings, TestHost, host::until, http};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::{buy_page, get, post_form, rows, sha1, text, with_echo};

/// Orders a pack as the page's form does; the payment page's address.
async fn order(host: &TestHost, odoo: &Odoo, pack: &str) -> String {
    let form = [
        ("service_name", "sms"),
        ("account_token", &*odoo.token),
        ("dbuuid", &*odoo.dbuuid),
        ("pack", pack),
        ("currency", "EUR"),
    ];
    let reply = post_form(host, "/iap/1/credit", &form).await;
    assert_eq!(reply.status, 303, "{}", reply.text);
    let location = reply.location.expect("a redirect");
    assert!(location.starts_with(&format!("{}/pay/cs_", host.card_url())), "{location}");
    location
}

async fn pay(host: &TestHost, payment: &str, card: &str) -> Reply {
    post_form(host, payment, &[("card_number", card), ("action", "pay")]).await
}

/// The page where the shop says thank you: relative to the host.
fn back(host: &TestHost, reply: &Reply) -> String {
    assert_eq!(reply.status, 303, "{}", reply.text);
    let location = reply.location.as_deref().expect("a redirect");
    location.strip_prefix(host.url()).expect("back to this host").to_owned()
}

async fn card(host: &TestHost, method: &str, path: &str, body: Option<Value>) -> Value {
    let request = host.client().request(method.parse().expect("a method"), format!("{}{path}", host.card_url()));
    let request = match body {
        Some(body) => request.header("Content-Type", "application/json").body(body.to_string()),
        None => request,
    };
    let reply = http::try_send(request).await.expect("the card processor answers");
    assert!(reply.status < 300, "{path}: {}", reply.text);
    reply.json()
}

/// The last event of the card processor.
async fn event(host: &TestHost) -> Value {
    card(host, "GET", "/events", None).await["events"]
        .as_array()
        .and_then(|events| events.last())
        .cloned()
        .expect("an event")
}

/// Grants of the database's account: kind, credits, price.
async fn grants(host: &TestHost, odoo: &Odoo) -> Vec<(String, String, String)> {
    let account = host.operator().account(&odoo.dbuuid, "sms").await;
    let list = host.operator().ok("GET", &format!("/v1/accounts/{account}/grants"), None).await;
    let price = |grant: &Value| {
        format!("{} {}", grant["price"].as_str().unwrap_or("-"), grant["currency"].as_str().unwrap_or("-"))
    };
    list["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|grant| (text(&grant["kind"]), text(&grant["credits"]), price(grant)))
        .collect()
}

/// Sends an event to the webhook, signed with a secret at a time.
async fn webhook(host: &TestHost, secret: &str, at: u64, body: &str) -> Reply {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
    mac.update(format!("{at}.{body}").as_bytes());
    let signature = format!("t={at},v1={}", hex::encode(mac.finalize().into_bytes()));
    let request =
        host.client().post(format!("{}/payments/stripe/webhook", host.url())).header("Stripe-Signature", signature);
    http::try_send(request.body(body.to_owned())).await.expect("the host answers")
}

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pack_is_bought_from_the_page_to_the_balance() {
    let host = TestHost::start();
    let odoo = host.database("on_premise").await;
    // Odoo 19 links by the token's SHA-1, which opens nothing before the account was used.
    let hashed =
        format!("/iap/1/credit?dbuuid={}&service_name=sms&account_token={}&hashed=1", odoo.dbuuid, sha1(&odoo.token));
    let unknown = get(&host, &hashed).await;
    assert_eq!(unknown.status, 404);
    assert!(unknown.text.contains("This account has not been used here yet"), "{}", unknown.text);
    assert_eq!(host.sql("SELECT count(*) FROM account"), ["0"]);

    // A plain token opens the account. What was lacking selects a pack.
    for (credit, selected) in [
        ("", "Starter Pack"),
        ("&credit=10.0", "Starter Pack"),
        ("&credit=10.5", "Standard Pack"),
        ("&credit=400", "Advanced Pack"),
    ] {
        let page = get(&host, &buy_page(&odoo, "sms", credit)).await;
        assert_eq!(page.status, 200, "{}", page.text);
        assert!(page.text.contains("<h1>Buy Credits for SMS</h1>") && page.text.contains("0 credits"), "{}", page.text);
        let checked: Vec<&str> = page
            .text
            .split("<input")
            .filter(|input| input.split('>').next().is_some_and(|tag| tag.contains(" checked")))
            .collect();
        assert!(checked[0].contains(&format!("value=\"{selected}\"")), "{credit}: {}", checked[0]);
    }
    let page = get(&host, &buy_page(&odoo, "sms", "&credit=2500.0")).await;
    assert!(page.text.contains("It takes 3 × Expert Pack"), "{}", page.text);
    let page = get(&host, &hashed).await;
    assert_eq!(page.status, 200, "now the fingerprint is known: {}", page.text);
    assert!(!page.text.contains(&odoo.token), "a page that was opened by a fingerprint does not tell the token");

    let payment = order(&host, &odoo, "Standard Pack").await;
    let shown = get(&host, &buy_page(&odoo, "sms", "")).await;
    assert!(shown.text.contains("not paid") && shown.text.contains("9.00 EUR"), "{}", shown.text);
    let declined = pay(&host, &payment, "4000 0000 0000 0002").await;
    assert_eq!(declined.status, 402);
    assert_eq!(odoo.balance("sms").await, json!(0.0));
    host.verify();

    let paid = pay(&host, &payment, "4242 4242 4242 4242").await;
    let done = back(&host, &paid);
    assert!(done.starts_with("/iap/1/credit/done?order=order_"), "{done}");
    assert_eq!(odoo.balance("sms").await, json!(100.0), "the webhook came before the customer");
    let sent = event(&host).await;
    assert_eq!(
        (&sent["type"], &sent["deliveries"], &sent["last_status"]),
        (&json!("checkout.session.completed"), &json!(1), &json!(200))
    );
    for _ in 0..2 {
        let thanks = get(&host, &done).await;
        assert_eq!(thanks.status, 200);
        assert!(
            thanks.text.contains("100 credits were added to your account.")
                && thanks.text.contains("Standard Pack · 9.00 EUR"),
            "{}",
            thanks.text
        );
    }
    assert_eq!(grants(&host, &odoo).await, [("purchase".to_owned(), "100".to_owned(), "9.00 EUR".to_owned())]);
    host.verify();

    // The processor tells once more; the customer clicks once more.
    let id = text(&sent["id"]);
    for _ in 0..2 {
        let again = card(&host, "POST", &format!("/events/{id}/resend"), None).await;
        assert_eq!(again["status"], 200);
    }
    assert_eq!(back(&host, &pay(&host, &payment, "4242 4242 4242 4242").await), done);
    assert_eq!(odoo.balance("sms").await, json!(100.0));
    assert_eq!(grants(&host, &odoo).await.len(), 1);
    assert_eq!(odoo.send("+32475000001", &iap_tests::odoo::hex32()).await, "success");
    assert_eq!(odoo.balance("sms").await, json!(99.0), "what was bought can be spent");
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn events_that_come_twice_at_once_or_late_grant_once() {
    let host = TestHost::start();
    let odoo = host.database("on_premise").await;
    odoo.balance("sms").await;
    card(&host, "POST", "/faults", Some(json!({ "duplicate": true }))).await;
    for bought in 1..=3 {
        let payment = order(&host, &odoo, "Starter Pack").await;
        let done = back(&host, &pay(&host, &payment, "4242424242424242").await);
        assert_eq!(get(&host, &done).await.status, 200);
        until("both deliveries", async || event(&host).await["deliveries"] == 2).await;
        assert_eq!(grants(&host, &odoo).await.len(), bought);
    }
    assert_eq!(odoo.balance("sms").await, json!(30.0));
    host.verify();

    // The customer is back first, many times at once, while the event is on its way.
    card(&host, "POST", "/faults", Some(json!({ "webhook_delay_ms": 150 }))).await;
    let payment = order(&host, &odoo, "Starter Pack").await;
    let done = back(&host, &pay(&host, &payment, "4242424242424242").await);
    let pages = tokio::join!(get(&host, &done), get(&host, &done), get(&host, &done), get(&host, &done));
    for page in [pages.0, pages.1, pages.2, pages.3] {
        assert!(
            page.status == 200 && page.text.contains("10 credits were added to your account."),
            "{} {}",
            page.status,
            page.text
        );
    }
    until("the late delivery", async || event(&host).await["deliveries"] == 1).await;
    assert_eq!(odoo.balance("sms").await, json!(40.0));
    assert_eq!(grants(&host, &odoo).await.len(), 4);
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_never_comes_is_made_up_for() {
    let host = TestHost::start();
    let odoo = host.database("on_premise").await;
    odoo.balance("sms").await;
    card(&host, "POST", "/faults", Some(json!({ "no_delivery": true }))).await;
    let payment = order(&host, &odoo, "Starter Pack").await;
    let session = payment.rsplit('/').next().expect("an id").to_owned();

    // Back too early, by hand: not paid yet.
    let id = host.sql("SELECT id FROM pack_order").concat();
    let done = back(&host, &pay(&host, &payment, "4242424242424242").await);
    assert!(done.ends_with(&format!("session_id={session}")), "{done}");
    assert_eq!(odoo.balance("sms").await, json!(0.0), "order {id} is paid and nobody has told");
    // Only who was at the payment page may ask.
    let stranger = get(&host, &done.replace(&session, "cs_test_guessed")).await;
    assert_eq!(stranger.status, 404);
    assert!(stranger.text.contains("Unknown order"), "{}", stranger.text);
    assert_eq!(odoo.balance("sms").await, json!(0.0));

    let thanks = get(&host, &done).await;
    assert!(thanks.text.contains("10 credits were added to your account."), "{}", thanks.text);
    assert_eq!(odoo.balance("sms").await, json!(10.0));
    host.verify();
    // The event comes after all.
    let sent = event(&host).await;
    assert_eq!(sent["deliveries"], 0);
    assert_eq!(card(&host, "POST", &format!("/events/{}/resend", text(&sent["id"])), None).await["status"], 200);
    assert_eq!(odoo.balance("sms").await, json!(10.0));
    assert_eq!(grants(&host, &odoo).await.len(), 1);
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_who_leaves_buys_nothing() {
    let host = TestHost::start();
    let odoo = host.database("on_premise").await;
    odoo.balance("sms").await;
    let payment = order(&host, &odoo, "Starter Pack").await;
    let session = payment.rsplit('/').next().expect("an id").to_owned();
    let cancelled = back(&host, &post_form(&host, &payment, &[("action", "cancel")]).await);
    assert!(cancelled.starts_with("/iap/1/credit/cancelled?order=order_"), "{cancelled}");
    let page = get(&host, &cancelled).await;
    assert_eq!(page.status, 200);
    assert!(
        page.text.contains("<h1>Nothing was bought</h1>") && page.text.contains("Starter Pack · 0.90 EUR"),
        "{}",
        page.text
    );
    assert!(
        page.text.contains(&format!("account_token={}", sha1(&odoo.token))) && !page.text.contains(&odoo.token),
        "{}",
        page.text
    );
    // Without the order's key the page tells nothing of the order.
    let id = cancelled.split(['=', '&']).nth(1).expect("an order").to_owned();
    for query in [format!("?order={id}"), format!("?order={id}&key=00000000000000000000000000000000"), String::new()] {
        let page = get(&host, &format!("/iap/1/credit/cancelled{query}")).await;
        assert_eq!(page.status, 200);
        assert!(
            !page.text.contains("Starter Pack") && !page.text.contains(&sha1(&odoo.token)),
            "{query}: {}",
            page.text
        );
    }
    // The payment page is still open: not paid is not failed.
    let open = get(&host, &format!("/iap/1/credit/done?order={id}&session_id={session}")).await;
    assert_eq!(open.status, 200);
    assert!(open.text.contains("Your payment is being confirmed"), "{}", open.text);
    assert_eq!(odoo.balance("sms").await, json!(0.0));
    host.verify();
    // A change of mind.
    let done = back(&host, &pay(&host, &payment, "4242424242424242").await);
    assert!(get(&host, &done).await.text.contains("10 credits were added"));
    assert_eq!(odoo.balance("sms").await, json!(10.0));
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_event_that_is_not_the_processors_moves_nothing() {
    let host = TestHost::start();
    let odoo = host.database("on_premise").await;
    odoo.balance("sms").await;
    card(&host, "POST", "/faults", Some(json!({ "no_delivery": true }))).await;
    let payment = order(&host, &odoo, "Starter Pack").await;
    let session = payment.rsplit('/').next().expect("an id").to_owned();
    let id = {
        let cancelled = back(&host, &post_form(&host, &payment, &[("action", "cancel")]).await);
        cancelled.split(['=', '&']).nth(1).expect("an order").to_owned()
    };
    let before = rows(&host);
    let told = |status: &str, paid: &str, reference: &str, session: &str, amount: i64, currency: &str| {
        let object = json!({
            "id": session, "client_reference_id": reference, "payment_status": paid, "status": "complete", "amount_total": amount, "currency": currency,
        });
        json!({ "id": "evt_forged", "type": status, "data": { "object": object } }).to_string()
    };
    let right = told("checkout.session.completed", "paid", &id, &session, 90, "eur");
    let malformed = "Stripe-Signature must be \"t=<unix seconds>,v1=<hex>\"; is this request from Stripe?";
    let mismatch = "Stripe-Signature does not fit the body; set [stripe] webhook_secret to the signing secret (whsec_…) of this webhook endpoint";
    let stale = "Stripe-Signature is more than 300 s from the time of this host; check its clock";

    let unsigned = host.client().post(format!("{}/payments/stripe/webhook", host.url())).body(right.clone());
    let reply = http::try_send(unsigned).await.expect("the host answers");
    assert_eq!((reply.status, reply.text.as_str()), (400, malformed));
    for (secret, at, text) in [
        ("whsec_other", now(), mismatch),
        ("whsec_simulated", now() - 400, stale),
        ("whsec_simulated", now() + 400, stale),
    ] {
        let reply = webhook(&host, secret, at, &right).await;
        assert_eq!((reply.status, reply.text.as_str()), (400, text));
    }
    for (body, status, text) in [
        ("not json".to_owned(), 400, "the event cannot be read: expected ident at line 1 column 2".to_owned()),
        (
            told("charge.refunded", "paid", &id, &session, 90, "eur"),
            200,
            "ignored: charge.refunded moves no credits".to_owned(),
        ),
        (
            told("checkout.session.completed", "unpaid", &id, &session, 90, "eur"),
            200,
            "ignored: payment_status is unpaid".to_owned(),
        ),
        (
            told("checkout.session.completed", "paid", "order_zzzz", &session, 90, "eur"),
            404,
            format!("session {session} belongs to no order of this host"),
        ),
        (
            told("checkout.session.completed", "paid", &id, &session, 9, "eur"),
            400,
            format!(
                "amount_total of session {session} is 9, but order {id} says 90; no credits were granted. Look at the payment in Stripe and refund it or grant the credits by hand"
            ),
        ),
        (
            told("checkout.session.completed", "paid", &id, &session, 90, "usd"),
            400,
            format!(
                "currency of session {session} is usd, but order {id} says eur; no credits were granted. Look at the payment in Stripe and refund it or grant the credits by hand"
            ),
        ),
        (
            told("checkout.session.completed", "paid", &id, "cs_other", 90, "eur"),
            400,
            format!(
                "id of session cs_other is cs_other, but order {id} says {session}; no credits were granted. Look at the payment in Stripe and refund it or grant the credits by hand"
            ),
        ),
    ] {
        let reply = webhook(&host, "whsec_simulated", now(), &body).await;
        assert_eq!((reply.status, reply.text), (status, text), "{body}");
    }
    let large = webhook(&host, "whsec_simulated", now(), &"x".repeat((1 << 20) + 1)).await;
    assert_eq!(large.status, 413);
    assert_eq!(rows(&host), before);
    assert_eq!(odoo.balance("sms").await, json!(0.0));
    host.verify();
    // The same with the right signature is a payment.
    let reply = webhook(&host, "whsec_simulated", now(), &right).await;
    assert_eq!((reply.status, reply.text.as_str()), (200, "credits granted"));
    let reply = webhook(&host, "whsec_simulated", now(), &right).await;
    assert_eq!((reply.status, reply.text.as_str()), (200, "credits were granted before; nothing moved"));
    assert_eq!(odoo.balance("sms").await, json!(10.0));
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_that_cannot_be_are_refused_with_the_reason() {
    let host = with_echo();
    let operator = host.operator();
    let odoo = host.database("on_premise").await;
    odoo.balance("echo").await;
    odoo.balance("sms").await;
    let ordering = async |service: &str, fields: &[(&str, &str)]| {
        let mut form = vec![("service_name", service), ("account_token", &*odoo.token), ("dbuuid", &*odoo.dbuuid)];
        form.extend_from_slice(fields);
        post_form(&host, "/iap/1/credit", &form).await
    };
    let before = rows(&host);
    for (fields, status, words) in [
        (vec![], 400, "No pack was chosen"),
        (vec![("pack", "Golden Pack")], 400, "This pack is not for sale"),
        (vec![("pack", "Starter Pack"), ("currency", "CHF")], 400, "This pack is not for sale"),
    ] {
        let reply = ordering("sms", &fields).await;
        assert_eq!(reply.status, status, "{}", reply.text);
        assert!(reply.text.contains(words), "{}", reply.text);
    }
    assert_eq!(ordering("fax", &[("pack", "Starter Pack")]).await.status, 404);
    // A copy of the database: somebody decides first.
    let copy = odoo.copy();
    let form =
        [("service_name", "sms"), ("account_token", &*copy.token), ("dbuuid", &*copy.dbuuid), ("pack", "Starter Pack")];
    let reply = post_form(&host, "/iap/1/credit", &form).await;
    assert_eq!(reply.status, 403, "{}", reply.text);
    assert!(reply.text.contains("must choose share, move or refuse"), "{}", reply.text);
    let disabled = format!("{}+disabled", odoo.token);
    let reply = post_form(
        &host,
        "/iap/1/credit",
        &[("service_name", "sms"), ("account_token", &disabled), ("pack", "Starter Pack")],
    )
    .await;
    assert_eq!(reply.status, 403);
    assert!(reply.text.contains("This is a test copy of a database"), "{}", reply.text);
    // The hosting rule, also for an order that the page offered before the database moved.
    operator.declare(&odoo.dbuuid, "odoo_online").await;
    let reply = ordering("echo", &[("pack", "Starter Pack"), ("currency", "EUR")]).await;
    assert_eq!(reply.status, 403);
    assert!(
        reply.text.contains("Not available for this database") && reply.text.contains("first-party services only"),
        "{}",
        reply.text
    );
    assert_eq!(host.sql("SELECT count(*) FROM pack_order"), ["0"]);
    assert_eq!(card(&host, "GET", "/events", None).await["events"], json!([]));
    assert_eq!(ordering("sms", &[("pack", "Starter Pack"), ("currency", "USD")]).await.status, 303);
    let orders: Vec<String> = before.iter().filter(|row| row.starts_with("pack_order")).cloned().collect();
    assert_eq!(
        (orders, host.sql("SELECT price FROM pack_order")),
        (vec!["pack_order: 0".to_owned()], vec!["100".to_owned()])
    );
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_that_was_on_its_way_when_the_database_moved_is_kept() {
    let host = with_echo();
    let operator = host.operator();
    let odoo = host.database("on_premise").await;
    odoo.balance("echo").await;
    let form = [
        ("service_name", "echo"),
        ("account_token", &*odoo.token),
        ("dbuuid", &*odoo.dbuuid),
        ("pack", "Starter Pack"),
    ];
    let payment = post_form(&host, "/iap/1/credit", &form).await.location.expect("a redirect");
    operator.declare(&odoo.dbuuid, "odoo_online").await;
    let done = back(&host, &pay(&host, &payment, "4242424242424242").await);
    let thanks = get(&host, &done).await;
    assert!(thanks.text.contains("10 credits were added to your account."), "{}", thanks.text);
    let account = operator.account(&odoo.dbuuid, "echo").await;
    let shown = operator.ok("GET", &format!("/v1/accounts/{account}"), None).await;
    assert_eq!(
        (&shown["balance"], &shown["suspended"]),
        (&json!("10"), &json!("hosting-refused")),
        "paid for, intact and refundable"
    );
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_card_processor_nothing_is_sold_and_nothing_lost() {
    let host = TestHost::with(&Settings { without_simulators: true, ..Settings::default() });
    let odoo = host.database("on_premise").await;
    odoo.balance("sms").await;
    let form =
        [("service_name", "sms"), ("account_token", &*odoo.token), ("dbuuid", &*odoo.dbuuid), ("pack", "Starter Pack")];
    let reply = post_form(&host, "/iap/1/credit", &form).await;
    assert_eq!(reply.status, 502);
    assert!(
        reply.text.contains("The payment could not be started") && reply.text.contains("Nothing was charged."),
        "{}",
        reply.text
    );
    let page = get(&host, &buy_page(&odoo, "sms", "")).await;
    assert!(page.text.contains("not completed"), "{}", page.text);
    assert_eq!(odoo.balance("sms").await, json!(0.0));
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_payment_while_the_host_is_down_is_told_when_it_is_back() {
    let mut host = TestHost::start();
    let odoo = host.database("on_premise").await;
    odoo.balance("sms").await;
    let payment = order(&host, &odoo, "Starter Pack").await;
    host.kill();
    // A delayed event does not hold the customer back.
    card(&host, "POST", "/faults", Some(json!({ "webhook_delay_ms": 1 }))).await;
    let done = back(&host, &pay(&host, &payment, "4242424242424242").await);
    until("a delivery that fails", async || event(&host).await["attempts"].as_u64() > Some(0)).await;
    host.restart();
    until("the credits", async || odoo.balance("sms").await == json!(10.0)).await;
    assert!(get(&host, &done).await.text.contains("10 credits were added to your account."));
    assert_eq!(odoo.balance("sms").await, json!(10.0));
    assert_eq!(grants(&host, &odoo).await.len(), 1);
    host.verify();
}
