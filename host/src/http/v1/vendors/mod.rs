//! `/v1/vendors`: who publishes, who acts for them, and where their money stands.

pub mod keys;
pub mod members;
pub mod payout_details;
pub mod shares;
pub mod sign_up;

use std::sync::Arc;

use axum::extract::State;
use iap_store::repositories::{VendorRow, VendorState};
use serde::{Deserialize, Serialize};

use super::{
    auth::{Caller, Scope},
    body::{Json, Query, Segments, given},
    page::{Page, PageQuery},
    problem::{
        FORBIDDEN, LAST_OWNER, NAME_TAKEN, NOT_FOUND, Problem, SIGN_UP_CLOSED, TOO_MANY, TOO_OFTEN, VENDOR_STATE,
        WRONG_CODE,
    },
};
use crate::{
    app::App,
    calls::CallError,
    clock::rfc3339,
    vendors::{
        VendorError, payout,
        profile::{self, Change},
    },
};

/// Seconds in which codes are counted.
const AN_HOUR: u32 = 3600;

impl From<VendorError> for Problem {
    fn from(error: VendorError) -> Self {
        let detail = error.to_string();
        match error {
            VendorError::Invalid { field, message } => Self::invalid(field, message),
            VendorError::SignUpClosed => Self::new(SIGN_UP_CLOSED, detail),
            VendorError::NameTaken(_) => Self::new(NAME_TAKEN, detail).at("name"),
            VendorError::WrongCode => Self::new(WRONG_CODE, detail).at("code"),
            VendorError::TooManyCodes => Self::new(TOO_OFTEN, detail).retry(AN_HOUR),
            VendorError::WrongState(_) => Self::new(VENDOR_STATE, detail),
            VendorError::NotFound(_) => Self::new(NOT_FOUND, detail),
            VendorError::Forbidden(_) => Self::new(FORBIDDEN, detail),
            VendorError::LastOwner(_) => Self::new(LAST_OWNER, detail),
            VendorError::TooMany(_) => Self::new(TOO_MANY, detail),
            VendorError::Repeated => Self::of_call(CallError::StillRunning, ""),
            VendorError::Store(error) => error.into(),
        }
    }
}

/// Refuses whoever is neither the operator nor a member who may do this, and names of no vendor.
pub async fn seen(app: &App, caller: &Caller, vendor: &str, scope: Scope) -> Result<VendorRow, Problem> {
    caller.vendor(vendor, scope)?;
    let row = app.store.vendor_profiles().get(vendor).await?;
    row.ok_or_else(|| {
        Problem::new(NOT_FOUND, format!("there is no vendor {vendor:?}; one comes with its first service"))
    })
}

/// The same, for the operator only.
pub async fn known(app: &App, caller: &Caller, vendor: &str) -> Result<(), Problem> {
    caller.operator()?;
    seen(app, caller, vendor, Scope::Read).await.map(drop)
}

/// Where a vendor is paid.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct PayoutState {
    /// Its first and last digits; whole where the operator asks, who pays to it.
    #[schema(example = "BE… 7034")]
    pub iban: String,
    /// ISO 4217 code.
    #[schema(example = "EUR")]
    pub currency: String,
}

/// A vendor.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Vendor {
    /// Its name in manifests.
    #[schema(example = "acme")]
    pub vendor: String,
    /// Shown name.
    pub title: String,
    /// `first_party` or `third_party`.
    #[schema(example = "third_party")]
    pub kind: String,
    /// `unconfirmed`, `waiting`, `approved` or `refused`.
    #[schema(value_type = String, example = "approved")]
    pub state: &'static str,
    /// Where mails to it go.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Who it is in law.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organisation: Option<String>,
    /// ISO 3166-1 alpha-2.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "BE")]
    pub country: Option<String>,
    /// With its country's prefix.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vat_number: Option<String>,
    /// Which terms it accepted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub terms_version: Option<String>,
    /// When, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub terms_accepted_at: Option<String>,
    /// Where it is paid.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payout: Option<PayoutState>,
    /// Nothing is paid out before this, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payouts_held_until: Option<String>,
    /// When it came, RFC 3339.
    pub created_at: String,
}

impl Vendor {
    /// As it is now, for who asks.
    pub fn new(row: VendorRow, app: &App, caller: &Caller) -> Self {
        let held = payout::held(&row, app.store.clock().now());
        let iban = row.payout_iban.map(|iban| match caller {
            Caller::Operator => iban,
            _ => payout::masked(&iban),
        });
        Self {
            vendor: row.name,
            title: row.profile.title,
            kind: row.kind,
            state: row.state.as_str(),
            email: row.profile.email,
            organisation: row.profile.organisation,
            country: row.profile.country,
            vat_number: row.profile.vat_number,
            terms_version: row.profile.terms_version,
            terms_accepted_at: row.terms_accepted_at.map(rfc3339),
            payout: iban.zip(row.payout_currency).map(|(iban, currency)| PayoutState { iban, currency }),
            payouts_held_until: held.map(rfc3339),
            created_at: rfc3339(row.created_at),
        }
    }
}

