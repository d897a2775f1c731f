//! Making vendors' money payable, paying it out, and payouts that came back.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode, response::Response};
use iap_core::{
    Money, Time,
    ids::PayoutId,
    ledger::{VendorBalance, VendorCommand, VendorRefusal},
    money::Currency,
};
use iap_store::{
    Statement, StoreError, VendorPost,
    repositories::{PayoutRow, Payouts, VendorProfiles, Vendors},
};
use serde::{Deserialize, Serialize};

use super::{
    auth::Caller,
    body::{Json, Query, Segments, given},
    fingerprint::{Fingerprint, IdempotencyKey},
    once::{Once, respond},
    page::{Page, PageQuery},
    problem::{LEDGER_REFUSED, NOT_FOUND, PAYOUTS_HELD, Problem},
    vendors::known,
};
use crate::{
    app::App,
    clock::{parse_rfc3339, rfc3339},
    vendors::payout,
};

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
            Ok(Moved { minor, after, .. }) => items.push(MovedMoney::new(&vendor, currency, minor, after)),
            Err(VendorRefusal::NothingAccrued) => {}
            Err(other) => return Err(Problem::host(other)),
        }
    }
    Ok(Json(MadePayable { items }))
}

/// Money to pay out.
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

/// A payout that was just recorded, or has just come back.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct RecordedPayout {
    /// Its id.
    #[schema(value_type = String, example = "payout_1x8")]
    pub id: PayoutId,
    /// What was moved.
    #[serde(flatten)]
    pub money: MovedMoney,
}

/// Record that a vendor was paid.
#[utoipa::path(post, path = "/v1/payouts", tag = "operator", operation_id = "pay_out",
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters, such as a UUID")),
    request_body = PayoutRequest, responses((status = 201, body = RecordedPayout)))]
pub async fn pay_out(
    State(app): State<Arc<App>>,
    caller: Caller,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<PayoutRequest>,
) -> Result<Response, Problem> {
    known(&app, &caller, &body.vendor).await?;
    let print = Fingerprint::default().text("vendor", &body.vendor).text("currency", &body.currency);
    let once = Once::new("payouts".to_owned(), key, &print.text("amount", &body.amount));
    if let Some(answer) = once.before(&app).await? {
        return Ok(answer);
    }
    let currency = Currency::try_from(body.currency).map_err(|error| Problem::invalid("currency", error))?;
    let money = Money::parse(&body.amount, currency).map_err(|error| Problem::invalid("amount", error))?;
    let payout = Payout { id: app.store.ids().payout(), back: false, once };
    pay(&app, &body.vendor, money, payout).await
}

/// Record that a payout came back, which it does once.
#[utoipa::path(post, path = "/v1/payouts/{id}/return", tag = "operator", operation_id = "return_payout",
    params(("id" = String, Path, example = "payout_1x8"), ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters, such as a UUID")),
    responses((status = 200, body = RecordedPayout)))]
pub async fn give_back(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<PayoutId>,
    IdempotencyKey(key): IdempotencyKey,
) -> Result<Response, Problem> {
    let row = find(&app, &caller, id).await?;
    let once = Once::new(format!("return of {id}"), key, &Fingerprint::default());
    if let Some(answer) = once.before(&app).await? {
        return Ok(answer);
    }
    if row.returned_at.is_some() {
        return Err(came_back(id));
    }
    pay(&app, &row.vendor, row.amount, Payout { id, back: true, once }).await
}

fn came_back(id: PayoutId) -> Problem {
    Problem::new(LEDGER_REFUSED, format!("{id} came back before"))
}

/// A payout that is made or comes back.
struct Payout {
    id: PayoutId,
    back: bool,
    once: Once,
}

impl Payout {
    fn status(&self) -> StatusCode {
        if self.back { StatusCode::OK } else { StatusCode::CREATED }
    }

    fn command(&self, minor: i64) -> VendorCommand {
        if self.back { VendorCommand::ReturnPayout { minor } } else { VendorCommand::PayOut { minor } }
    }

    /// What is stored with its posting, and the answer.
    fn guards(&self, vendor: &str, amount: Money, after: VendorBalance, at: Time) -> (Vec<Statement>, String) {
        let own = if self.back {
            vec![Payouts::returned(self.id, at)]
        } else {
            vec![VendorProfiles::not_held(vendor, at), Payouts::add(self.id, vendor, amount, at)]
        };
        let money = MovedMoney::new(vendor, amount.currency, amount.minor, after);
        let text = serde_json::to_string(&RecordedPayout { id: self.id, money }).unwrap_or_default();
        (own.into_iter().chain(self.once.record(self.status(), text.clone(), at)).collect(), text)
    }
}

async fn pay(app: &App, vendor: &str, amount: Money, payout: Payout) -> Result<Response, Problem> {
    let command = payout.command(amount.minor);
    let done = match moved(app, vendor, amount.currency, command, Some(&payout)).await {
        Ok(done) => done,
        // The same key was faster.
        Err(problem) => return payout.once.before(app).await?.ok_or(problem),
    };
    match done {
        Ok(Moved { answer, .. }) => {
            tracing::info!(payout = %payout.id, vendor, %amount, back = payout.back, "A payout is recorded");
            Ok(respond(payout.status(), answer))
        }
        Err(refusal) => match payout.once.before(app).await? {
            // The same key was faster, and what it did is why this is refused.
            Some(first) => Ok(first),
            None if payout.back && is_back(app, payout.id).await? => Err(came_back(payout.id)),
            None => Err(of_refusal(&refusal, amount.currency)),
        },
    }
}

