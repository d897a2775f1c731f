//! A printer of letters that speaks Pingen's API, version 2.
//!
//! A document is uploaded to a signed address, a letter is made of it, and it is then accepted, printed and posted,
//! which a signed webhook tells. `POST /faults` makes it fail in most ways that a printer can.

mod admin;
mod auth;
mod create;
mod error;
mod faults;
mod front;
mod letter;
mod letters;
mod outbox;
mod pdf;
mod post;
mod upload;

use std::{
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    extract::DefaultBodyLimit,
    middleware,
    routing::{delete, get, patch, post as on_post, put},
};
use tokio::net::TcpListener;

use crate::line::{self, Closing};

/// The largest request body.
const MAX_BODY: usize = 20 << 20;

/// How the printer is set up.
#[derive(Debug, Clone)]
pub struct PrintOptions {
    /// Client ID of the application.
    pub client_id: String,
    /// Client secret of the application.
    pub client_secret: String,
    /// The organisation that letters are sent by.
    pub organisation: String,
    /// Signs webhooks.
    pub webhook_secret: String,
    /// Where webhooks go, if anywhere.
    pub webhook_url: Option<String>,
    /// From one status to the next: accepted, printing, sent.
    pub step: Duration,
    /// How long a request that hangs keeps its caller waiting.
    pub hang: Duration,
    /// How long an access token is good.
    pub token_life: Duration,
}

impl Default for PrintOptions {
    /// The demo's credentials; a letter is posted after 150 ms.
    fn default() -> Self {
        Self {
            client_id: "simulated-client".into(),
            client_secret: "simulated-client-secret".into(),
            organisation: "00000000-0000-4000-8000-000000000001".into(),
            webhook_secret: "simulated-webhook-secret".into(),
            webhook_url: None,
            step: Duration::from_millis(50),
            hang: Duration::from_secs(60),
            token_life: Duration::from_secs(12 * 3600),
        }
    }
}

/// Everything the handlers share.
struct Printer {
    options: PrintOptions,
    tokens: auth::Tokens,
    slots: upload::Slots,
    outbox: outbox::Outbox,
    faults: faults::Switch,
    webhook: Mutex<Option<String>>,
    /// Statuses with which webhooks were answered.
    answers: Mutex<Vec<u16>>,
    client: reqwest::Client,
    closing: Closing,
}

type Shared = Arc<Printer>;

/// Serves the printer on `listener` until `shutdown` resolves. Requests being answered are finished; hung ones are
/// dropped, and letters under way stay where they are.
///
/// # Errors
/// When the HTTP client cannot be built or the listener fails.
pub async fn serve(
    listener: TcpListener,
    options: PrintOptions,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let (close, closing) = Closing::new();
    let printer = Arc::new(Printer {
        webhook: Mutex::new(options.webhook_url.clone()),
        options,
        tokens: auth::Tokens::default(),
        slots: upload::Slots::default(),
        outbox: outbox::Outbox::default(),
        faults: faults::Switch::default(),
        answers: Mutex::default(),
        client: crate::outbound::client()?,
        closing,
    });
    tracing::info!(address = %listener.local_addr()?, "The simulated printer listens");
    line::run(listener, router(printer), close, shutdown).await
}

fn router(printer: Shared) -> Router {
    const LETTERS: &str = "/organisations/{organisation}/deliveries/letters";
    let api = Router::new()
        .route("/auth/access-tokens", on_post(auth::token))
        .route("/file-upload", get(upload::slot))
        .route("/uploads/{id}", put(upload::put))
        .route(LETTERS, on_post(create::handler))
        .route(&format!("{LETTERS}/{{id}}"), get(letters::one))
        .route(&format!("{LETTERS}/{{id}}/send"), patch(letters::send))
        .route(&format!("{LETTERS}/{{id}}/cancel"), patch(letters::cancel))
        .layer(middleware::from_fn_with_state(Arc::clone(&printer), faults::apply));
    api.route("/", get(front::page))
        .route("/outbox", get(admin::outbox).delete(admin::forget))
        .route("/outbox/{id}/file", get(admin::file))
        .route("/outbox/{id}/advance", on_post(admin::advance))
        .route("/faults", get(admin::faults).post(admin::set_faults))
        .route("/tokens", delete(admin::revoke))
        .route("/webhook", get(admin::webhook).put(admin::set_webhook))
        .fallback(error::not_found)
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .with_state(printer)
}
