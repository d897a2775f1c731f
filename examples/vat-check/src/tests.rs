use iap_sdk::testing::Host;

use super::*;

const PATH: &str = "/check-vat-number";

fn host() -> Host {
    let host = Host::new();
    host.credits("1").price("check", "0.05");
    host
}

fn answer(body: Value) -> http::Response {
    http::Response::new(200).with_json(&body)
}

fn known(name: &str, address: &str) -> Value {
    json!({ "countryCode": "BE", "vatNumber": "0477472701", "requestDate": "2026-01-05T10:30:00.000Z", "valid": true,
            "requestIdentifier": "", "name": name, "address": address, "traderName": "---" })
}

fn asked(country: &str, number: &str) -> Value {
    let host = host();
    host.answer("vies", PATH, answer(known("NV ACME", "---")));
    host.call::<VatCheck>("check", json!({ "country": country, "number": number })).expect("the register answers");
    serde_json::from_slice(&host.requests()[0].body).expect("a question is JSON")
}

#[test]
fn a_number_that_the_register_has_is_valid_and_charged() {
    let host = host();
    host.answer("vies", PATH, answer(known("NV ACME", "Main Street 1\n1000 Brussel")));
    let output = host.call::<VatCheck>("check", json!({ "country": "BE", "number": "0477472701" }));
    let expected = json!({ "valid": true, "name": "NV ACME", "address": "Main Street 1\n1000 Brussel", "checked_at": "2026-01-05T10:30:00.000Z" });
    assert_eq!(output, Ok(expected));
    assert_eq!((host.available(), host.captured()[0].credits.clone()), ("0.95".to_owned(), "0.05".to_owned()));
    assert_eq!(
        host.quote::<VatCheck>("check", json!({ "country": "BE", "number": "1" })),
        Ok(vec![Line::new("check", 1)])
    );
}

#[test]
fn a_number_that_it_does_not_have_is_an_answer_too() {
    let host = host();
    let mut unknown = known("---", "");
    unknown["valid"] = json!(false);
    host.answer("vies", PATH, answer(unknown));
    let output = host.call::<VatCheck>("check", json!({ "country": "DE", "number": "123456789" }));
    assert_eq!(output, Ok(json!({ "valid": false, "checked_at": "2026-01-05T10:30:00.000Z" })));
    assert_eq!(host.available(), "0.95");
}

#[test]
fn numbers_are_sent_as_the_register_writes_them() {
    for (country, number, expected) in [
        ("BE", "BE 0477.472.701", ("BE", "0477472701")),
        (" be ", "0477-472-701", ("BE", "0477472701")),
        ("GR", "GR094014201", ("EL", "094014201")),
        ("EL", "EL 094014201", ("EL", "094014201")),
        ("xi", "xi 110305878", ("XI", "110305878")),
    ] {
        let question = asked(country, number);
        assert_eq!(question, json!({ "countryCode": expected.0, "vatNumber": expected.1 }), "{country} {number}");
    }
}

#[test]
fn what_is_no_number_is_refused_and_free() {
    let host = host();
    host.answer(
        "vies",
        PATH,
        answer(json!({ "actionSucceed": false, "errorWrappers": [{ "error": "INVALID_INPUT" }] })),
    );
    let output = host.call::<VatCheck>("check", json!({ "country": "BE", "number": "x" }));
    assert!(matches!(output, Err(Failure::BadRequest { ref field, .. }) if field == "number"), "{output:?}");
    assert_eq!((host.available(), host.held()), ("1".to_owned(), "0".to_owned()));
}

#[test]
fn a_register_that_does_not_answer_costs_nothing() {
    let wrong = |error: &str| Ok(answer(json!({ "actionSucceed": false, "errorWrappers": [{ "error": error }] })));
    for response in [
        wrong("MS_UNAVAILABLE"),
        wrong("MS_MAX_CONCURRENT_REQ"),
        wrong("TIMEOUT"),
        Ok(http::Response::new(200).with_body("<html>")),
        Ok(http::Response::new(200).with_json(&json!({}))),
        Ok(http::Response::new(503)),
        Err(http::Error::new("timeout", "no answer in 20 s")),
        Err(http::Error::new("unreachable", "nobody listens")),
    ] {
        let host = host();
        let shown = format!("{response:?}");
        host.respond(move |_| response.clone());
        let output = host.call::<VatCheck>("check", json!({ "country": "BE", "number": "0477472701" }));
        assert_eq!(output, Err(Failure::ProviderUnavailable { retry_after: Some(60) }), "{shown}");
        assert_eq!((host.available(), host.held()), ("1".to_owned(), "0".to_owned()), "{shown}");
    }
}

#[test]
fn without_credits_the_register_is_not_asked() {
    let host = host();
    host.credits("0.04");
    let output = host.call::<VatCheck>("check", json!({ "country": "BE", "number": "0477472701" }));
    assert_eq!((output, host.requests().len()), (Err(Failure::InsufficientCredit), 0));
}
