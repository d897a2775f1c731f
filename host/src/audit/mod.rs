//! What watches the ledger while it is served (signed heads of its hash chain, the self-check), and what is
//! written of it for others (exports).

mod account;
pub mod export;
mod heads;
mod selfcheck;

use std::sync::Arc;

use crate::app::App;

pub use selfcheck::{resume, violations};

/// Watches until `stop` resolves.
pub async fn serve(app: Arc<App>, stop: impl Future<Output = ()>) {
    let checking = tokio::spawn({
        let app = Arc::clone(&app);
        async move { selfcheck::serve(&app).await }
    });
    heads::serve(&app, stop).await;
    checking.abort();
}
