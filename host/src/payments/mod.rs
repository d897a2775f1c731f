//! Buying credits: orders of packs, paid through Stripe Checkout.
//!
//! ```text
//! order::create ──► row `created` ──► Stripe session ──► row `open` ──► customer pays there
//!                                                                         │
//!                      webhook::handler (event evt_…)  ◄── Stripe ────────┤
//!                      order::reconcile (event session:…) ◄── customer is back first
//!                                │
//!                                └─► order::settle: ONE posting, with the order's row as its rider
//! ```
//!
//! Stripe tells at least once and in any order. What keeps a payment from granting twice is the state
//! of the order's row, checked inside the posting.

pub mod order;
pub mod signature;
pub mod stripe;
mod terms;
pub mod webhook;

use std::time::Duration;

use anyhow::Context as _;
use iap_core::Credits;

/// How long Stripe may take to answer. A customer waits meanwhile.
const TIMEOUT: Duration = Duration::from_secs(20);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// The client for the card processor: no proxy of the system, no redirects, 20 s an answer.
pub fn client() -> anyhow::Result<reqwest::Client> {
    // An error means that the process has chosen a provider already.
    drop(rustls::crypto::ring::default_provider().install_default());
    let builder = || {
        reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .user_agent(concat!("iap/", env!("CARGO_PKG_VERSION")))
    };
    builder()
        .build()
        .or_else(|error| {
            // A host that sells nothing, or to a simulator, works on a machine without root certificates.
            tracing::warn!(%error, "No system certificates: the card processor is reached by http only");
            builder().tls_certs_only([]).build()
        })
        .context("cannot build the HTTP client for the card processor")
}

/// Credits with their unit, for people: `1 credit`, `12.5 stamps`.
pub fn counted(credits: Credits, unit: &str) -> String {
    let plural = if credits == Credits::whole(1) { "" } else { "s" };
    format!("{credits} {unit}{plural}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_not_many() {
        assert_eq!(counted(Credits::whole(1), "credit"), "1 credit");
        assert_eq!(counted(Credits::from_micros(500_000), "stamp"), "0.5 stamps");
        assert_eq!(counted(Credits::ZERO, "credit"), "0 credits");
    }
}
