//! Odoo's door: what databases of 13.0 to 19.0 send, and what each of them may be answered.

mod bad_input;
mod batches;
mod carrier;
mod generations;
mod hosting;
mod identity;
mod recorded;
mod registration;
mod repeats;
mod story;

use iap_tests::{Odoo, TestHost};
use serde_json::{Value, json};

/// Result of the path of 17.0 and later for messages of one content.
async fn send_v3(odoo: &Odoo, content: &str, messages: &[(Value, &str)]) -> Vec<Value> {
    let numbers: Vec<Value> = messages.iter().map(|(number, uuid)| json!({ "number": number, "uuid": uuid })).collect();
    let params = json!({
        "account_token": odoo.token,
        "dbuuid": odoo.dbuuid,
        "webhook_url": false,
        "messages": [{ "content": content, "numbers": numbers }],
    });
    list(odoo.result("/api/sms/3/send", &params).await)
}

/// Result of a path of 13.0 to 16.0.
async fn send_numbered(odoo: &Odoo, path: &str, messages: &Value) -> Vec<Value> {
    list(odoo.result(path, &json!({ "account_token": odoo.token, "messages": messages })).await)
}

fn list(result: Value) -> Vec<Value> {
    match result {
        Value::Array(items) => items,
        other => panic!("no list: {other}"),
    }
}

/// Texts that the carrier received for a number, oldest first.
async fn texts_to(host: &TestHost, to: &str) -> Vec<String> {
    let received = host.carrier_received().await;
    let messages = received["messages"].as_array().cloned().unwrap_or_default();
    messages
        .iter()
        .filter(|message| message["to"] == to)
        .map(|message| message["body"].as_str().unwrap_or_default().to_owned())
        .collect()
}
