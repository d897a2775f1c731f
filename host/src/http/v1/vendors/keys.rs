//! Keys that sign a vendor's releases.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use iap_store::repositories::VendorKeyRow;
use serde::{Deserialize, Serialize};

use super::{
    super::{
        auth::{Caller, Scope},
        body::{Json, Segments},
        problem::Problem,
    },
    seen,
};
use crate::{app::App, clock::rfc3339, vendors::keys};

/// A key that signs releases.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct VendorKey {
    /// ed25519, in hexadecimal.
    #[schema(example = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")]
    pub public_key: String,
    /// What its owner calls it.
    #[schema(example = "ann's laptop")]
    pub title: String,
    /// When it was registered, RFC 3339.
    pub created_at: String,
    /// When it was revoked, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<String>,
}

impl From<VendorKeyRow> for VendorKey {
    fn from(row: VendorKeyRow) -> Self {
        Self {
            public_key: row.public_key,
            title: row.title,
            created_at: rfc3339(row.created_at),
            revoked_at: row.revoked_at.map(rfc3339),
        }
    }
}

/// Keys of a vendor.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct VendorKeys {
    /// In the order they came.
    pub items: Vec<VendorKey>,
}

/// Keys of a vendor, revoked ones too.
#[utoipa::path(get, path = "/v1/vendors/{vendor}/keys", tag = "vendor", operation_id = "list_vendor_keys",
    params(("vendor" = String, Path, example = "acme")), responses((status = 200, body = VendorKeys)))]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(vendor): Segments<String>,
) -> Result<Json<VendorKeys>, Problem> {
    seen(&app, &caller, &vendor, Scope::Read).await?;
    let rows = app.store.vendor_keys().of_vendor(&vendor).await?;
    Ok(Json(VendorKeys { items: rows.into_iter().map(VendorKey::from).collect() }))
}

/// A key to register.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewKey {
    /// ed25519, in hexadecimal.
    #[schema(example = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")]
    pub public_key: String,
    /// What to call it.
    #[schema(example = "ann's laptop")]
    pub title: String,
}

/// Register a key that signs releases; the vendor and its owners are told by mail. One that is registered already is answered as it is.
#[utoipa::path(post, path = "/v1/vendors/{vendor}/keys", tag = "vendor", operation_id = "add_vendor_key",
    params(("vendor" = String, Path, example = "acme")), request_body = NewKey,
    responses((status = 201, body = VendorKey), (status = 200, description = "It was registered before", body = VendorKey)))]
pub async fn add(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(vendor): Segments<String>,
    Json(body): Json<NewKey>,
) -> Result<(StatusCode, Json<VendorKey>), Problem> {
    let row = seen(&app, &caller, &vendor, Scope::Admin).await?;
    let (key, is_new) = keys::add(&app, &row, &body.public_key, &body.title, caller.author()).await?;
    Ok((if is_new { StatusCode::CREATED } else { StatusCode::OK }, Json(key.into())))
}

/// Revoke a key: what it signs from here on is refused; what it signed before stays.
#[utoipa::path(delete, path = "/v1/vendors/{vendor}/keys/{public_key}", tag = "vendor", operation_id = "revoke_vendor_key",
    params(("vendor" = String, Path, example = "acme"), ("public_key" = String, Path)),
    responses((status = 204, description = "It is revoked")))]
pub async fn revoke(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments((vendor, public_key)): Segments<(String, String)>,
) -> Result<StatusCode, Problem> {
    seen(&app, &caller, &vendor, Scope::Admin).await?;
    keys::revoke(&app, &vendor, &public_key).await?;
    Ok(StatusCode::NO_CONTENT)
}
