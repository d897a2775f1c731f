//! A card processor that speaks Stripe's Checkout API.
//!
//! A shop opens a session, sends its customer to the session's page, and learns from a signed
//! webhook that the customer paid. As at Stripe, the webhook usually arrives before the customer is
//! back, and it comes at least once: repeats, delays and losses can be ordered as faults.

mod admin;
mod auth;
mod books;
mod create;
mod error;
mod events;
mod faults;
mod front;
mod money;
mod numbers;
mod pay;
mod refund;
mod session;
mod webhook;

use std::{
    future::Future,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, Mutex},
    time::Duration,
};

use anyhow::Context as _;
use axum::{
    Router,
    routing::{get, post},
};
use tokio::net::TcpListener;
use url::Url;

pub use numbers::{CARDS, TestCard};

use crate::line::{self, Closing};

/// How the processor is set up.
#[derive(Debug, Clone)]
pub struct CardOptions {
    /// The API key shops authenticate with.
    pub secret_key: String,
    /// The key that signs webhooks.
    pub webhook_secret: String,
    /// Where webhooks go. Without it events are recorded and not delivered; `PUT /webhook` sets it later.
    pub webhook_url: Option<Url>,
    /// What customers' browsers call this server, if not `http://` and the listener's address.
    pub public_url: Option<Url>,
    /// How long an event is offered to a webhook that does not answer 2xx.
    pub retry_for: Duration,
    /// How long a customer who paid is kept until the webhook has answered 2xx.
    pub redirect_wait: Duration,
}

impl Default for CardOptions {
    /// The demo's keys, no webhook, ten minutes of retries, five seconds before the redirect.
    fn default() -> Self {
        Self {
            secret_key: "sk_test_simulated".into(),
            webhook_secret: "whsec_simulated".into(),
            webhook_url: None,
            public_url: None,
            retry_for: Duration::from_secs(600),
            redirect_wait: Duration::from_secs(5),
        }
    }
}

/// Everything the handlers share.
struct Card {
    options: CardOptions,
    /// Start of every payment page's address, with a slash at its end.
    base: String,
    books: Mutex<books::Books>,
    events: events::Events,
    faults: Mutex<faults::Faults>,
    webhook_url: Mutex<Option<Url>>,
    client: reqwest::Client,
    closing: Closing,
}

type Shared = Arc<Card>;

/// Serves the processor on `listener` until `shutdown` resolves. Webhooks not yet delivered are not
/// delivered any more.
///
/// # Errors
/// When the HTTP client cannot be built or the listener fails.
pub async fn serve(
    listener: TcpListener,
    options: CardOptions,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let address = listener.local_addr().context("the card processor's listener has no address")?;
    let (close, closing) = Closing::new();
    let card = Arc::new(Card {
        base: base(options.public_url.as_ref(), address),
        books: Mutex::default(),
        events: events::Events::default(),
        faults: Mutex::default(),
        webhook_url: Mutex::new(options.webhook_url.clone()),
        client: crate::outbound::client()?,
        closing,
        options,
    });
    tracing::info!(%address, "The simulated card processor listens");
    line::run(listener, router(card), close, shutdown).await
}

fn base(public: Option<&Url>, address: SocketAddr) -> String {
    match public {
        Some(url) => format!("{}/", url.as_str().trim_end_matches('/')),
        None => {
            // A listener on every interface is reachable, but not by the address it is bound to.
            let ip = match address.ip() {
                IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
                IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
                ip => ip,
            };
            format!("http://{}/", SocketAddr::new(ip, address.port()))
        }
    }
}

fn router(card: Shared) -> Router {
    Router::new()
        .route("/v1/checkout/sessions", post(create::handler))
        .route("/v1/checkout/sessions/{session}", get(session::read))
        .route("/v1/refunds", post(refund::handler))
        .route("/pay/{session}", get(pay::show).post(pay::submit))
        .route("/", get(front::page))
        .route("/events", get(admin::events))
        .route("/events/{event}/resend", post(admin::resend))
        .route("/faults", get(admin::faults).post(admin::set_faults))
        .route("/webhook", get(admin::webhook).put(admin::set_webhook))
        .fallback(error::not_found)
        .with_state(card)
}
