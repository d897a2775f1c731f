//! Signing up, confirming an address, and the operator's word on it.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode, response::Response};
use iap_core::Time;
use iap_store::repositories::VendorState;
use serde::{Deserialize, Serialize};

use super::{
    super::{
        auth::{Caller, Scope},
        body::{Json, Segments, given},
        fingerprint::{Fingerprint, IdempotencyKey},
        once::{Once, respond},
        problem::Problem,
        values::MAX_REASON,
    },
    Vendor, seen,
};
use crate::{
    app::App,
    http::origin::Origin,
    vendors::{
        VendorError,
        sign_up::{self as vendors, SignUp},
    },
};

/// A vendor that signs up.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignUpRequest {
    /// Name in manifests: 1 to 60 of a-z, 0-9, `_` and `-`, beginning with a letter.
    #[schema(example = "acme")]
    pub name: String,
    /// Shown name.
    #[schema(example = "Acme")]
    pub title: String,
    /// Address of its first owner, where a code is mailed.
    #[schema(example = "ann@acme.example")]
    pub email: String,
    /// Who it is in law.
    #[schema(example = "Acme BV")]
    pub organisation: String,
    /// ISO 3166-1 alpha-2.
    #[schema(example = "BE")]
    pub country: String,
    /// With its country's prefix.
    #[serde(default, deserialize_with = "given")]
    #[schema(example = "BE0477472701")]
    pub vat_number: Option<String>,
    /// Which terms were read.
    #[schema(example = "1")]
    pub terms_version: String,
    /// Whether they are accepted.
    pub terms_accepted: bool,
}

/// Where a vendor's sign-up stands.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct SignUpState {
    /// Its name.
    #[schema(example = "acme")]
    pub vendor: String,
    /// `unconfirmed`: type the mailed code; `waiting`: for the operator; `approved`; `refused`.
    #[schema(value_type = String, example = "unconfirmed")]
    pub state: &'static str,
}

/// Sign up as a vendor.
///
/// A code is mailed to the address. The same again, before it is confirmed, mails a new one.
#[utoipa::path(post, path = "/v1/vendors", tag = "public", operation_id = "sign_up", security(()),
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters, such as a UUID")),
    request_body = SignUpRequest, responses((status = 201, body = SignUpState)))]
pub async fn sign_up(
    State(app): State<Arc<App>>,
    Origin(origin): Origin,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<SignUpRequest>,
) -> Result<Response, Problem> {
    let print = Fingerprint::default()
        .text("title", &body.title)
        .text("organisation", &body.organisation)
        .text("country", &body.country)
        .optional("vat_number", body.vat_number.as_deref())
        .text("terms_version", &body.terms_version);
    let once = Once::new(format!("sign-up of {} by {}", body.name, body.email), key, &print);
    if let Some(answer) = once.before(&app).await? {
        return Ok(answer);
    }
    let vendor = body.name.clone();
    let answer = |state: VendorState| {
        let answer = SignUpState { vendor: vendor.clone(), state: state.as_str() };
        serde_json::to_string(&answer).unwrap_or_default()
    };
    let asked = SignUp {
        name: body.name,
        title: body.title,
        email: body.email,
        organisation: body.organisation,
        country: body.country,
        vat_number: body.vat_number,
        terms_version: body.terms_version,
        terms_accepted: body.terms_accepted,
    };
    let first = if app.config.dev { VendorState::Approved } else { VendorState::Unconfirmed };
    let rider = |at: Time| once.record(StatusCode::CREATED, answer(first), at);
    match vendors::sign_up(&app, asked, &origin, rider).await {
        Err(VendorError::Repeated) => once.before(&app).await?.ok_or_else(|| VendorError::Repeated.into()),
        done => Ok(respond(StatusCode::CREATED, answer(done?))),
    }
}

/// A code that was mailed.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Confirmation {
    /// Where it was mailed.
    #[schema(example = "ann@acme.example")]
    pub email: String,
    /// Eight digits.
    #[schema(example = "12345678")]
    pub code: String,
}

/// Confirm a member's address with the code that was mailed there, after signing up or being invited.
#[utoipa::path(post, path = "/v1/vendors/{vendor}/confirm", tag = "public", operation_id = "confirm_member", security(()),
    params(("vendor" = String, Path, example = "acme")), request_body = Confirmation, responses((status = 200, body = SignUpState)))]
pub async fn confirm(
    State(app): State<Arc<App>>,
    Segments(vendor): Segments<String>,
    Json(body): Json<Confirmation>,
) -> Result<Json<SignUpState>, Problem> {
    let state = vendors::confirm(&app, &vendor, &body.email, &body.code, Vec::new()).await?;
    Ok(Json(SignUpState { vendor, state: state.as_str() }))
}

/// Approve a vendor: it may publish from here on, and is told by mail.
#[utoipa::path(post, path = "/v1/vendors/{vendor}/approve", tag = "operator", operation_id = "approve_vendor",
    params(("vendor" = String, Path, example = "acme")), responses((status = 200, body = Vendor)))]
pub async fn approve(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(vendor): Segments<String>,
) -> Result<Json<Vendor>, Problem> {
    caller.operator()?;
    seen(&app, &caller, &vendor, Scope::Admin).await?;
    let row = vendors::approve(&app, &vendor).await?;
    Ok(Json(Vendor::new(row, &app, &caller)))
}

/// Why a vendor is not approved.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefusalRequest {
    /// In words, for the mail to it.
    #[serde(default, deserialize_with = "given")]
    pub reason: Option<String>,
}

/// Do not approve a vendor, or no more: it publishes nothing from here on, and is told by mail.
#[utoipa::path(post, path = "/v1/vendors/{vendor}/refuse", tag = "operator", operation_id = "refuse_vendor",
    params(("vendor" = String, Path, example = "acme")), request_body = RefusalRequest, responses((status = 200, body = Vendor)))]
pub async fn refuse(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(vendor): Segments<String>,
    Json(body): Json<RefusalRequest>,
) -> Result<Json<Vendor>, Problem> {
    caller.operator()?;
    seen(&app, &caller, &vendor, Scope::Admin).await?;
    let reason = body.reason.as_deref().unwrap_or("none was given").trim();
    if MAX_REASON < reason.chars().count() {
        return Err(Problem::invalid("reason", format_args!("must be at most {MAX_REASON} characters")));
    }
    let row = vendors::refuse(&app, &vendor, reason).await?;
    Ok(Json(Vendor::new(row, &app, &caller)))
}
