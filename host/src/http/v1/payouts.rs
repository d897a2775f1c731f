//! Making vendors' money payable, paying it out, and payouts that came back.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode, response::Response};
use iap_core::{
    Money,
    ledger::{VendorBalance, VendorCommand, VendorRefusal},
    money::Currency,
};
use iap_store::{StoreError, VendorPost, repositories::Vendors};
use serde::{Deserialize, Serialize};

use super::{
    auth::Caller,
    body::{Json, Segments},
    fingerprint::{Fingerprint, IdempotencyKey},
    once::{Once, respond},
    problem::Problem,
    vendors::known,
};
use crate::{app::App, clock::parse_rfc3339};

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;
/// How often a decision is taken anew because the vendor's balance changed meanwhile.
const ATTEMPTS: usize = 20;

/// Until when.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PayableRequest {
    /// The end of this day (UTC), which has begun.
    #[schema(example = "2030-12-31")]
    pub until: String,
}

/// Money of a vendor that was moved.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct MovedMoney {
    /// The vendor.
    #[schema(example = "acme")]
    pub vendor: String,
    /// ISO 4217 code.
    #[schema(value_type = String, example = "EUR")]
    pub currency: Currency,
    /// What was moved.
    #[schema(example = "100.00")]
    pub amount: String,
    /// What may be paid out afterwards.
    #[schema(example = "0.00")]
    pub payable: String,
    /// What was paid out in all, less what came back.
    #[schema(example = "500.00")]
    pub paid_out: String,
}

impl MovedMoney {
    fn new(vendor: &str, currency: Currency, minor: i64, after: VendorBalance) -> Self {
        let text = |minor| Money { minor, currency }.amount();
        Self {
            vendor: vendor.to_owned(),
            currency,
            amount: text(minor),
            payable: text(after.payable()),
            paid_out: text(after.paid_out),
        }
    }
}

/// What became payable.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct MadePayable {
    /// By currency; empty if nothing more was earned.
    pub items: Vec<MovedMoney>,
}

/// Make payable what a vendor earned until the end of a day.
///
/// Done again it makes payable what came since, so it may be repeated without a key. What refunds took back is made up for first.
#[utoipa::path(post, path = "/v1/vendors/{vendor}/make-payable", tag = "operator", operation_id = "make_payable",
    params(("vendor" = String, Path, example = "acme")), request_body = PayableRequest, responses((status = 200, body = MadePayable)))]
pub async fn make_payable(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(vendor): Segments<String>,
    Json(body): Json<PayableRequest>,
) -> Result<Json<MadePayable>, Problem> {
    known(&app, &caller, &vendor).await?;
    let wrong = || Problem::invalid("until", "must be a day such as \"2030-12-31\"");
    let start = parse_rfc3339(&format!("{}T00:00:00Z", body.until)).ok_or_else(wrong)?;
    if app.store.clock().now() < start {
        return Err(Problem::invalid("until", "must not be in the future"));
    }
    let mut items = Vec::new();
    for (currency, accrued) in app.store.vendors().accrued(&vendor, start.millis().div_euclid(DAY)).await? {
        let command = VendorCommand::MakePayable { accrued };
        match moved(&app, &vendor, currency, command, None).await? {
            Ok((minor, after)) => items.push(MovedMoney::new(&vendor, currency, minor, after)),
            Err(VendorRefusal::NothingAccrued) => {}
            Err(other) => return Err(Problem::host(other)),
        }
    }
    Ok(Json(MadePayable { items }))
}

/// Money to pay out, or that came back.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PayoutRequest {
    /// The vendor.
    #[schema(example = "acme")]
    pub vendor: String,
    /// ISO 4217 code.
    #[schema(example = "EUR")]
    pub currency: String,
    /// How much.
    #[schema(example = "100.00")]
    pub amount: String,
}

/// Record that a vendor was paid.
#[utoipa::path(post, path = "/v1/payouts", tag = "operator", operation_id = "pay_out",
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters, such as a UUID")),
    request_body = PayoutRequest, responses((status = 201, body = MovedMoney)))]
pub async fn pay_out(
    State(app): State<Arc<App>>,
    caller: Caller,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<PayoutRequest>,
) -> Result<Response, Problem> {
    pay(&app, &caller, "payouts", key, body, |minor| VendorCommand::PayOut { minor }).await
}

