//! Pages for vendors: signing up and in, what a vendor has, and saying yes to programs that log in.
//!
//! Who has typed a mailed code is signed in for half a day by a cookie. Forms carry a token that only the browser's own
//! pages know, so that no other site can send one.

mod actions;
mod device;
mod forms;
mod invite;
mod overview;
mod payout;
mod sections;
mod sign_in;
mod sign_up;
mod visitor;

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, post},
};

use crate::app::App;

/// All of them.
pub(super) fn router() -> Router<Arc<App>> {
    Router::new()
        .route("/vendors", get(overview::show))
        .route("/vendors/sign-up", get(sign_up::show).post(sign_up::send))
        .route("/vendors/confirm", get(sign_up::ask_code).post(sign_up::confirm))
        .route("/vendors/sign-in", get(sign_in::show).post(sign_in::send))
        .route("/vendors/sign-in/code", get(sign_in::ask_code).post(sign_in::enter))
        .route("/vendors/sign-out", post(sign_in::leave))
        .route("/vendors/terms", post(actions::accept_terms))
        .route("/vendors/members", post(invite::send))
        .route("/vendors/members/remove", post(actions::remove_member))
        .route("/vendors/keys", post(actions::add_key))
        .route("/vendors/keys/revoke", post(actions::revoke_key))
        .route("/vendors/tokens/revoke", post(actions::revoke_token))
        .route("/vendors/payout", get(payout::show).post(payout::save))
        .route("/vendors/payout/code", post(payout::mail_code))
        .route("/login/device", get(device::show).post(device::typed))
        .route("/login/device/decide", post(device::decide))
}
