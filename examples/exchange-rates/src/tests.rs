//! Subscriptions from their beginning to their end, against the SDK's scripted host.

use iap_sdk::{http::Response, testing::Host};
use serde_json::{Value, json};

use crate::ExchangeRates;
use iap_sdk::prelude::*;

const PATH: &str = "/eurofxref-daily.xml";
const WEBHOOK: &str = "https://db.example.com/acme/rates";
const HOUR: u32 = 3_600;
const DAY: u32 = 24 * HOUR;

fn document(date: &str, dollar: &str) -> String {
    format!(
        "<gesmes:Envelope><Cube><Cube time='{date}'><Cube currency='USD' rate='{dollar}'/><Cube currency='CHF' rate='0.9311'/></Cube></Cube></gesmes:Envelope>"
    )
}

fn publish(host: &Host, date: &str, dollar: &str) {
    host.answer("ecb", PATH, Response::new(200).with_body(document(date, dollar)));
}

fn host() -> Host {
    let host = Host::new();
    host.credits("3").price("update", "0.04").free("rates").free("unsubscribe");
    publish(&host, "2026-01-02", "1.17");
    host
}

fn subscribe(host: &Host, currencies: Value) -> Result<Value, Failure> {
    host.call::<ExchangeRates>("subscribe", json!({ "currencies": currencies, "webhook": WEBHOOK }))
}

/// Runs the latest job after an hour.
fn look(host: &Host) -> Result<(), Failure> {
    host.advance(HOUR);
    host.run_enqueued::<ExchangeRates>(host.jobs().last().expect("a job waits"), 1)
}

/// Dates that were sent to the database.
fn sent(host: &Host) -> Vec<String> {
    let date = |body: &[u8]| serde_json::from_slice::<Value>(body).expect("JSON")["params"]["date"].clone();
    host.callbacks().iter().map(|message| date(&message.body).as_str().expect("a date").to_owned()).collect()
}

#[test]
fn a_subscription_sets_a_credit_aside_and_sends_the_first_rates() {
    let host = host();
    let quoted = host.quote::<ExchangeRates>("subscribe", json!({ "currencies": ["USD"], "webhook": WEBHOOK }));
    assert_eq!(quoted, Ok(vec![Line::new("update", 25)]));
    let answer = subscribe(&host, json!(["USD"])).expect("subscribed");
    // The scripted clock stands at the first of January, 2026.
    let expected = json!({ "until": 1_767_225_600_u64 + 30 * u64::from(DAY), "date": "2026-01-02", "base": "EUR", "rates": { "USD": "1.17" } });
    assert_eq!(answer, expected);
    assert_eq!((host.available(), host.held()), ("2".to_owned(), "1".to_owned()));
    let message = &host.callbacks()[0];
    assert_eq!((message.url.as_str(), message.order.as_deref()), (WEBHOOK, Some("rates")));
    let body: Value = serde_json::from_slice(&message.body).expect("JSON");
    assert_eq!(body, json!({ "jsonrpc": "2.0", "method": "call", "id": 1, "params": expected }));
    assert_eq!((host.jobs()[0].name.as_str(), host.jobs()[0].delay), ("look", HOUR));
}

#[test]
fn rates_are_sent_when_they_change_and_charged_at_the_end() {
    let host = host();
    subscribe(&host, json!(["USD", "CHF"])).expect("subscribed");
    look(&host).expect("looks");
    assert_eq!(sent(&host), ["2026-01-02"], "nothing is new");
    for (date, dollar) in [("2026-01-05", "1.18"), ("2026-01-06", "1.19")] {
        publish(&host, date, dollar);
        look(&host).expect("looks");
        look(&host).expect("looks");
    }
    assert_eq!(sent(&host), ["2026-01-02", "2026-01-05", "2026-01-06"]);
    assert_eq!(host.captured(), []);
    let rates = host.call::<ExchangeRates>("rates", json!({})).expect("subscribed");
    assert_eq!((&rates["date"], &rates["rates"]), (&json!("2026-01-06"), &json!({ "USD": "1.19", "CHF": "0.9311" })));
    host.advance(30 * DAY);
    look(&host).expect("settles");
    assert_eq!((host.captured()[0].credits.as_str(), host.captured()[0].lines[0].units), ("0.12", 3));
    assert_eq!((host.available(), host.held()), ("2.88".to_owned(), "0".to_owned()));
    let jobs = host.jobs().len();
    look(&host).expect("a run after the end changes nothing");
    assert_eq!((host.captured().len(), host.jobs().len()), (1, jobs));
}

#[test]
fn the_bank_is_asked_once_for_all_within_an_hour() {
    let host = host();
    subscribe(&host, json!(["USD"])).expect("subscribed");
    subscribe(&host, json!(["CHF"])).expect("subscribed again");
    assert_eq!(host.requests().len(), 1);
    look(&host).expect("looks");
    assert_eq!(host.requests().len(), 2);
    host.config("look-every", "60");
    host.advance(60);
    host.run_enqueued::<ExchangeRates>(host.jobs().last().expect("a job waits"), 1).expect("looks");
    assert_eq!((host.requests().len(), host.jobs().last().expect("a job waits").delay), (3, 60));
}

