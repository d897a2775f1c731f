//! Where money goes: who may change it, who is told, and that nothing is paid for a while.

use serde_json::{Value, json};

use crate::support::{ALL, World, on_postgres, problem, world};

const ANN: &str = "ann@acme.example";
const FIN: &str = "fay@acme.example";

async fn details_are_guarded(world: &World) {
    let operator = world.host.operator();
    assert_eq!(world.sign_up("acme", ANN).await, "approved");
    let owner = world.token(ANN, &ALL).await;
    world.invite(&owner, "acme", FIN, "finance").await;
    let finance = world.token(FIN, &["finance", "read"]).await;
    let put = async |token: &str, body: Value| {
        world.send_as(token, "PUT", "/v1/vendors/acme/payout-details", Some(&body)).await
    };
    let body = |code: &str| json!({ "iban": "BE68 5390 0754 7034", "currency": "EUR", "code": code });
    assert_eq!(problem(&put(&finance, body("12345678")).await), (403, "wrong-code".to_owned()), "no code was mailed");
    let operators = operator.send("PUT", "/v1/vendors/acme/payout-details", Some(&body("12345678"))).await;
    assert_eq!(problem(&operators), (403, "forbidden".to_owned()), "not even the operator");

    let (told, own) = (world.mails(ANN).await.len(), world.mails(FIN).await.len());
    let sent = world.send_as(&finance, "POST", "/v1/vendors/acme/reauthenticate", None).await;
    assert_eq!(sent.json()["email"], FIN, "{}", sent.text);
    let code = world.code(FIN, own + 1).await;
    // Another member's code is of no use.
    assert_eq!(problem(&put(&owner, body(&code)).await), (403, "wrong-code".to_owned()));
    for (iban, currency, field) in [("BE68 5390 0754 7035", "EUR", "iban"), ("BE68539007547034", "XAU", "currency")] {
        let wrong = put(&finance, json!({ "iban": iban, "currency": currency, "code": code })).await;
        assert_eq!((wrong.status, &wrong.json()["field"]), (422, &json!(field)), "{}", wrong.text);
    }
    let set = put(&finance, body(&code)).await;
    assert_eq!((set.status, &set.json()["iban"]), (200, &json!("BE… 7034")), "{}", set.text);
    let mail = world.mail(ANN, told + 1).await;
    assert!(mail.contains("ends in 7034") && mail.contains(FIN), "the address from before is told: {mail}");
    assert_eq!(problem(&put(&finance, body(&code)).await), (403, "wrong-code".to_owned()), "a code is used once");

    let payout = json!({ "vendor": "acme", "currency": "EUR", "amount": "1.00" });
    let held = operator.send("POST", "/v1/payouts", Some(&payout)).await;
    assert_eq!(problem(&held), (409, "payouts-held".to_owned()), "{}", held.text);
    let days = "SELECT (payouts_held_until - (SELECT max(created_at) FROM mail WHERE kind = 'payout_changed') + 60000) / 86400000 FROM vendor WHERE name = 'acme'";
    assert_eq!(world.host.sql(days), ["7"]);
    world.host.sql("UPDATE vendor SET payouts_held_until = 1 WHERE name = 'acme' RETURNING name");
    let later = operator.send("POST", "/v1/payouts", Some(&payout)).await;
    assert_eq!(
        (later.status, &later.json()["field"]),
        (422, &json!("amount")),
        "only money is missing: {}",
        later.text
    );

    // The same details again hold nothing up, and nobody is told.
    let own = world.mails(FIN).await.len();
    world.send_as(&finance, "POST", "/v1/vendors/acme/reauthenticate", None).await;
    let code = world.code(FIN, own + 1).await;
    assert_eq!(put(&finance, body(&code)).await.status, 200);
    assert_eq!(operator.send("POST", "/v1/payouts", Some(&payout)).await.status, 422);
    assert_eq!(world.host.sql("SELECT count(*) FROM mail WHERE kind = 'payout_changed'"), ["1"]);
    let seen = world.send_as(&finance, "GET", "/v1/vendors/acme", None).await;
    assert!(!seen.text.contains("BE68539007547034"), "{}", seen.text);
    let seen = operator.ok("GET", "/v1/vendors/acme", None).await;
    assert_eq!(seen["payout"]["iban"], "BE68539007547034", "the operator pays to it: {seen}");
}

#[tokio::test(flavor = "multi_thread")]
async fn payout_details_need_a_code_and_hold_payouts() {
    details_are_guarded(&world("vendor_signup = \"open\"\n").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn payout_details_need_a_code_and_hold_payouts_on_postgres() {
    details_are_guarded(&on_postgres("vendor_signup = \"open\"\n").await).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn mails_go_elsewhere_only_with_a_word_to_where_they_went() {
    let world = world("vendor_signup = \"open\"\n").await;
    world.sign_up("acme", ANN).await;
    let owner = world.token(ANN, &ALL).await;
    let to = |email: &str| json!({ "email": email });
    let patch = async |body: Value| world.send_as(&owner, "PATCH", "/v1/vendors/acme", Some(&body)).await;
    let stranger = patch(to("eve@evil.example")).await;
    assert_eq!((stranger.status, &stranger.json()["field"]), (422, &json!("email")), "{}", stranger.text);
    world.invite(&owner, "acme", FIN, "owner").await;
    let told = world.mails(ANN).await.len();
    let changed = patch(to(FIN)).await;
    assert_eq!((changed.status, &changed.json()["email"]), (200, &json!(FIN)), "{}", changed.text);
    assert!(changed.json()["payouts_held_until"].is_string(), "{}", changed.text);
    assert!(world.mail(ANN, told + 1).await.contains(FIN));
    let payout = json!({ "vendor": "acme", "currency": "EUR", "amount": "1.00" });
    let held = world.host.operator().send("POST", "/v1/payouts", Some(&payout)).await;
    assert_eq!(problem(&held), (409, "payouts-held".to_owned()));
}
