//! What these stories share: a host with the examples and the simulators that they ask.

use iap_tests::{Odoo, Reply, Settings, Simulator, TestHost, host::OPERATOR_TOKEN};
use serde_json::{Value, json};

/// Where the register's API is.
pub const VIES: &str = "taxation_customs/vies/rest-api";

/// A host with both examples, and the outside world that they need.
pub struct World {
    /// The host.
    pub host: TestHost,
    /// Knows VAT numbers.
    pub register: Simulator,
    /// Publishes exchange rates.
    pub bank: Simulator,
}

impl World {
    /// Starts everything; rates are looked at every second.
    pub fn start() -> Self {
        Self::looking_every(1)
    }

    /// Starts everything; rates are looked at after so many seconds.
    pub fn looking_every(seconds: u32) -> Self {
        let (register, bank) = (Simulator::start("vat"), Simulator::start("rates"));
        let tables = format!(
            "[services.vat_check.base_urls]\nvies = \"{}/{VIES}\"\n\
             [services.exchange_rates.base_urls]\necb = \"{}/stats/eurofxref\"\n\
             [services.exchange_rates.config]\nlook-every = \"{seconds}\"\n",
            register.url, bank.url
        );
        let plugins = vec!["iap-example-vat-check", "iap-example-exchange-rates"];
        let host = TestHost::with(&Settings { plugins, tables, without_simulators: true, ..Settings::default() });
        Self { host, register, bank }
    }

    /// An on-premise database with credits for a service, and its account.
    pub async fn customer(&self, service: &str, credits: &str) -> (Odoo, String) {
        let odoo = self.host.database_with_credits(service, credits).await;
        let account = self.host.operator().account(&odoo.dbuuid, service).await;
        (odoo, account)
    }

    /// A call by REST.
    pub async fn call(&self, account: &str, operation: &str, input: &Value) -> Reply {
        let path = format!("/v1/accounts/{account}/calls/{operation}");
        self.host.operator().send("POST", &path, Some(&json!({ "input": input }))).await
    }

    /// A call by REST with an idempotency key.
    pub async fn call_once(&self, key: &str, account: &str, operation: &str, input: &Value) -> Reply {
        let path = format!("/v1/accounts/{account}/calls/{operation}");
        let token = format!("Bearer {OPERATOR_TOKEN}");
        let headers = [("Authorization", token.as_str()), ("Idempotency-Key", key)];
        self.host.operator().send_with("POST", &path, Some(&json!({ "input": input })), &headers).await
    }

    /// The header `Retry-After` of a call by REST.
    pub async fn retry_after(&self, account: &str, operation: &str, input: &Value) -> Option<String> {
        let url = format!("{}/v1/accounts/{account}/calls/{operation}", self.host.url());
        let request =
            self.host.client().post(url).bearer_auth(OPERATOR_TOKEN).header("Content-Type", "application/json");
        let answer = request.body(json!({ "input": input }).to_string()).send().await.expect("the host answers");
        answer.headers().get("retry-after").and_then(|value| value.to_str().ok()).map(str::to_owned)
    }

    /// What is available and what is held.
    pub async fn credits(&self, account: &str) -> (String, String) {
        self.host.operator().credits(account).await
    }
}

/// A pair of decimals, as [`World::credits`] answers them.
pub fn credits(available: &str, held: &str) -> (String, String) {
    (available.to_owned(), held.to_owned())
}
