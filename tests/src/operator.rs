//! The operator of a host, over REST.

use serde_json::{Value, json};

use crate::{Odoo, Reply, host::OPERATOR_TOKEN, http};

/// Speaks with all rights.
pub struct Operator {
    client: reqwest::Client,
    url: String,
}

impl Operator {
    /// Of the host at `url`.
    pub fn new(client: reqwest::Client, url: &str) -> Self {
        Self { client, url: url.to_owned() }
    }

    /// A request; whatever it answers.
    ///
    /// # Panics
    ///
    /// There is no answer.
    pub async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Reply {
        self.send_with(method, path, body, &[("Authorization", &format!("Bearer {OPERATOR_TOKEN}"))]).await
    }

    /// A request with these headers only (and its content type).
    ///
    /// # Panics
    ///
    /// There is no answer.
    pub async fn send_with(&self, method: &str, path: &str, body: Option<&Value>, headers: &[(&str, &str)]) -> Reply {
        let mut request = self.client.request(method.parse().expect("a method"), format!("{}{path}", self.url));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.header("Content-Type", "application/json").body(body.to_string());
        }
        http::try_send(request).await.expect("the host answers")
    }

    /// A request that must go well; its JSON.
    ///
    /// # Panics
    ///
    /// It does not go well.
    pub async fn ok(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let reply = self.send(method, path, body).await;
        assert!(reply.status < 300, "{method} {path}: {} {}", reply.status, reply.text);
        reply.json()
    }

    /// Declares a database: community, for production.
    pub async fn declare(&self, dbuuid: &str, hosting: &str) {
        self.ok("PUT", &format!("/v1/databases/{dbuuid}"), Some(&json!({ "hosting": hosting }))).await;
    }

    /// Id of the account that a database has for a service.
    ///
    /// # Panics
    ///
    /// It has none.
    pub async fn account(&self, dbuuid: &str, service: &str) -> String {
        let database = self.ok("GET", &format!("/v1/databases/{dbuuid}"), None).await;
        let accounts = database["accounts"].as_array().cloned().unwrap_or_default();
        let account = accounts.iter().find(|account| account["service"] == service);
        account.unwrap_or_else(|| panic!("no {service} account: {database}"))["id"].as_str().expect("an id").to_owned()
    }

    /// Gives credits to a database's account; its id.
    pub async fn grant(&self, odoo: &Odoo, service: &str, credits: &str) -> String {
        let account = self.account(&odoo.dbuuid, service).await;
        self.ok(
            "POST",
            &format!("/v1/accounts/{account}/grants"),
            Some(&json!({ "credits": credits, "reason": "test" })),
        )
        .await;
        account
    }

    /// Gives a remote provider a key; the key.
    ///
    /// # Panics
    ///
    /// There is no key in the answer.
    pub async fn register(&self, service: &str, vendor: &str) -> String {
        let answer = self
            .ok("PUT", &format!("/v1/services/{service}"), Some(&json!({ "title": service, "vendor": vendor })))
            .await;
        answer["key"].as_str().expect("a key").to_owned()
    }

    /// What is available and what is held of an account, as decimals.
    pub async fn credits(&self, account: &str) -> (String, String) {
        let shown = self.ok("GET", &format!("/v1/accounts/{account}"), None).await;
        let text = |name: &str| shown[name].as_str().unwrap_or_default().to_owned();
        (text("available"), text("held"))
    }
}
