//! Registration of 18.0 and later: a confirmed telephone, and a name to send as.

use iap_tests::{Odoo, Settings, TestHost, odoo::hex32};
use serde_json::{Value, json};

use super::{send_v3, texts_to};

const PHONE: &str = "+32475111111";

/// State of a registration request.
async fn ask(odoo: &Odoo, path: &str, name: &str, value: Value) -> String {
    let params = json!({ "account_token": odoo.token, "dbuuid": odoo.dbuuid, name: value });
    let result = odoo.result(path, &params).await;
    assert_eq!(result.as_object().map(serde_json::Map::len), Some(1), "{result}");
    result["state"].as_str().expect("a state").to_owned()
}

async fn create(odoo: &Odoo, phone: Value) -> String {
    ask(odoo, "/api/sms/1/account/create", "phone_number", phone).await
}

async fn verify(odoo: &Odoo, code: Value) -> String {
    ask(odoo, "/api/sms/2/account/verify", "code", code).await
}

async fn update_sender(odoo: &Odoo, name: Value) -> String {
    ask(odoo, "/api/sms/1/account/update_sender", "sender_name", name).await
}

/// The code that the carrier received last.
async fn code(host: &TestHost) -> String {
    let texts = texts_to(host, PHONE).await;
    let text = texts.last().expect("a code was sent");
    let code = text
        .strip_prefix("Your code to register for text messages is ")
        .and_then(|rest| rest.strip_suffix(". It is valid for 10 minutes."));
    code.unwrap_or_else(|| panic!("{text}")).to_owned()
}

fn other_than(code: &str) -> &'static str {
    if code == "000000" { "000001" } else { "000000" }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_that_must_register_confirms_a_telephone_first() {
    let host =
        TestHost::with(&Settings { sms_config: "registration = \"required\"".to_owned(), ..Settings::default() });
    let odoo = host.database_with_credits("sms", "10").await;
    let uuid = hex32();
    let refused = json!({ "uuid": uuid, "state": "registration_needed", "credit": 0, "failure_reason": "Register a telephone number first." });
    assert_eq!(send_v3(&odoo, "Hello", &[(json!("+32475000001"), &uuid)]).await, [refused]);
    for (path, state) in [("/iap/sms/2/send", "unregistered"), ("/iap/sms/1/send", "server_error")] {
        let items =
            super::send_numbered(&odoo, path, &json!([{ "res_id": 1, "number": "+32475000001", "content": "x" }]))
                .await;
        assert_eq!(items, [json!({ "res_id": 1, "state": state, "credit": 0 })], "{path}");
    }
    assert_eq!(update_sender(&odoo, json!("ACME")).await, "unregistered_account");
    assert_eq!(verify(&odoo, json!("123456")).await, "no_sms_account");
    for phone in [json!(false), json!("12"), json!("+870123456789"), json!("+32475000404")] {
        assert_eq!(create(&odoo, phone.clone()).await, "invalid_phone_number", "{phone}");
    }
    assert_eq!(create(&odoo, json!("+32475000500")).await, "verification_sms_delivery");
    assert_eq!(create(&odoo, json!(PHONE)).await, "success");
    let code = code(&host).await;
    assert_eq!(verify(&odoo, json!(other_than(&code))).await, "invalid_code");
    assert_eq!(verify(&odoo, json!(false)).await, "invalid_code");
    assert_eq!(odoo.send("+32475000001", &uuid).await, "registration_needed");
    assert_eq!(verify(&odoo, json!(code)).await, "success");
    assert_eq!(verify(&odoo, json!(code)).await, "no_sms_account", "a code is good once");
    assert_eq!(odoo.balance("sms").await, json!(10.0), "registering is free");
    assert_eq!(odoo.send("+32475000001", &uuid).await, "success");
    assert_eq!(odoo.balance("sms").await, json!(9.0));
    // The other account of the same database is another account.
    let other = odoo.with_token(&hex32());
    assert_eq!(update_sender(&other, json!("ACME")).await, "unregistered_account");
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_cannot_be_guessed_and_telephones_not_be_flooded() {
    let host = TestHost::start();
    let odoo = host.database("on_premise").await;
    assert_eq!(create(&odoo, json!(PHONE)).await, "success");
    let first = code(&host).await;
    for _ in 0..5 {
        assert_eq!(verify(&odoo, json!(other_than(&first))).await, "invalid_code");
    }
    assert_eq!(verify(&odoo, json!(first)).await, "too_many_attempts", "even the right one");
    // A new code begins anew; the third is the last in an hour, for the account and for the number.
    for _ in 0..2 {
        assert_eq!(create(&odoo, json!(PHONE)).await, "success");
    }
    assert_eq!(create(&odoo, json!("+32475222222")).await, "verification_sms_delivery");
    let other = host.database("on_premise").await;
    assert_eq!(create(&other, json!(PHONE)).await, "verification_sms_delivery");
    assert_eq!(verify(&odoo, json!(code(&host).await)).await, "success");
    assert_eq!(host.carrier_count(None).await, 3);
    // A neutralized copy registers nothing.
    let copy = odoo.with_token(&format!("{}+disabled", odoo.token));
    assert_eq!(create(&copy, json!("+32475333333")).await, "closed_feature");
    assert_eq!(verify(&copy, json!("123456")).await, "banned_account");
    assert_eq!(update_sender(&copy, json!("ACME")).await, "unregistered_account");
    assert_eq!(host.carrier_count(None).await, 3);
    host.verify();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_name_of_an_account_is_what_recipients_see() {
    let host = TestHost::start();
    let odoo = host.database_with_credits("sms", "10").await;
    assert_eq!(odoo.send("+32475000001", &hex32()).await, "success");
    for name in [
        json!("AB"),
        json!("ACME & Sons"),
        json!("twelve chars"),
        json!("123"),
        json!("Café"),
        json!(false),
        json!(null),
    ] {
        assert_eq!(update_sender(&odoo, name.clone()).await, "format_error", "{name}");
    }
    assert_eq!(update_sender(&odoo, json!("My Shop")).await, "success");
    assert_eq!(update_sender(&odoo, json!("My Shop")).await, "success", "a repeat");
    assert_eq!(update_sender(&odoo, json!("Your Shop")).await, "existing_sender");
    let accounts = json!({ "iap_accounts": [{ "token": odoo.token, "service": "sms" }], "dbuuid": odoo.dbuuid });
    let information = odoo.result("/iap/1/get-accounts-information", &accounts).await;
    assert_eq!(information[&odoo.token]["sender_name"], "My Shop");
    assert_eq!(odoo.send("+32475000002", &hex32()).await, "success");
    // Networks of the United States take no names.
    assert_eq!(odoo.send("+12025550123", &hex32()).await, "success");
    let received = host.carrier_received().await;
    let from: Vec<&str> =
        received["messages"].as_array().unwrap().iter().map(|message| message["from"].as_str().unwrap()).collect();
    assert_eq!(from, ["+32460000000", "My Shop", "+32460000000"]);
    host.verify();
}
