//! A provider of the guest `asker` that takes orders and answers as a test says.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

/// How the provider behaves.
#[derive(Default)]
pub struct Behaviour {
    /// It takes an order and never says so.
    pub silent: AtomicBool,
    /// It neither takes an order nor says so.
    pub deaf: AtomicBool,
    /// It does not say what became of orders.
    pub closed: AtomicBool,
    /// Orders that it took.
    pub orders: Mutex<BTreeSet<String>>,
    /// How often it was sent an order.
    pub sent: AtomicU64,
    /// How often it was asked about one.
    pub asked: AtomicU64,
}

impl Behaviour {
    /// Whether it took an order.
    pub fn took(&self, order: &str) -> bool {
        self.orders.lock().expect("nobody panics with it").contains(order)
    }
}

/// Starts one; its address and how it behaves.
pub async fn start() -> (String, Arc<Behaviour>) {
    let behaviour = Arc::new(Behaviour::default());
    let shared = Arc::clone(&behaviour);
    let url = iap_tests::provider::start(move |method, path| {
        let behaviour = Arc::clone(&shared);
        async move { behaviour.answer(&method, &path).await }
    });
    (url.await, behaviour)
}

impl Behaviour {
    async fn answer(&self, method: &str, path: &str) -> Option<&'static str> {
        let order = path.trim_start_matches("/orders/");
        if method != "POST" {
            self.asked.fetch_add(1, Ordering::SeqCst);
            return Some(match (self.closed.load(Ordering::SeqCst), self.took(order)) {
                (true, _) => "503 Service Unavailable",
                (false, true) => "200 OK",
                (false, false) => "404 Not Found",
            });
        }
        self.sent.fetch_add(1, Ordering::SeqCst);
        let deaf = self.deaf.load(Ordering::SeqCst);
        if !deaf {
            self.orders.lock().expect("nobody panics with it").insert(order.to_owned());
        }
        if deaf || self.silent.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_secs(30)).await;
            return None;
        }
        Some("200 OK")
    }
}
