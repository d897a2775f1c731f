//! What the stories share: a host with the guest `worker`, and its provider.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use iap_tests::{Odoo, Settings, TestHost};
use serde_json::{Value, json};

/// The provider of the guest: counts who visits it.
#[derive(Default)]
pub struct Provider {
    visits: Mutex<BTreeMap<String, u32>>,
    /// Milliseconds before it answers.
    pub delay: AtomicU64,
    /// Whether it says that all is well.
    pub well: AtomicBool,
}

impl Provider {
    /// Starts one; its address beside.
    pub async fn start() -> (String, Arc<Self>) {
        let provider = Arc::new(Self::default());
        let shared = Arc::clone(&provider);
        let url = iap_tests::provider::start(move |_, path| {
            let provider = Arc::clone(&shared);
            async move { Some(provider.answer(&path).await) }
        });
        (url.await, provider)
    }

    /// How often each was visited.
    pub fn visits(&self) -> BTreeMap<String, u32> {
        self.visits.lock().expect("nobody panics with it").clone()
    }

    async fn answer(&self, path: &str) -> &'static str {
        let status = match path.strip_prefix("/visit/") {
            Some(name) => {
                *self.visits.lock().expect("nobody panics with it").entry(name.to_owned()).or_default() += 1;
                "200 OK"
            }
            None if self.well.load(Ordering::SeqCst) => "200 OK",
            None => "503 Service Unavailable",
        };
        tokio::time::sleep(Duration::from_millis(self.delay.load(Ordering::SeqCst))).await;
        status
    }
}

/// Settings of a host that serves the worker.
pub fn settings(provider: &str) -> Settings {
    Settings {
        plugins: vec!["iap-guest-worker"],
        tables: format!(
            "[services.worker.base_urls]\nprovider = {provider:?}\n[services.worker.secrets]\nhook-key = \"a key of the tests\"\n"
        ),
        without_simulators: true,
        ..Settings::default()
    }
}

/// A host whose worker needs no provider.
pub fn host() -> TestHost {
    TestHost::with(&settings("http://127.0.0.1:1"))
}

/// The result of an operation of the worker.
pub async fn ask(odoo: &Odoo, operation: &str, params: Value) -> Value {
    let answer = odoo.call("worker", operation, params).await;
    assert!(answer.get("error").is_none(), "{operation}: {answer}");
    answer["result"].clone()
}

/// Enqueues jobs with numbers from `first`.
pub async fn later(odoo: &Odoo, job: &str, first: u32, count: u32, delay: u32) {
    let result = ask(odoo, "later", json!({ "job": job, "first": first, "count": count, "delay": delay })).await;
    assert_eq!(result, json!({ "enqueued": count }));
}

/// The only value of a query, as a number.
pub fn number(host: &TestHost, query: &str) -> i64 {
    let rows = host.sql(query);
    assert_eq!(rows.len(), 1, "{query}: {rows:?}");
    rows[0].parse().unwrap_or_else(|error| panic!("{query}: {rows:?}: {error}"))
}

/// Jobs in a state.
pub fn jobs(host: &TestHost, state: &str) -> i64 {
    number(host, &format!("SELECT count(*) FROM job WHERE state = '{state}'"))
}

/// Waits until no job waits or runs, at most `seconds`.
pub async fn drained(host: &TestHost, seconds: u64) {
    let end = std::time::Instant::now() + Duration::from_secs(seconds);
    while number(host, "SELECT count(*) FROM job WHERE state IN ('waiting', 'running')") > 0 {
        assert!(std::time::Instant::now() < end, "jobs are left after {seconds} s:\n{}", host.log());
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

/// Each number's marks: one for each run that was recorded.
pub fn marks(host: &TestHost) -> BTreeMap<u32, usize> {
    let mut marks = BTreeMap::new();
    for key in host.sql("SELECT key FROM store_value WHERE key LIKE 'mark/%'") {
        let number = key.split('/').nth(1).and_then(|number| number.parse().ok()).expect("a number");
        *marks.entry(number).or_default() += 1;
    }
    marks
}

/// Whether this is the long run, with `IAP_LONG=1`.
pub fn is_long() -> bool {
    std::env::var_os("IAP_LONG").is_some_and(|value| value == "1")
}
