//! How a vendor's revenue is shared, and where its money stands.

use std::{collections::BTreeMap, sync::Arc};

use axum::{extract::State, http::StatusCode, response::Response};
use iap_core::{
    Money, Time,
    ledger::VendorBalance,
    money::Currency,
    revenue::{ShareRow, parse_percent, show_percent},
};
use iap_store::repositories::RevenueShares;
use serde::{Deserialize, Serialize};

use super::{
    super::{
        auth::{Caller, Scope},
        body::{Json, Segments},
        fingerprint::{Fingerprint, IdempotencyKey},
        once::{Once, respond},
        problem::Problem,
        values,
    },
    known, seen,
};
use crate::{app::App, clock::rfc3339};

/// A share to agree on.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ShareRequest {
    /// Wire name of a service; all of the vendor that have no share of their own, if not given.
    #[serde(default)]
    #[schema(example = "sms")]
    pub service: Option<String>,
    /// The platform's part of what is earned.
    #[schema(example = "20 %")]
    pub platform_fee: String,
    /// It counts for purchases from this moment, RFC 3339; from now if not given.
    #[serde(default, deserialize_with = "values::time_if_given")]
    #[schema(value_type = Option<String>, example = "2030-01-01T00:00:00Z")]
    pub from: Option<Time>,
}

/// A share that was agreed on.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct RevenueShare {
    /// The service; absent for all of the vendor that have no share of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The platform's part of what is earned.
    #[schema(example = "20 %")]
    pub platform_fee: String,
    /// From when on, RFC 3339.
    pub from: String,
}

impl From<ShareRow> for RevenueShare {
    fn from(row: ShareRow) -> Self {
        Self { service: row.service, platform_fee: show_percent(row.fee_bps), from: rfc3339(row.from) }
    }
}

/// Shares of a vendor.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Shares {
    /// The platform's part where none of these counts.
    #[schema(example = "25 %")]
    pub usual_platform_fee: String,
    /// The latest first.
    pub items: Vec<RevenueShare>,
}

/// How a vendor's revenue is shared.
#[utoipa::path(get, path = "/v1/vendors/{vendor}/revenue-shares", tag = "vendor", operation_id = "list_revenue_shares",
    params(("vendor" = String, Path, example = "acme")), responses((status = 200, body = Shares)))]
pub async fn shares(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(vendor): Segments<String>,
) -> Result<Json<Shares>, Problem> {
    seen(&app, &caller, &vendor, Scope::Finance).await?;
    let rows = app.store.revenue_shares().of_vendor(&vendor).await?;
    let usual_platform_fee = show_percent(app.config.revenue.platform_fee.0);
    Ok(Json(Shares { usual_platform_fee, items: rows.into_iter().map(RevenueShare::from).collect() }))
}

/// Agree on how a vendor's revenue is shared.
///
/// It counts for purchases from its moment on: what was bought before stays shared as it was.
#[utoipa::path(post, path = "/v1/vendors/{vendor}/revenue-shares", tag = "operator", operation_id = "add_revenue_share",
    params(("vendor" = String, Path, example = "acme"), ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters, such as a UUID")),
    request_body = ShareRequest, responses((status = 201, body = RevenueShare)))]
pub async fn add_share(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(vendor): Segments<String>,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<ShareRequest>,
) -> Result<Response, Problem> {
    known(&app, &caller, &vendor).await?;
    let print = Fingerprint::default().text("platform_fee", &body.platform_fee);
    let print = print.optional("service", body.service.as_deref()).optional("from", body.from.map(rfc3339));
    let once = Once::new(format!("shares of {vendor}"), key, &print);
    if let Some(answer) = once.before(&app).await? {
        return Ok(answer);
    }
    let now = app.store.clock().now();
    let fee_bps = parse_percent(&body.platform_fee).map_err(|message| Problem::invalid("platform_fee", message))?;
    if body.from.is_some_and(|from| from < now) {
        return Err(Problem::invalid("from", "must not be in the past: what was bought stays shared as it was"));
    }
    if let Some(name) = &body.service {
        let service = app.store.services().by_name(name).await?;
        if service.is_none_or(|service| service.vendor != vendor) {
            return Err(Problem::invalid("service", format!("{vendor:?} has no service {name:?}")));
        }
    }
    let share = ShareRow { service: body.service, from: body.from.unwrap_or(now), fee_bps };
    let text = serde_json::to_string(&RevenueShare::from(share.clone())).unwrap_or_default();
    let record = once.record(StatusCode::CREATED, text.clone(), now);
    match app.store.write([RevenueShares::add(&vendor, &share, now)].into_iter().chain(record).collect()).await {
        Err(error) if error.is_conflict_on("revenue_share") => {
            Err(Problem::invalid("from", "there is a share from that very moment; choose another"))
        }
        Err(error) if error.is_conflict_on("idempotency") => {
            once.before(&app).await?.ok_or_else(|| Problem::host(error))
        }
        done => done.map(|_| respond(StatusCode::CREATED, text)).map_err(Problem::from),
    }
}

/// A vendor's money in one currency.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct VendorLine {
    /// ISO 4217 code.
    #[schema(value_type = String, example = "EUR")]
    pub currency: Currency,
    /// Earned and not payable yet; below zero where refunds took back what was payable already.
    #[schema(example = "12.50")]
    pub accrued: String,
    /// May be paid out.
    #[schema(example = "100.00")]
    pub payable: String,
    /// Was paid out, less what came back.
    #[schema(example = "400.00")]
    pub paid_out: String,
}

impl VendorLine {
    /// From all that was ever accrued, in minor units.
    pub fn new(currency: Currency, accrued: i64, balance: VendorBalance) -> Self {
        let text = |minor| Money { minor, currency }.amount();
        Self {
            currency,
            accrued: text(accrued - balance.made_payable),
            payable: text(balance.payable()),
            paid_out: text(balance.paid_out),
        }
    }
}

/// A vendor's money.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct VendorMoney {
    /// By currency.
    pub items: Vec<VendorLine>,
}

/// Where a vendor's money stands.
#[utoipa::path(get, path = "/v1/vendors/{vendor}/balance", tag = "vendor", operation_id = "get_vendor_balance",
    params(("vendor" = String, Path, example = "acme")), responses((status = 200, body = VendorMoney)))]
pub async fn balance(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(vendor): Segments<String>,
) -> Result<Json<VendorMoney>, Problem> {
    seen(&app, &caller, &vendor, Scope::Finance).await?;
    let mut money: BTreeMap<Currency, (i64, VendorBalance)> = BTreeMap::new();
    for (currency, accrued) in app.store.vendors().accrued(&vendor, i64::MAX).await? {
        money.entry(currency).or_default().0 = accrued;
    }
    for row in app.store.vendors().balances(&vendor).await? {
        money.entry(row.currency).or_default().1 = row.balance;
    }
    let line = |(currency, (accrued, balance))| VendorLine::new(currency, accrued, balance);
    Ok(Json(VendorMoney { items: money.into_iter().map(line).collect() }))
}
