//! Registration, as a database walks through it.

use iap_sdk::{http::Response, prelude::*, testing::Host};
use serde_json::{Value, json};

use crate::Sms;

fn host() -> Host {
    let host = Host::new();
    host.free("account_create").free("account_verify").free("account_update_sender").config("sender", "IAP");
    host.respond(|_| Ok(Response::new(201).with_json(&json!({"sid": "SM1", "status": "queued"}))));
    host
}

fn state(host: &Host, operation: &str, input: Value) -> String {
    host.call::<Sms>(operation, input).unwrap()["state"].as_str().unwrap().to_owned()
}

fn create(host: &Host, number: &str) -> String {
    state(host, "account_create", json!({"phone_number": number, "account_token": "t", "dbuuid": "d"}))
}

fn verify(host: &Host, code: &str) -> String {
    state(host, "account_verify", json!({"code": code, "account_token": "t"}))
}

fn rename(host: &Host, name: Value) -> String {
    state(host, "account_update_sender", json!({"sender_name": name, "account_token": "t"}))
}

/// The code in the last message that went out.
fn code(host: &Host) -> String {
    let mut request = HookRequest::new("POST", "status");
    request.body = host.requests().last().unwrap().body.clone();
    let body = request.form().into_iter().find(|(name, _)| name == "Body").unwrap().1;
    let (_, rest) = body.split_once("is ").unwrap();
    rest[..6].to_owned()
}

#[test]
fn a_code_registers_the_account() {
    let host = host();
    assert_eq!(verify(&host, "123456"), "no_sms_account");
    assert_eq!(create(&host, "+32 475 00 00 01"), "success");
    let code = code(&host);
    assert!(code.bytes().all(|b| b.is_ascii_digit()), "{code}");
    let wrong = if code == "000000" { "000001" } else { "000000" };
    assert_eq!(verify(&host, wrong), "invalid_code");
    assert_eq!(host.stored(Scope::Service, "registered/account"), None);
    assert_eq!(verify(&host, &format!(" {code} ")), "success");
    assert!(host.stored(Scope::Service, "registered/account").is_some());
    assert_eq!(verify(&host, &code), "no_sms_account", "a code is good once");
    assert!(host.captured().is_empty(), "for free");
}

#[test]
fn a_code_cannot_be_guessed() {
    let host = host();
    create(&host, "+32475000001");
    let right = code(&host);
    let wrong = if right == "000000" { "000001" } else { "000000" };
    for _ in 0..5 {
        assert_eq!(verify(&host, wrong), "invalid_code");
    }
    assert_eq!(verify(&host, &right), "too_many_attempts");
    create(&host, "+32475000001");
    let fresh = code(&host);
    assert_eq!(verify(&host, &fresh), "success", "a new code has its own attempts");
}

#[test]
fn a_code_lasts_ten_minutes() {
    let host = host();
    create(&host, "+32475000001");
    host.advance(599);
    assert_eq!(verify(&host, "x"), "invalid_code");
    host.advance(1);
    assert_eq!(verify(&host, &code(&host)), "no_sms_account");
}

#[test]
fn a_telephone_cannot_be_flooded() {
    let host = host();
    for number in ["+32475000001", "+32475000002", "+32475000003"] {
        assert_eq!(create(&host, number), "success");
    }
    assert_eq!(create(&host, "+32475000004"), "verification_sms_delivery");
    assert_eq!(host.requests().len(), 3);
    host.advance(3_601);
    assert_eq!(create(&host, "+32475000004"), "success");
}

#[test]
fn only_numbers_that_can_receive_get_a_code() {
    let host = host();
    for number in ["", "0475000001", "+870773123456", "+18005550123"] {
        assert_eq!(create(&host, number), "invalid_phone_number", "{number}");
    }
    assert!(host.requests().is_empty());
    host.respond(|_| Ok(Response::new(400).with_json(&json!({"code": 21211}))));
    assert_eq!(create(&host, "+32475000001"), "invalid_phone_number");
    host.respond(|_| Ok(Response::new(500)));
    assert_eq!(create(&host, "+32475000001"), "verification_sms_delivery");
    assert_eq!(verify(&host, "123456"), "no_sms_account");
}

#[test]
fn a_sender_name_is_chosen_once() {
    let host = host();
    for wrong in [json!(false), json!("AB"), json!("123456"), json!("Café au lait")] {
        assert_eq!(rename(&host, wrong), "format_error");
    }
    assert_eq!(rename(&host, json!(" ACME ")), "success");
    assert_eq!(host.stored(Scope::Service, "sender/account").as_deref(), Some(&br#""ACME""#[..]));
    assert_eq!(rename(&host, json!("ACME")), "success");
    assert_eq!(rename(&host, json!("Other")), "existing_sender");
    host.config("registration", "required");
    assert_eq!(rename(&host, json!("ACME")), "unregistered_account");
}

#[test]
fn an_account_that_is_not_active_gets_nothing_sent() {
    let host = host();
    host.standing("account-disabled");
    assert_eq!(create(&host, "+32475000001"), "closed_feature");
    assert_eq!(verify(&host, "123456"), "banned_account");
    assert_eq!(rename(&host, json!("ACME")), "unregistered_account");
    assert!(host.requests().is_empty());
}
