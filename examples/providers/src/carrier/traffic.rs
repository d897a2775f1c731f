//! How many messages were handed in, and how many at once.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::{
    extract::{Request, State},
    http::Method,
    middleware::Next,
    response::Response,
};

use super::Shared;

/// Counters of `POST` requests to the API. Accepted messages are counted by the inbox.
#[derive(Default)]
pub(super) struct Traffic {
    seen: AtomicU64,
    refused: AtomicU64,
    in_flight: AtomicU64,
    max_concurrent: AtomicU64,
}

/// The counters at one moment.
#[derive(Debug, serde::Serialize)]
pub(super) struct Counters {
    /// Requests to send a message.
    pub(super) seen: u64,
    /// Messages accepted.
    pub(super) accepted: u64,
    /// Requests answered with an HTTP status of 400 or more; dropped and abandoned ones are not.
    pub(super) refused: u64,
    /// Requests being worked on now.
    pub(super) in_flight: u64,
    /// The most requests ever worked on at once.
    pub(super) max_concurrent: u64,
}

impl Traffic {
    /// The counters now; `accepted` comes from the inbox.
    pub(super) fn counters(&self, accepted: u64) -> Counters {
        Counters {
            seen: self.seen.load(Ordering::Relaxed),
            accepted,
            refused: self.refused.load(Ordering::Relaxed),
            in_flight: self.in_flight.load(Ordering::Relaxed),
            max_concurrent: self.max_concurrent.load(Ordering::Relaxed),
        }
    }

    /// Counts from zero. What is in flight stays so.
    pub(super) fn clear(&self) {
        self.seen.store(0, Ordering::Relaxed);
        self.refused.store(0, Ordering::Relaxed);
        self.max_concurrent.store(self.in_flight.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    fn enter(&self) -> InFlight<'_> {
        self.seen.fetch_add(1, Ordering::Relaxed);
        let now = self.in_flight.fetch_add(1, Ordering::Relaxed) + 1;
        self.max_concurrent.fetch_max(now, Ordering::Relaxed);
        InFlight(self)
    }
}

/// Ends with the request, also when the caller hangs up and its handler is dropped.
struct InFlight<'a>(&'a Traffic);

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Middleware that counts requests to send.
pub(super) async fn count(State(carrier): State<Shared>, request: Request, next: Next) -> Response {
    if request.method() != Method::POST {
        return next.run(request).await;
    }
    let guard = carrier.traffic.enter();
    let response = next.run(request).await;
    if response.status().as_u16() >= 400 {
        carrier.traffic.refused.fetch_add(1, Ordering::Relaxed);
    }
    drop(guard);
    response
}
