//! `GET /v1/calls/{id}/receipt` and `GET /v1/keys`: signed receipts, and the key that checks them.

use std::sync::Arc;

use axum::extract::State;
use iap_core::ids::CallId;
use serde::Serialize;
use serde_json::Value;

use super::{
    auth::Caller,
    body::{Json, Segments},
    problem::{NOT_FOUND, Problem},
};
use crate::{
    app::App,
    receipts::{NoReceipt, receipt},
};

/// The signed receipt of a call.
///
/// Says what the call took, which grants it came from and where it is in the ledger's hash chain, signed with the host's
/// ed25519 key: `iap receipt verify FILE --public-key KEY` checks it without the host. The signature is of the receipt
/// without `signature`, as JSON with sorted members and without spaces.
#[utoipa::path(get, path = "/v1/calls/{id}/receipt", tag = "account", operation_id = "get_receipt",
    params(("id" = String, Path, example = "call_1x8")),
    responses((status = 200, body = Value, description = "`version`, `host`, `call`, `account`, `service`, `release`, `operation`, `door`, `lines`, `credits`, `refunded`, `lots`, `entries`, `at`, `chain`, `public_key` and `signature`")))]
pub async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments((id,)): Segments<(CallId,)>,
) -> Result<Json<Value>, Problem> {
    let absent = || Problem::new(NOT_FOUND, format!("there is no call {id} that this token opens"));
    let call = app.store.calls().get(id).await?.ok_or_else(absent)?;
    // Whether a call of somebody else exists is nobody's business.
    caller.account(&app, call.account).await.map_err(|_| absent())?;
    receipt(&app, &call).await.map(Json).map_err(|error| match error {
        NoReceipt::NothingTaken(_) | NoReceipt::NotEnded(_) => {
            Problem::new(NOT_FOUND, format!("{error}, so there is no receipt"))
        }
        NoReceipt::Store(error) => error.into(),
    })
}

/// Public keys of the host.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct PublicKeys {
    /// The ed25519 key that signs receipts and heads of hash chains, in hexadecimal.
    pub ed25519: String,
}

/// The host's public key.
///
/// Keep it: it checks receipts (`iap receipt verify`) and the ledger's hash chain (`iap ledger verify --public-key`).
#[utoipa::path(get, path = "/v1/keys", tag = "public", operation_id = "get_keys", security((), ("bearer" = [])),
    responses((status = 200, body = PublicKeys)))]
pub async fn keys(State(app): State<Arc<App>>) -> Json<PublicKeys> {
    Json(PublicKeys { ed25519: hex::encode(app.keys.public_key()) })
}
