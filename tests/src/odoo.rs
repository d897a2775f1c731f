//! A database, as Odoo speaks for it.

use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};

use crate::{Reply, http};

/// An Odoo database with one account token.
#[derive(Clone)]
pub struct Odoo {
    client: reqwest::Client,
    url: String,
    /// Its account token: 32 hex digits.
    pub token: String,
    /// Its own name for itself.
    pub dbuuid: String,
}

/// 32 hex digits, different at each call and in each process.
pub fn hex32() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    format!("{:016x}{:016x}", u64::from(std::process::id()), NEXT.fetch_add(1, Ordering::Relaxed))
}

impl Odoo {
    /// A new one.
    pub fn new(client: reqwest::Client, url: &str) -> Self {
        let (token, uuid) = (hex32(), hex32());
        Self { client, url: url.to_owned(), token, dbuuid: format!("test-{uuid}") }
    }

    /// Another database that shows the same token: a copy.
    pub fn copy(&self) -> Self {
        Self { dbuuid: format!("test-{}", hex32()), ..self.clone() }
    }

    /// The same database with another account token.
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }

    /// A database of a given name, with a given token, at the same host.
    pub fn known_as(&self, dbuuid: &str, token: &str) -> Self {
        Self { dbuuid: dbuuid.to_owned(), ..self.with_token(token) }
    }

    /// Posts a body as it is; `Err` if the connection breaks.
    pub async fn try_post(&self, path: &str, body: String) -> Result<Reply, reqwest::Error> {
        http::try_send(
            self.client.post(format!("{}{path}", self.url)).header("Content-Type", "application/json").body(body),
        )
        .await
    }

    /// A JSON-RPC request; the whole answer.
    ///
    /// # Panics
    ///
    /// The answer is not HTTP 200 with JSON: an Odoo could not read it.
    pub async fn rpc(&self, path: &str, params: &Value) -> Value {
        let body = json!({ "jsonrpc": "2.0", "method": "call", "params": params, "id": hex32() });
        let reply = self.try_post(path, body.to_string()).await.expect("the host answers");
        assert_eq!(reply.status, 200, "{path}: {}", reply.text);
        let answer = reply.json();
        assert_eq!(answer["id"], body["id"], "{path}: {}", reply.text);
        answer
    }

    /// The result of a JSON-RPC request.
    ///
    /// # Panics
    ///
    /// It answers an error.
    pub async fn result(&self, path: &str, params: &Value) -> Value {
        let answer = self.rpc(path, params).await;
        assert!(answer.get("error").is_none(), "{path}: {answer}");
        answer["result"].clone()
    }

    /// Class (last component) and message of the error of a JSON-RPC request.
    ///
    /// # Panics
    ///
    /// It answers no error.
    pub async fn error(&self, path: &str, params: &Value) -> (String, String) {
        let answer = self.rpc(path, params).await;
        error_of(&answer)
    }

    /// Balance of a service, as a JSON number.
    pub async fn balance(&self, service: &str) -> Value {
        self.result(
            "/iap/1/balance",
            &json!({ "dbuuid": self.dbuuid, "account_token": self.token, "service_name": service }),
        )
        .await
    }

    /// Parameters of an SMS request of Odoo 17 to 19: one text to many (number, uuid).
    pub fn sms(&self, content: &str, numbers: &[(&str, &str)]) -> Value {
        let numbers: Vec<Value> =
            numbers.iter().map(|(number, uuid)| json!({ "number": number, "uuid": uuid })).collect();
        json!({ "account_token": self.token, "dbuuid": self.dbuuid, "webhook_url": false, "messages": [{ "content": content, "numbers": numbers }] })
    }

    /// Sends one SMS with a uuid; its state.
    pub async fn send(&self, number: &str, uuid: &str) -> String {
        let result = self.result("/api/sms/3/send", &self.sms("Hello", &[(number, uuid)])).await;
        result[0]["state"].as_str().unwrap_or_default().to_owned()
    }

    /// Calls an operation of a service by the generic path.
    pub async fn call(&self, service: &str, operation: &str, mut params: Value) -> Value {
        params["account_token"] = json!(self.token);
        params["dbuuid"] = json!(self.dbuuid);
        self.rpc(&format!("/iap/s/{service}/{operation}"), &params).await
    }
}

/// Class (last component) and message of an error.
///
/// # Panics
///
/// The answer is no error as Odoo needs it.
pub fn error_of(answer: &Value) -> (String, String) {
    assert!(answer.get("result").is_none(), "{answer}");
    let data = &answer["error"]["data"];
    let name = data["name"].as_str().unwrap_or_else(|| panic!("no error.data.name: {answer}"));
    let message = data["message"].as_str().unwrap_or_else(|| panic!("no error.data.message: {answer}"));
    (name.rsplit('.').next().unwrap_or(name).to_owned(), message.to_owned())
}
