//! What the stories share.

use std::time::{Duration, Instant};

use iap_tests::{Reply, TestHost, host::OPERATOR_TOKEN, http};
use serde_json::Value;

/// Whether this is the long run, with `IAP_LONG=1`.
pub fn is_long() -> bool {
    std::env::var_os("IAP_LONG").is_some_and(|value| value == "1")
}

/// Rounds of kills: few in CI, many in the long run.
pub fn rounds() -> u64 {
    if is_long() { 50 } else { 5 }
}

/// The only value of a query, as a number.
pub fn number(host: &TestHost, query: &str) -> i64 {
    let rows = host.sql(query);
    assert_eq!(rows.len(), 1, "{query}: {rows:?}");
    rows[0].parse().unwrap_or_else(|error| panic!("{query}: {rows:?}: {error}"))
}

/// Credits that were ever taken, in micro-credits, from the postings alone.
pub fn consumed(host: &TestHost) -> i64 {
    number(host, "SELECT coalesce(sum(amount), 0) FROM posting WHERE currency IS NULL AND credit = 4")
}

/// Nothing of a call is left open.
pub fn assert_settled(host: &TestHost) {
    for (what, query) in [
        ("live holds", "SELECT count(*) FROM hold WHERE state = 'live'"),
        ("calls that run", "SELECT count(*) FROM call WHERE state IN ('running', 'queued')"),
        ("keys without a final answer", "SELECT count(*) FROM natural_key WHERE answer IS NULL OR provisional = 1"),
        ("held credits", "SELECT coalesce(sum(held), 0) FROM balance"),
    ] {
        assert_eq!(number(host, query), 0, "{what}");
    }
    host.verify();
}

/// Waits until living hosts have ended what dead ones left, which they do after a minute of silence.
pub async fn wait_for_takeover(host: &TestHost) {
    let end = Instant::now() + Duration::from_secs(90);
    let left =
        "SELECT (SELECT count(*) FROM call WHERE state = 'running') + (SELECT count(*) FROM hold WHERE state = 'live')
                     + (SELECT count(*) FROM natural_key WHERE answer IS NULL)";
    while number(host, left) > 0 && Instant::now() < end {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// A REST client that outlives the host's process.
#[derive(Clone)]
pub struct Rest {
    client: reqwest::Client,
    url: String,
}

impl Rest {
    pub fn of(host: &TestHost) -> Self {
        Self { client: host.client().clone(), url: host.url().to_owned() }
    }

    /// Posts as the operator; `Err` if the connection breaks.
    pub async fn try_post(&self, path: &str, body: &Value, key: Option<&str>) -> Result<Reply, reqwest::Error> {
        let request = self.client.post(format!("{}{path}", self.url)).header("Content-Type", "application/json");
        let request = request.header("Authorization", format!("Bearer {OPERATOR_TOKEN}"));
        let request = key.into_iter().fold(request, |request, key| request.header("Idempotency-Key", key));
        http::try_send(request.body(body.to_string())).await
    }

    pub async fn post(&self, path: &str, body: &Value, key: Option<&str>) -> Reply {
        self.try_post(path, body, key).await.expect("the host answers")
    }

    /// Posts again and again until the host has made up its mind.
    pub async fn post_until_answered(&self, path: &str, body: &Value, key: &str) -> Reply {
        for _ in 0..2_000 {
            match self.try_post(path, body, Some(key)).await {
                Ok(reply) if !matches!(reply.status, 429 | 503) && reply.json()["code"] != "still-running" => {
                    return reply;
                }
                _ => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
        panic!("{path} with key {key} is never answered");
    }
}
