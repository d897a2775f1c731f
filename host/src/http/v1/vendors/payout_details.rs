//! Where a vendor is paid.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode, response::Response};
use iap_store::repositories::VendorRow;
use serde::{Deserialize, Serialize};

use super::{
    super::{
        auth::{Caller, Scope},
        body::{Json, Segments},
        fingerprint::{Fingerprint, IdempotencyKey},
        once::{Once, respond},
        problem::Problem,
    },
    PayoutState, member,
};
use crate::{
    app::App,
    clock::rfc3339,
    http::origin::Origin,
    vendors::{
        VendorError, codes,
        payout::{self, Details},
    },
};

/// Where a code was mailed.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct MailedCode {
    /// The address.
    #[schema(example = "ann@acme.example")]
    pub email: String,
    /// Seconds for which it is good.
    #[schema(example = 1800)]
    pub expires_in: i64,
}

/// Have a code mailed to the member that asks, to change payout details or to invite an owner or finance member with.
#[utoipa::path(post, path = "/v1/vendors/{vendor}/reauthenticate", tag = "vendor", operation_id = "reauthenticate",
    params(("vendor" = String, Path, example = "acme")), responses((status = 200, body = MailedCode)))]
pub async fn reauthenticate(
    State(app): State<Arc<App>>,
    caller: Caller,
    Origin(origin): Origin,
    Segments(vendor): Segments<String>,
) -> Result<Json<MailedCode>, Problem> {
    let may = member(&caller, &vendor, Scope::Finance);
    let (member, _) = may.or_else(|refused| member(&caller, &vendor, Scope::Admin).map_err(|_| refused))?;
    payout::reauthenticate(&app, member, &origin).await?;
    Ok(Json(MailedCode { email: member.email.clone(), expires_in: codes::LIFETIME }))
}

/// Where a vendor is to be paid.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PayoutDetails {
    /// Account, ISO 13616.
    #[schema(example = "BE68 5390 0754 7034")]
    pub iban: String,
    /// ISO 4217 code.
    #[schema(example = "EUR")]
    pub currency: String,
    /// The code that was mailed for it.
    #[schema(example = "12345678")]
    pub code: String,
}

/// Where a vendor is paid from now on.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct PayoutDetailsSet {
    /// The vendor.
    #[schema(example = "acme")]
    pub vendor: String,
    /// Where.
    #[serde(flatten)]
    pub payout: PayoutState,
    /// Nothing is paid out before this, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payouts_held_until: Option<String>,
}

impl From<&VendorRow> for PayoutDetailsSet {
    fn from(row: &VendorRow) -> Self {
        Self {
            vendor: row.name.clone(),
            payout: PayoutState {
                iban: payout::masked(row.payout_iban.as_deref().unwrap_or_default()),
                currency: row.payout_currency.clone().unwrap_or_default(),
            },
            payouts_held_until: row.payouts_held_until.map(rfc3339),
        }
    }
}

/// Change where a vendor is paid, with a code that was mailed for it.
///
/// The address from before and all owners are told, and nothing is paid out for 7 days.
#[utoipa::path(put, path = "/v1/vendors/{vendor}/payout-details", tag = "vendor", operation_id = "set_payout_details",
    params(("vendor" = String, Path, example = "acme"), ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters, such as a UUID")),
    request_body = PayoutDetails, responses((status = 200, body = PayoutDetailsSet)))]
pub async fn put(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(vendor): Segments<String>,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<PayoutDetails>,
) -> Result<Response, Problem> {
    let (member, _) = member(&caller, &vendor, Scope::Finance)?;
    let print =
        Fingerprint::default().text("iban", &body.iban).text("currency", &body.currency).text("code", &body.code);
    let once = Once::new(format!("payout details of {vendor} by {}", member.id), key, &print);
    if let Some(answer) = once.before(&app).await? {
        return Ok(answer);
    }
    let text = |row: &VendorRow| serde_json::to_string(&PayoutDetailsSet::from(row)).unwrap_or_default();
    let details = Details { iban: &body.iban, currency: &body.currency, code: &body.code };
    match payout::set(&app, member, details, |row, at| once.record(StatusCode::OK, text(row), at)).await {
        Err(VendorError::Repeated) => once.before(&app).await?.ok_or_else(|| VendorError::Repeated.into()),
        done => Ok(respond(StatusCode::OK, text(&done?))),
    }
}
