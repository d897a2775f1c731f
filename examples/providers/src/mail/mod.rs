//! A mail server that speaks SMTP (RFC 5321) and keeps what it takes.
//!
//! It asks for credentials, is strict about line endings, sizes and the form of messages (RFC 5322), and delivers
//! nothing. `POST /faults` makes it fail; so do the addresses that its front page lists.

mod admin;
mod decode;
mod faults;
mod front;
mod inbox;
mod message;
mod reader;
mod session;

use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, routing::get};
use tokio::net::TcpListener;

use crate::line::{self, Closing};

/// Connections at once; further ones wait.
const CONNECTIONS: usize = 100;

/// How the mail server is set up.
#[derive(Debug, Clone)]
pub struct MailOptions {
    /// User that senders must be.
    pub user: String,
    /// Password of the user.
    pub password: String,
    /// Largest message in bytes.
    pub most_bytes: usize,
    /// How long a session that hangs keeps its sender waiting.
    pub hang: Duration,
}

impl Default for MailOptions {
    /// The demo's credentials.
    fn default() -> Self {
        Self {
            user: "iap".into(),
            password: "simulated-mail-password".into(),
            most_bytes: 1 << 20,
            hang: Duration::from_secs(60),
        }
    }
}

/// Everything that sessions and handlers share.
struct Server {
    options: MailOptions,
    /// Where it takes mail.
    smtp: SocketAddr,
    inbox: inbox::Inbox,
    faults: faults::Switch,
    closing: Closing,
}

type Shared = Arc<Server>;

/// Takes mail on `smtp` and serves its pages on `listener` until `shutdown` resolves.
///
/// # Errors
/// When a listener fails.
pub async fn serve(
    listener: TcpListener,
    smtp: TcpListener,
    options: MailOptions,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> anyhow::Result<()> {
    let (close, closing) = Closing::new();
    let server = Arc::new(Server {
        options,
        smtp: smtp.local_addr()?,
        inbox: inbox::Inbox::default(),
        faults: faults::Switch::default(),
        closing,
    });
    tracing::info!(address = %server.smtp, "The simulated mail server takes mail");
    let sessions = tokio::spawn(accept(smtp, Arc::clone(&server)));
    let done = line::run(listener, router(server), close, shutdown).await;
    sessions.abort();
    done
}

async fn accept(smtp: TcpListener, server: Shared) {
    let slots = Arc::new(tokio::sync::Semaphore::new(CONNECTIONS));
    loop {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        match smtp.accept().await {
            Ok((stream, from)) => {
                let server = Arc::clone(&server);
                tokio::spawn(async move {
                    let closing = server.closing.clone();
                    if let Some(Err(error)) = closing.or(session::serve(stream, &server)).await {
                        tracing::debug!(%error, "The session with {from} ended");
                    }
                    drop(slot);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "A connection could not be accepted");
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
    }
}

fn router(server: Shared) -> Router {
    Router::new()
        .route("/", get(front::page))
        .route("/address", get(admin::address))
        .route("/inbox", get(admin::inbox).delete(admin::forget))
        .route("/inbox/{id}/raw", get(admin::raw))
        .route("/counters", get(admin::counters))
        .route("/faults", get(admin::faults).post(admin::set_faults))
        .with_state(server)
}
