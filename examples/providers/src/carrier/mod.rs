//! An SMS carrier that speaks Twilio's Programmable Messaging REST API, version 2010-04-01.
//!
//! A message is checked field by field, accepted with a SID, and then reported `sent` and
//! `delivered` by signed status callbacks. Numbers with certain endings misbehave: see
//! [`MISBEHAVING`].

mod admin;
mod auth;
mod callback;
mod create;
mod error;
mod faults;
mod front;
mod inbox;
mod message;
mod numbers;
mod read;
mod segments;
mod traffic;

use std::{future::Future, sync::Arc, time::Duration};

use axum::{
    Router, middleware,
    routing::{get, post},
};
use tokio::{net::TcpListener, sync::Semaphore};

pub use numbers::{MISBEHAVING, Misbehaviour};

use crate::line::{self, Closing};

/// Status callbacks under way at once; more wait their turn.
const CALLBACKS_AT_ONCE: usize = 64;

/// How the carrier is set up.
#[derive(Debug, Clone)]
pub struct CarrierOptions {
    /// User name of the API, `AC` and 32 hex digits at Twilio; any text is fine here.
    pub account_sid: String,
    /// Password of the API, and the key that signs status callbacks.
    pub auth_token: String,
    /// From acceptance to the status `sent`.
    pub sent_after: Duration,
    /// From acceptance to the final status, `delivered` for ordinary numbers.
    pub delivered_after: Duration,
    /// How long a number that hangs keeps its caller waiting.
    pub hang: Duration,
}

impl Default for CarrierOptions {
    /// The demo's credentials, `sent` after 50 ms, `delivered` after 150 ms, hanging for a minute.
    fn default() -> Self {
        Self {
            account_sid: "AC00000000000000000000000000000001".into(),
            auth_token: "simulated-carrier-token".into(),
            sent_after: Duration::from_millis(50),
            delivered_after: Duration::from_millis(150),
            hang: Duration::from_secs(60),
        }
    }
}

/// Everything the handlers share.
struct Carrier {
    options: CarrierOptions,
    inbox: inbox::Inbox,
    traffic: traffic::Traffic,
    faults: faults::Switch,
    client: reqwest::Client,
    callbacks: Semaphore,
    closing: Closing,
}

type Shared = Arc<Carrier>;

/// Serves the carrier on `listener` until `shutdown` resolves. Requests being answered are finished;
/// hung ones are dropped, and callbacks not yet sent are not sent any more.
///
/// # Errors
/// When the HTTP client cannot be built or the listener fails.
pub async fn serve(
    listener: TcpListener,
    options: CarrierOptions,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let (close, closing) = Closing::new();
    let carrier = Arc::new(Carrier {
        options,
        inbox: inbox::Inbox::default(),
        traffic: traffic::Traffic::default(),
        faults: faults::Switch::default(),
        client: crate::outbound::client()?,
        callbacks: Semaphore::new(CALLBACKS_AT_ONCE),
        closing,
    });
    tracing::info!(address = %listener.local_addr()?, "The simulated carrier listens");
    line::run(listener, router(carrier), close, shutdown).await
}

fn router(carrier: Shared) -> Router {
    let api = Router::new()
        .route("/2010-04-01/Accounts/{account}/Messages.json", post(create::handler).get(read::list))
        .route("/2010-04-01/Accounts/{account}/Messages/{message}", get(read::one))
        // The last layer added runs first: requests are counted before a fault can swallow them.
        .layer(middleware::from_fn_with_state(Arc::clone(&carrier), faults::apply))
        .layer(middleware::from_fn_with_state(Arc::clone(&carrier), traffic::count));
    api.route("/", get(front::page))
        .route("/received", get(admin::received).delete(admin::forget))
        .route("/received/count", get(admin::count))
        .route("/counters", get(admin::counters))
        .route("/faults", get(admin::faults).post(admin::set_faults))
        .fallback(error::not_found)
        .with_state(carrier)
}
