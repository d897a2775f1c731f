//! REST `/v1`: one file an endpoint group.
//!
//! Extractors read and refuse ([`auth`], [`body`], [`page`]), handlers ask the domain, and
//! [`problem`] turns every refusal into `application/problem+json`. `host/openapi.json` is the exact truth.

mod account;
mod accounts;
mod auth;
mod body;
mod calls;
mod caps;
mod catalog;
mod config;
mod databases;
mod fingerprint;
mod grants;
mod jobs;
mod lifecycle;
mod listing;
mod lists;
mod login;
mod mails;
mod moves;
mod once;
mod openapi;
mod page;
mod payouts;
mod problem;
mod receipts;
mod refunds;
mod releases;
mod secrets;
mod services;
mod tokens;
mod trial_balance;
mod values;
mod vendors;

use std::sync::Arc;

use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{Method, Uri},
    routing::{MethodRouter, any, delete, get, patch, post, put},
};

use crate::app::App;
use problem::{NOT_FOUND, Problem, WRONG_METHOD};

pub use openapi::document;

/// Every path with its methods.
fn routes() -> Vec<(&'static str, MethodRouter<Arc<App>>)> {
    vec![
        ("/v1/databases", get(databases::list)),
        ("/v1/databases/{dbuuid}", put(databases::declare).get(databases::get)),
        ("/v1/databases/{dbuuid}/tokens", post(databases::issue_token)),
        ("/v1/accounts", post(accounts::open)),
        ("/v1/accounts/{id}", patch(accounts::change).get(accounts::get)),
        ("/v1/accounts/{id}/databases/{dbuuid}", post(accounts::decide_elsewhere)),
        ("/v1/accounts/{id}/calls", get(lists::calls)),
        ("/v1/accounts/{id}/calls/{operation}", post(calls::call)),
        ("/v1/accounts/{id}/quotes/{operation}", post(calls::quote)),
        ("/v1/accounts/{id}/postings", get(lists::postings)),
        ("/v1/accounts/{id}/grants", get(lists::grants).post(grants::give)),
        ("/v1/accounts/{id}/grants/{grant}/refund", post(refunds::grant)),
        ("/v1/accounts/{id}/grants/{grant}/chargeback", post(refunds::chargeback)),
        ("/v1/accounts/{id}/grants/{grant}/processor-fee", post(refunds::processor_fee)),
        ("/v1/accounts/{id}/adjustments", post(moves::adjust)),
        ("/v1/accounts/{id}/debt/forgive", post(moves::forgive)),
        ("/v1/accounts/{id}/spending-caps", get(caps::list).put(caps::put).delete(caps::remove)),
        ("/v1/calls/{id}/refund", post(refunds::call)),
        ("/v1/transfers", post(moves::transfer)),
        ("/v1/vendors", get(vendors::list).post(vendors::sign_up::sign_up)),
        ("/v1/vendors/{vendor}", get(vendors::get).patch(vendors::change)),
        ("/v1/vendors/{vendor}/confirm", post(vendors::sign_up::confirm)),
        ("/v1/vendors/{vendor}/approve", post(vendors::sign_up::approve)),
        ("/v1/vendors/{vendor}/refuse", post(vendors::sign_up::refuse)),
        ("/v1/vendors/{vendor}/members", get(vendors::members::list).post(vendors::members::invite)),
        ("/v1/vendors/{vendor}/members/{id}", delete(vendors::members::remove)),
        ("/v1/vendors/{vendor}/keys", get(vendors::keys::list).post(vendors::keys::add)),
        ("/v1/vendors/{vendor}/keys/{public_key}", delete(vendors::keys::revoke)),
        ("/v1/vendors/{vendor}/reauthenticate", post(vendors::payout_details::reauthenticate)),
        ("/v1/vendors/{vendor}/payout-details", put(vendors::payout_details::put)),
        ("/v1/login/device", post(login::begin)),
        ("/v1/login/token", post(login::token)),
        ("/v1/tokens", get(tokens::list).post(tokens::issue)),
        ("/v1/tokens/{id}", delete(tokens::revoke)),
        ("/v1/vendors/{vendor}/revenue-shares", get(vendors::shares::shares).post(vendors::shares::add_share)),
        ("/v1/vendors/{vendor}/balance", get(vendors::shares::balance)),
        ("/v1/vendors/{vendor}/make-payable", post(payouts::make_payable)),
        ("/v1/payouts", post(payouts::pay_out).get(payouts::list)),
        ("/v1/payouts/{id}", get(payouts::get)),
        ("/v1/payouts/{id}/return", post(payouts::give_back)),
        ("/v1/jobs", get(jobs::list)),
        ("/v1/jobs/{id}", get(jobs::get)),
        ("/v1/jobs/{id}/retry", post(jobs::retry)),
        ("/v1/jobs/{id}/discard", post(jobs::discard)),
        ("/v1/mails", get(mails::list)),
        ("/v1/mails/{id}/retry", post(mails::retry)),
        ("/v1/services/{service}", put(services::register)),
        ("/v1/services/{service}/config", get(config::list)),
        ("/v1/services/{service}/config/{name}", put(config::put).delete(config::remove)),
        ("/v1/services/{service}/secrets", get(secrets::list)),
        ("/v1/services/{service}/secrets/{name}", put(secrets::put).delete(secrets::remove)),
        ("/v1/services/{service}/releases", post(releases::publish).get(releases::list)),
        ("/v1/services/{service}/releases/{version}", get(releases::get)),
        ("/v1/services/{service}/releases/{version}/approve", post(releases::approve)),
        ("/v1/services/{service}/releases/{version}/reject", post(releases::reject)),
        ("/v1/services/{service}/releases/{version}/yank", post(releases::yank)),
        ("/v1/services/{service}/releases/{version}/rollout", post(releases::roll_out)),
        ("/v1/services/{service}/packs", put(listing::packs)),
        ("/v1/services/{service}/texts", put(listing::texts)),
        ("/v1/services/{service}/icon", put(listing::put_icon).get(listing::icon)),
        ("/v1/services/{service}/prices", put(listing::prices)),
        ("/v1/services/{service}/history", get(listing::history)),
        ("/v1/services/{service}/status", get(lifecycle::status)),
        ("/v1/services/{service}/logs", get(lifecycle::logs)),
        ("/v1/services/{service}/suspend", post(lifecycle::suspend)),
        ("/v1/services/{service}/resume", post(lifecycle::resume)),
        ("/v1/services/{service}/discontinue", post(lifecycle::discontinue)),
        ("/v1/services/{service}/test-accounts", post(lifecycle::test_account)),
        ("/v1/catalog", get(catalog::list)),
        ("/v1/calls/{id}/receipt", get(receipts::get)),
        ("/v1/keys", get(receipts::keys)),
        ("/v1/ledger/trial-balance", get(trial_balance::get)),
    ]
}

/// All paths below `/v1`, and `/openapi.json`.
pub fn router() -> Router<Arc<App>> {
    let known = routes()
        .into_iter()
        .fold(Router::new(), |router, (path, methods)| router.route(path, methods.fallback(wrong_method)));
    known
        .route("/openapi.json", get(async || body::Json(document())))
        .route("/v1", any(nothing_here))
        .route("/v1/", any(nothing_here))
        .route("/v1/{*rest}", any(nothing_here))
        .layer(DefaultBodyLimit::max(body::MAX_BODY))
}

async fn nothing_here(uri: Uri) -> Problem {
    Problem::new(NOT_FOUND, format!("there is nothing at {}; /openapi.json lists all paths", uri.path()))
}

/// The header `Allow` says which methods there are.
async fn wrong_method(method: Method, uri: Uri) -> Problem {
    Problem::new(WRONG_METHOD, format!("{} does not have {method}; the header Allow lists what it has", uri.path()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_in_the_document_and_the_other_way_round() {
        let mut routed: Vec<_> = routes().into_iter().map(|(path, _)| path.to_owned()).collect();
        routed.sort();
        let documented: Vec<_> = document().paths.paths.keys().cloned().collect();
        assert_eq!(routed, documented);
    }
}
