//! The register of VAT numbers: what it checks strictly, what it answers, how it fails.

use iap_providers::vat;
use serde_json::{Value, json};

use crate::support::{Running, client};

const API: &str = "/taxation_customs/vies/rest-api/check-vat-number";

async fn register() -> Running {
    Running::start(|listener, stop| vat::serve(listener, async move { drop(stop.await) })).await
}

async fn ask(running: &Running, kind: &str, body: &Value) -> (u16, Value) {
    let request = client().post(format!("{}{API}", running.base)).header("content-type", kind).body(body.to_string());
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), serde_json::from_str(&answer.text().await.unwrap()).unwrap_or(Value::Null))
}

async fn check(running: &Running, country: &str, number: &str) -> Value {
    let (status, answer) =
        ask(running, "application/json", &json!({ "countryCode": country, "vatNumber": number })).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

fn failed(code: &str) -> Value {
    json!({ "actionSucceed": false, "errorWrappers": [{ "error": code }] })
}

#[tokio::test]
async fn it_knows_numbers_and_who_publishes_names() {
    let running = register().await;
    let known = check(&running, "BE", "0477472701").await;
    assert_eq!((&known["valid"], &known["vatNumber"]), (&json!(true), &json!("0477472701")));
    assert_eq!((&known["name"], &known["address"]), (&json!("COMPANY 0477472701"), &json!("MAIN STREET 1\n1000 BE")));
    assert!(known["requestDate"].as_str().is_some_and(|date| date.ends_with('Z') && date.len() == 24), "{known}");
    let silent = check(&running, "DE", "123456789").await;
    assert_eq!((&silent["valid"], &silent["name"]), (&json!(true), &json!("---")));
    assert_eq!(check(&running, "BE", "0477472700").await["valid"], false);
    for (number, answer) in [("100", json!(true)), ("200", json!(false))] {
        assert_eq!(check(&running, "FR", number).await["valid"], answer);
    }
    for (country, number, code) in [
        ("BE", "301", "MS_UNAVAILABLE"),
        ("BE", "600", "MS_MAX_CONCURRENT_REQ"),
        ("GR", "094014201", "INVALID_INPUT"),
        ("be", "0477472701", "INVALID_INPUT"),
        ("US", "0477472701", "INVALID_INPUT"),
        ("BE", "0477.472.701", "INVALID_INPUT"),
        ("BE", "", "INVALID_INPUT"),
        ("BE", "1234567890123", "INVALID_INPUT"),
    ] {
        assert_eq!(check(&running, country, number).await, failed(code), "{country} {number}");
    }
    let received = running.get("/received").await;
    assert_eq!((&received["total"], &received["checks"][0]["answer"]), (&json!(13), &json!("valid")));
    assert!(running.page("/").await.contains("0477472701"));
    running.stop().await;
}

#[tokio::test]
async fn what_it_is_not_told_to_take_is_refused() {
    let running = register().await;
    let question = json!({ "countryCode": "BE", "vatNumber": "0477472701" });
    assert_eq!(ask(&running, "text/plain", &question).await.0, 415);
    assert_eq!(ask(&running, "application/json; charset=utf-8", &question).await.0, 200);
    for wrong in [
        json!({ "countryCode": "BE" }),
        json!({ "countryCode": "BE", "vatNumber": 477 }),
        json!({ "countryCode": "BE", "vatNumber": "0477472701", "country": "BE" }),
        json!([]),
    ] {
        let (status, answer) = ask(&running, "application/json", &wrong).await;
        assert_eq!((status, &answer["actionSucceed"]), (400, &json!(false)), "{wrong}");
    }
    let half = json!({ "countryCode": "BE", "vatNumber": "0477472701", "requesterNumber": "0477472701" });
    assert_eq!(ask(&running, "application/json", &half).await, (200, failed("INVALID_REQUESTER_INFO")));
    running.stop().await;
}

#[tokio::test]
async fn it_can_be_made_to_fail() {
    let running = register().await;
    let question = json!({ "countryCode": "BE", "vatNumber": "0477472701" });
    assert_eq!(running.post("/faults", json!({ "status": 503, "times": 1 })).await.0, 200);
    let (status, answer) = ask(&running, "application/json", &question).await;
    assert_eq!((status, &answer["errorWrappers"][0]["error"]), (503, &json!("SERVICE_UNAVAILABLE")));
    assert_eq!(ask(&running, "application/json", &question).await.0, 200);
    for fault in ["garbage", "half"] {
        running.post("/faults", json!({ fault: true })).await;
        assert_eq!(ask(&running, "application/json", &question).await, (200, Value::Null), "{fault}");
    }
    running.post("/faults", json!({ "drop": true })).await;
    let request = client().post(format!("{}{API}", running.base)).header("content-type", "application/json");
    assert!(request.body(question.to_string()).send().await.is_err(), "the connection is cut");
    assert!(running.page("/").await.contains("Faults are on"));
    for wrong in [json!({ "status": 200 }), json!({ "fire": true })] {
        assert_eq!(running.post("/faults", wrong).await.0, 400);
    }
    running.post("/faults", json!({})).await;
    assert_eq!(check(&running, "BE", "0477472701").await["valid"], true);
    running.stop().await;
}
