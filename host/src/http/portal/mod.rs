//! Pages for people: buying credits, consent to a third party's service, what an account holds.
//!
//! Server-rendered, no script, no cookie (but for vendors' own pages, in `vendor`). Who holds an account's token (or its SHA-1, which Odoo 19 puts
//! into links) may see the account and buy for it; forms carry the token themselves, so no other site can
//! send one for somebody. A dbuuid alone opens nothing.

mod account;
mod buy;
mod consent;
mod fields;
mod packs;
mod page;
mod prices;
mod problem;
mod services;
mod sms;
mod text;
mod trial;
mod upgrade;
mod vendor;
mod visit;
mod warnings;

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    routing::{get, post},
};

use crate::{app::App, payments::webhook};

pub(crate) use page::Page;
pub use page::error_page;

/// Largest form, in bytes.
const MAX_FORM: usize = 64 * 1024;
/// Largest event of the card processor, in bytes.
const MAX_EVENT: usize = 1024 * 1024;

/// The pages, their stylesheet, and the card processor's webhook.
pub fn router() -> Router<Arc<App>> {
    let pages = Router::new()
        .route("/", get(services::front))
        .route("/static/iap.css", get(page::stylesheet))
        .route("/iap/services", get(services::catalog))
        .route("/iap/1/all-in-app-services", get(services::accounts))
        .route("/iap/1/credit", get(account::show).post(buy::order))
        .route("/iap/1/my_account", get(account::show))
        .route("/iap/1/credit/done", get(buy::done))
        .route("/iap/1/credit/cancelled", get(buy::cancelled))
        .route("/iap/1/enable", post(consent::enable))
        .route("/iap/1/upgrade", post(upgrade::agree))
        .route("/iap/1/warnings", post(warnings::save))
        .route("/1/account", get(sms::registration))
        .merge(vendor::router())
        .layer(DefaultBodyLimit::max(MAX_FORM));
    let events =
        Router::new().route("/payments/stripe/webhook", post(webhook::handler)).layer(DefaultBodyLimit::max(MAX_EVENT));
    pages.merge(events)
}
