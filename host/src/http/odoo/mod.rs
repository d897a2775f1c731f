//! Odoo's door: JSON-RPC as databases of Odoo 13 to 19 speak it.
//!
//! The host owns accounts, warnings and the provider API; every other path belongs to a service. The
//! envelope and its traps (protocol reference §2 and §17) are in [`envelope`] and nowhere else.

mod accounts;
mod envelope;
mod errors;
mod params;
mod providers;
mod services;

use std::sync::Arc;

use axum::{Router, routing::post};

pub use services::service_path;

use crate::app::App;

/// The host's own paths. Paths of services are found by the fallback.
pub fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/iap/1/balance", post(accounts::balance))
        .route("/iap/services-token", post(accounts::services_token))
        .route("/iap/update-warning-odoo", post(accounts::update_warning))
        .route("/iap/1/get-accounts-information", post(accounts::information))
        .route("/iap/1/update-warning-email-alerts", post(accounts::update_warning_emails))
        .route("/iap/1/authorize", post(providers::authorize))
        .route("/iap/1/capture", post(providers::capture))
        .route("/iap/1/cancel", post(providers::cancel))
}