#[test]
fn a_bank_that_is_down_costs_nothing_and_ends_nothing() {
    let host = host();
    for response in [
        Response::new(503),
        Response::new(200).with_body("<html>"),
        Response::new(200).with_body(&document("2026-01-02", "1.17")[..90]),
    ] {
        host.answer("ecb", PATH, response);
        let failure = subscribe(&host, json!(["USD"])).expect_err("no rates");
        assert_eq!(failure, Failure::ProviderUnavailable { retry_after: Some(HOUR) });
    }
    host.fail("ecb", PATH, http::Error::new("timeout", "no answer"));
    assert_eq!(subscribe(&host, json!(["USD"])), Err(Failure::provider_unavailable()));
    assert_eq!((host.available(), host.held(), host.jobs().len()), ("3".to_owned(), "0".to_owned(), 0));
    publish(&host, "2026-01-02", "1.17");
    subscribe(&host, json!(["USD"])).expect("subscribed");
    host.answer("ecb", PATH, Response::new(500));
    look(&host).expect("looks again later");
    publish(&host, "2026-01-05", "1.18");
    look(&host).expect("looks");
    assert_eq!(sent(&host), ["2026-01-02", "2026-01-05"]);
    // A server that is behind takes nothing back.
    publish(&host, "2026-01-02", "1.17");
    look(&host).expect("looks");
    assert_eq!(host.call::<ExchangeRates>("rates", json!({})).expect("subscribed")["date"], "2026-01-05");
    assert_eq!(sent(&host).len(), 2);
}

#[test]
fn who_unsubscribes_pays_for_what_came() {
    let host = host();
    let none = Failure::refused("This database has no subscription to exchange rates: subscribe first.");
    assert_eq!(host.call::<ExchangeRates>("unsubscribe", json!({})), Err(none.clone()));
    assert_eq!(host.call::<ExchangeRates>("rates", json!({})), Err(none.clone()));
    subscribe(&host, json!(["USD"])).expect("subscribed");
    assert_eq!(host.call::<ExchangeRates>("unsubscribe", json!({})), Ok(json!({ "unsubscribed": true })));
    assert_eq!(host.call::<ExchangeRates>("rates", json!({})), Err(none));
    publish(&host, "2026-01-05", "1.18");
    look(&host).expect("settles");
    assert_eq!((host.available(), host.held(), sent(&host).len()), ("2.96".to_owned(), "0".to_owned(), 1));
}

#[test]
fn a_second_subscription_takes_the_place_of_the_first() {
    let host = host();
    subscribe(&host, json!(["USD"])).expect("subscribed");
    subscribe(&host, json!(["CHF"])).expect("subscribed again");
    assert_eq!((host.available(), host.held()), ("1".to_owned(), "2".to_owned()));
    let first = host.jobs()[0].clone();
    host.run_enqueued::<ExchangeRates>(&first, 1).expect("settles");
    assert_eq!((host.available(), host.held()), ("1.96".to_owned(), "1".to_owned()));
    publish(&host, "2026-01-05", "1.18");
    look(&host).expect("looks");
    let body: Value = serde_json::from_slice(&host.callbacks().last().expect("sent").body).expect("JSON");
    assert_eq!(body["params"]["rates"], json!({ "CHF": "0.9311" }));
}

#[test]
fn it_ends_when_all_is_delivered_that_was_paid() {
    let host = host();
    subscribe(&host, json!(["USD"])).expect("subscribed");
    for day in 3..=40 {
        publish(&host, &format!("2026-{:02}-{:02}", 1 + day / 28, 1 + day % 28), "1.2");
        look(&host).expect("looks");
    }
    assert_eq!((sent(&host).len(), host.captured()[0].credits.as_str(), host.held()), (25, "1", "0".to_owned()));
}

#[test]
fn wrong_members_are_named() {
    let host = host();
    for (input, at) in [
        (json!({ "currencies": [], "webhook": WEBHOOK }), "currencies"),
        (json!({ "currencies": vec!["USD"; 41], "webhook": WEBHOOK }), "currencies"),
        (json!({ "currencies": ["USD", "dollar"], "webhook": WEBHOOK }), "currencies[1]"),
        (json!({ "currencies": ["USD", "XXX"], "webhook": WEBHOOK }), "currencies[1]"),
        (json!({ "currencies": ["USD"] }), "webhook"),
    ] {
        let failure = host.call::<ExchangeRates>("subscribe", input).expect_err("it is wrong");
        assert!(matches!(&failure, Failure::BadRequest { field, .. } if field == at), "{at}: {failure}");
    }
    assert_eq!((host.available(), host.held(), host.callbacks().len()), ("3".to_owned(), "0".to_owned(), 0));
}
