//! The bank: its document, what changes it, how it fails.

use iap_providers::rates;
use serde_json::{Value, json};

use crate::support::{Running, client};

const DOCUMENT: &str = "/stats/eurofxref/eurofxref-daily.xml";

async fn bank() -> Running {
    Running::start(|listener, stop| rates::serve(listener, async move { drop(stop.await) })).await
}

async fn publish(running: &Running, change: &Value) -> u16 {
    let request = client().put(format!("{}/rates", running.base)).header("content-type", "application/json");
    request.body(change.to_string()).send().await.unwrap().status().as_u16()
}

#[tokio::test]
async fn it_publishes_what_it_is_told() {
    let running = bank().await;
    let document = running.page(DOCUMENT).await;
    for part in ["<Cube time='2026-01-02'>", "<Cube currency='USD' rate='1.1738'/>", "</gesmes:Envelope>"] {
        assert!(document.contains(part), "no {part} in {document}");
    }
    assert_eq!(publish(&running, &json!({ "date": "2026-01-05", "rates": { "USD": "1.2" } })).await, 204);
    let document = running.page(DOCUMENT).await;
    for part in ["time='2026-01-05'", "currency='USD' rate='1.2'", "currency='CHF' rate='0.9291'"] {
        assert!(document.contains(part), "no {part} in {document}");
    }
    for wrong in
        [json!({ "date": "tomorrow", "rates": {} }), json!({ "date": "2026-01-06", "rates": { "USD": "'/>" } })]
    {
        assert_eq!(publish(&running, &wrong).await, 400, "{wrong}");
    }
    assert_eq!(running.get("/received").await, json!({ "total": 2 }));
    assert!(running.page("/").await.contains("2026-01-05"));
    running.stop().await;
}

#[tokio::test]
async fn it_can_be_made_to_fail() {
    let running = bank().await;
    let whole = running.page(DOCUMENT).await;
    running.post("/faults", json!({ "half": true, "times": 1 })).await;
    let half = running.page(DOCUMENT).await;
    assert!(whole.starts_with(&half) && half.len() == whole.len() / 2);
    assert_eq!(running.page(DOCUMENT).await, whole);
    running.post("/faults", json!({ "status": 503 })).await;
    let answer = client().get(format!("{}{DOCUMENT}", running.base)).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), 503);
    running.post("/faults", json!({ "garbage": true })).await;
    assert!(running.page(DOCUMENT).await.contains("nginx"));
    running.stop().await;
}
