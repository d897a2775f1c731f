//! What databases sent: recorded requests, and a database's webhook.

use std::sync::{Arc, Mutex, PoisonError};

use axum::{Json, Router, extract::State, routing::post};
use serde_json::{Value, json};
use tokio::net::TcpListener;

/// A recorded request: path and body.
pub struct Recorded {
    pub path: String,
    pub body: Value,
}

impl Recorded {
    fn read(text: &str) -> Self {
        let value: Value = serde_json::from_str(text).expect("recorded requests are JSON");
        Self { path: value["path"].as_str().expect("they have a path").to_owned(), body: value["body"].clone() }
    }

    /// The same with another parameter.
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.body["params"][name] = value;
        self
    }

    pub fn param(&self, name: &str) -> &str {
        self.body["params"][name].as_str().unwrap_or_default()
    }
}

macro_rules! recorded {
    ($($(#[$doc:meta])* $name:ident = $file:literal;)*) => {$(
        $(#[$doc])*
        pub fn $name() -> Recorded {
            Recorded::read(include_str!(concat!("../../../../tests/fixtures/odoo/", $file)))
        }
    )*};
}

recorded! {
    balance_17 = "v17/003-iap_1_balance.json";
    send_17 = "v17/004-api_sms_3_send.json";
    information_19 = "v19/002-iap_1_get-accounts-information.json";
    warning_19 = "v19/029-iap_1_update-warning-email-alerts.json";
    balance_19 = "v19/004-iap_1_balance.json";
    send_19 = "v19/005-api_sms_3_send.json";
    send_one_19 = "v19/006-api_sms_3_send.json";
    letter_19 = "v19/019-iap_snailmail_1_print.json";
}

/// The webhook of a database: takes delivery reports.
pub struct Webhook {
    pub url: String,
    reports: Arc<Mutex<Vec<Value>>>,
}

impl Webhook {
    pub async fn listen() -> anyhow::Result<Self> {
        let reports: Arc<Mutex<Vec<Value>>> = Arc::default();
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}/sms/status", listener.local_addr()?);
        let routes = Router::new().route("/sms/status", post(take)).with_state(Arc::clone(&reports));
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Ok(Self { url, reports })
    }

    /// Statuses received for a message, in order.
    pub fn statuses(&self, uuid: &str) -> Vec<String> {
        let reports = self.reports.lock().unwrap_or_else(PoisonError::into_inner);
        let statuses = reports.iter().filter_map(|report| report["params"]["message_statuses"].as_array()).flatten();
        let about = statuses
            .filter(|status| status["uuids"].as_array().is_some_and(|uuids| uuids.iter().any(|other| other == uuid)));
        about.filter_map(|status| status["sms_status"].as_str().map(str::to_owned)).collect()
    }
}

async fn take(State(reports): State<Arc<Mutex<Vec<Value>>>>, Json(report): Json<Value>) -> Json<Value> {
    let id = report["id"].clone();
    reports.lock().unwrap_or_else(PoisonError::into_inner).push(report);
    Json(json!({ "jsonrpc": "2.0", "id": id, "result": "OK" }))
}