/// Refuses a payout as long as payouts are held: somebody may have put an account of their own there.
async fn not_held(app: &App, vendor: &str) -> Result<(), Problem> {
    let row = app.store.vendor_profiles().get(vendor).await?;
    let Some(until) = row.and_then(|row| payout::held(&row, app.store.clock().now())) else { return Ok(()) };
    let until = rfc3339(until);
    let detail = format!(
        "where {vendor:?} is paid was changed a short while ago: nothing is paid out before {until}; pay it then, unless the vendor says that it did not change it"
    );
    Err(Problem::new(PAYOUTS_HELD, detail))
}

async fn is_back(app: &App, id: PayoutId) -> Result<bool, Problem> {
    Ok(app.store.payouts().get(id).await?.is_none_or(|row| row.returned_at.is_some()))
}

async fn find(app: &App, caller: &Caller, id: PayoutId) -> Result<PayoutRow, Problem> {
    caller.operator()?;
    let row = app.store.payouts().get(id).await?;
    row.ok_or_else(|| Problem::new(NOT_FOUND, format!("there is no payout {id}; GET /v1/payouts lists them")))
}

/// Money that was paid to a vendor.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct PayoutEntry {
    /// Its id.
    #[schema(value_type = String, example = "payout_1x8")]
    pub id: PayoutId,
    /// To whom.
    #[schema(example = "acme")]
    pub vendor: String,
    /// ISO 4217 code.
    #[schema(value_type = String, example = "EUR")]
    pub currency: Currency,
    /// How much.
    #[schema(example = "100.00")]
    pub amount: String,
    /// `paid` or `returned`.
    #[schema(value_type = String, example = "paid")]
    pub state: &'static str,
    /// When it was recorded, RFC 3339.
    pub created_at: String,
    /// When it came back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub returned_at: Option<String>,
}

impl From<PayoutRow> for PayoutEntry {
    fn from(row: PayoutRow) -> Self {
        Self {
            id: row.id,
            vendor: row.vendor,
            currency: row.amount.currency,
            amount: row.amount.amount(),
            state: if row.returned_at.is_some() { "returned" } else { "paid" },
            created_at: rfc3339(row.created_at),
            returned_at: row.returned_at.map(rfc3339),
        }
    }
}

/// Which payouts.
#[derive(Clone, Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct PayoutsQuery {
    /// Only those of this vendor.
    #[serde(default, deserialize_with = "given")]
    vendor: Option<String>,
    /// `next_cursor` of the page before.
    #[serde(default, deserialize_with = "given")]
    cursor: Option<String>,
    /// Most items in the page: 1 to 500, 50 by default.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<i64>, minimum = 1, maximum = 500)]
    limit: Option<String>,
}

/// Payouts, newest first.
#[utoipa::path(get, path = "/v1/payouts", tag = "operator", operation_id = "list_payouts", params(PayoutsQuery),
    responses((status = 200, body = Page<PayoutEntry>)))]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<PayoutsQuery>,
) -> Result<Json<Page<PayoutEntry>>, Problem> {
    caller.operator()?;
    let page = PageQuery { cursor: query.cursor, limit: query.limit };
    let (before, limit) = (page.cursor()?.unwrap_or(PayoutId(i64::MAX)), page.limit()?);
    let rows = app.store.payouts().page(query.vendor.as_deref(), before, limit + 1).await?;
    let items = rows.into_iter().map(PayoutEntry::from).collect();
    Ok(Json(Page::of(items, limit, |payout: &PayoutEntry| payout.id.to_string())))
}

/// A payout.
#[utoipa::path(get, path = "/v1/payouts/{id}", tag = "operator", operation_id = "get_payout",
    params(("id" = String, Path, example = "payout_1x8")), responses((status = 200, body = PayoutEntry)))]
pub async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<PayoutId>,
) -> Result<Json<PayoutEntry>, Problem> {
    Ok(Json(find(&app, &caller, id).await?.into()))
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

/// What was moved, the balance after it, and what to answer for a payout.
struct Moved {
    minor: i64,
    after: VendorBalance,
    answer: String,
}

/// Moves a vendor's money, on a balance that nobody changed meanwhile.
async fn moved(
    app: &App,
    vendor: &str,
    currency: Currency,
    command: VendorCommand,
    payout: Option<&Payout>,
) -> Result<Result<Moved, VendorRefusal>, Problem> {
    for _ in 0..ATTEMPTS {
        if payout.is_some_and(|payout| !payout.back) {
            not_held(app, vendor).await?;
        }
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
        let amount = Money { minor: posting.amount, currency };
        let (own, answer) = payout
            .map_or_else(Default::default, |payout| payout.guards(vendor, amount, after, app.store.clock().now()));
        let guards = [Vendors::change(vendor, &before, after)].into_iter().chain(own).collect();
        match app.store.post_vendor(VendorPost { vendor: vendor.to_owned(), posting, guards }).await {
            Ok(_) => return Ok(Ok(Moved { minor: posting.amount, after, answer })),
            Err(StoreError::Conflict(conflict)) if conflict.constraint.contains("idempotency") => {
                return Err(Problem::of_call(crate::calls::CallError::StillRunning, ""));
            }
            Err(StoreError::Conflict(_)) => {
                // The balance was changed meanwhile: decide anew. A payout comes back once.
                let Some(payout) = payout.filter(|payout| payout.back) else { continue };
                if is_back(app, payout.id).await? {
                    return Err(came_back(payout.id));
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    Err(Problem::host(format!("the balance of {vendor} changes faster than it can be decided on")))
}