/// Record that a payout came back.
#[utoipa::path(post, path = "/v1/payouts/return", tag = "operator", operation_id = "return_payout",
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters, such as a UUID")),
    request_body = PayoutRequest, responses((status = 201, body = MovedMoney)))]
pub async fn give_back(
    State(app): State<Arc<App>>,
    caller: Caller,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<PayoutRequest>,
) -> Result<Response, Problem> {
    pay(&app, &caller, "returned payouts", key, body, |minor| VendorCommand::ReturnPayout { minor }).await
}

async fn pay(
    app: &App,
    caller: &Caller,
    scope: &str,
    key: Option<String>,
    body: PayoutRequest,
    command: impl Fn(i64) -> VendorCommand,
) -> Result<Response, Problem> {
    known(app, caller, &body.vendor).await?;
    let print = Fingerprint::default().text("vendor", &body.vendor).text("currency", &body.currency);
    let once = Once::new(scope.to_owned(), key, &print.text("amount", &body.amount));
    if let Some(answer) = once.before(app).await? {
        return Ok(answer);
    }
    let currency = Currency::try_from(body.currency).map_err(|error| Problem::invalid("currency", error))?;
    let money = Money::parse(&body.amount, currency).map_err(|error| Problem::invalid("amount", error))?;
    match moved(app, &body.vendor, currency, command(money.minor), Some(&once)).await? {
        Ok((minor, after)) => {
            let shown = MovedMoney::new(&body.vendor, currency, minor, after);
            tracing::info!(vendor = %body.vendor, amount = %money, "{scope}: recorded");
            Ok(respond(StatusCode::CREATED, serde_json::to_string(&shown).unwrap_or_default()))
        }
        Err(refusal) => match once.before(app).await? {
            // The same key was faster, and what it did is why this is refused.
            Some(first) => Ok(first),
            None => Err(of_refusal(&refusal, currency)),
        },
    }
}

fn of_refusal(refusal: &VendorRefusal, currency: Currency) -> Problem {
    let text = |minor: &i64| Money { minor: *minor, currency }.to_string();
    let message = match refusal {
        VendorRefusal::ExceedsPayable { asked, payable } => {
            format!("{} were asked of {} that are payable", text(asked), text(payable))
        }
        VendorRefusal::ExceedsPaid { asked, paid } => {
            format!("{} were to come back of {} that were paid", text(asked), text(paid))
        }
        other => other.to_string(),
    };
    Problem::invalid("amount", message)
}

/// Moves a vendor's money, on a balance that nobody changed meanwhile. Answers what was moved and the balance after it;
/// of a command that was done before, what its balance is now.
async fn moved(
    app: &App,
    vendor: &str,
    currency: Currency,
    command: VendorCommand,
    once: Option<&Once>,
) -> Result<Result<(i64, VendorBalance), VendorRefusal>, Problem> {
    for _ in 0..ATTEMPTS {
        let found = app.store.vendors().balances(vendor).await?.into_iter().find(|money| money.currency == currency);
        let Some(before) = found else {
            // A refusal leaves no trace.
            if let Err(refusal) = VendorBalance::default().decide(command, currency) {
                return Ok(Err(refusal));
            }
            app.store.write(vec![Vendors::begin(vendor, currency)]).await?;
            continue;
        };
        let (posting, after) = match before.balance.decide(command, currency) {
            Ok(decided) => decided,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let shown = MovedMoney::new(vendor, currency, posting.amount, after);
        let text = serde_json::to_string(&shown).unwrap_or_default();
        let record = once.and_then(|once| once.record(StatusCode::CREATED, text, app.store.clock().now()));
        let guards = [Vendors::change(vendor, &before, after)].into_iter().chain(record).collect();
        match app.store.post_vendor(VendorPost { vendor: vendor.to_owned(), posting, guards }).await {
            Ok(_) => return Ok(Ok((posting.amount, after))),
            Err(StoreError::Conflict(conflict)) if conflict.constraint.contains("idempotency") => {
                return Err(Problem::of_call(crate::calls::CallError::StillRunning, ""));
            }
            Err(StoreError::Conflict(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Err(Problem::host(format!("the balance of {vendor} changes faster than it can be decided on")))
}