/// Which vendors.
#[derive(Clone, Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct VendorsQuery {
    /// Only those in this state: `unconfirmed`, `waiting`, `approved` or `refused`.
    #[serde(default, deserialize_with = "given")]
    state: Option<String>,
    /// `next_cursor` of the page before.
    #[serde(default, deserialize_with = "given")]
    cursor: Option<String>,
    /// Most items in the page: 1 to 500, 50 by default.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<i64>, minimum = 1, maximum = 500)]
    limit: Option<String>,
}

/// Vendors, by name.
#[utoipa::path(get, path = "/v1/vendors", tag = "operator", operation_id = "list_vendors", params(VendorsQuery),
    responses((status = 200, body = Page<Vendor>)))]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<VendorsQuery>,
) -> Result<Json<Page<Vendor>>, Problem> {
    caller.operator()?;
    let wrong = |text: &str| Problem::invalid("state", format_args!("{text:?} is no state of a vendor"));
    let state =
        query.state.as_deref().map(|text| VendorState::from_name(text).ok_or_else(|| wrong(text))).transpose()?;
    let page = PageQuery { cursor: query.cursor, limit: query.limit };
    let (after, limit) = (page.cursor::<String>()?.unwrap_or_default(), page.limit()?);
    let rows = app.store.vendor_profiles().page(state, &after, limit + 1).await?;
    let items = rows.into_iter().map(|row| Vendor::new(row, &app, &caller)).collect();
    Ok(Json(Page::of(items, limit, |vendor: &Vendor| vendor.vendor.clone())))
}

/// A vendor, as its members and the operator see it.
#[utoipa::path(get, path = "/v1/vendors/{vendor}", tag = "vendor", operation_id = "get_vendor",
    params(("vendor" = String, Path, example = "acme")), responses((status = 200, body = Vendor)))]
pub async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(vendor): Segments<String>,
) -> Result<Json<Vendor>, Problem> {
    let row = seen(&app, &caller, &vendor, Scope::Read).await?;
    Ok(Json(Vendor::new(row, &app, &caller)))
}

/// What to change of a vendor; what is absent stays.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VendorChange {
    /// Shown name.
    #[serde(default, deserialize_with = "given")]
    pub title: Option<String>,
    /// Who it is in law.
    #[serde(default, deserialize_with = "given")]
    pub organisation: Option<String>,
    /// ISO 3166-1 alpha-2.
    #[serde(default, deserialize_with = "given")]
    #[schema(example = "BE")]
    pub country: Option<String>,
    /// With its country's prefix; an empty text takes it away.
    #[serde(default, deserialize_with = "given")]
    #[schema(example = "BE0477472701")]
    pub vat_number: Option<String>,
    /// Where mails go: the address of an owner. The old address is told, and payouts are held for 7 days.
    #[serde(default, deserialize_with = "given")]
    pub email: Option<String>,
    /// Newer terms that are accepted.
    #[serde(default, deserialize_with = "given")]
    pub terms_version: Option<String>,
}

/// Change what a vendor says of itself.
#[utoipa::path(patch, path = "/v1/vendors/{vendor}", tag = "vendor", operation_id = "change_vendor",
    params(("vendor" = String, Path, example = "acme")), request_body = VendorChange, responses((status = 200, body = Vendor)))]
pub async fn change(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(vendor): Segments<String>,
    Json(body): Json<VendorChange>,
) -> Result<Json<Vendor>, Problem> {
    let row = seen(&app, &caller, &vendor, Scope::Admin).await?;
    let change = Change {
        title: body.title,
        organisation: body.organisation,
        country: body.country,
        vat_number: body.vat_number,
        email: body.email,
        terms_version: body.terms_version,
    };
    if change.terms_version.is_some() && !matches!(caller, Caller::Vendor { .. }) {
        let detail = "terms are accepted by the vendor itself; send a token of one of its members (iap_vn_…)";
        return Err(Problem::new(FORBIDDEN, detail).at("terms_version"));
    }
    let row = profile::change(&app, &row, change, caller.author()).await?;
    Ok(Json(Vendor::new(row, &app, &caller)))
}

/// The member that a vendor's token is of: what only a member may do, not even the operator.
fn member<'a>(
    caller: &'a Caller,
    vendor: &str,
    scope: Scope,
) -> Result<(&'a iap_store::repositories::MemberRow, &'a [Scope]), Problem> {
    caller.vendor(vendor, scope)?;
    match caller {
        Caller::Vendor { member, scopes, .. } => Ok((member, scopes)),
        _ => Err(Problem::new(
            FORBIDDEN,
            format!("only a member of {vendor:?} does this; send a token of one (iap_vn_…), as `iap login` gets it"),
        )),
    }
}

/// A member or token by the number in a path.
fn number(text: &str) -> Result<i64, Problem> {
    text.parse().map_err(|_| Problem::new(NOT_FOUND, format!("{text:?} is no id of this list")))
}
