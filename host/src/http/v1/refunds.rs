//! Giving back: credits of a call, the price of unused credits, a price that the customer took back; and what the card
//! processor took.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode, response::Response};
use iap_core::{
    Credits, Money,
    ids::{AccountId, CallId, GrantId, HoldId},
    ledger::{Asset, Book, Command, Posting, Refusal},
    money::Currency,
};
use iap_store::{
    Post, Posted,
    repositories::{CapturedHold, GrantRow},
};
use serde::{Deserialize, Serialize};

use super::{
    auth::Caller,
    body::{Json, Segments},
    fingerprint::{Fingerprint, IdempotencyKey},
    once::Once,
    problem::{NOT_FOUND, Problem},
    values,
};
use crate::app::App;

/// How often a refund of everything is tried again because credits were used meanwhile.
const ATTEMPTS: usize = 5;

/// How much to give back, and why.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RefundRequest {
    /// Credits; all that there are if not given.
    #[serde(default, deserialize_with = "values::credits_if_given")]
    #[schema(value_type = Option<String>, example = "2.5")]
    pub credits: Option<Credits>,
    /// Why; shown with the postings.
    #[schema(example = "The letter came back")]
    pub reason: String,
}

impl RefundRequest {
    fn check(&self) -> Result<(), Problem> {
        if self.credits.is_some_and(|credits| !credits.is_positive()) {
            return Err(Problem::invalid("credits", "must be above zero"));
        }
        values::shown(&self.reason, values::MAX_REASON).map_err(|message| Problem::invalid("reason", message))
    }

    fn fingerprint(&self) -> Fingerprint {
        Fingerprint::default().text("reason", &self.reason).optional("credits", self.credits)
    }
}

/// Credits of a call that were given back.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RefundedCall {
    /// The call.
    #[schema(value_type = String, example = "call_1x8")]
    pub call: CallId,
    /// Credits that were given back now.
    #[schema(value_type = String, example = "2.5")]
    pub credits: Credits,
    /// All that was ever given back of the call.
    #[schema(value_type = String, example = "2.5")]
    pub refunded: Credits,
    /// All credits of the account afterwards.
    #[schema(value_type = String, example = "12.5")]
    pub balance: Credits,
    /// Credits that may be spent afterwards.
    #[schema(value_type = String, example = "12.5")]
    pub available: Credits,
}

/// Give credits of a call back.
///
/// They return to the grants that they came from, the last taken first; where a grant has expired meanwhile they may be used
/// for 30 more days.
#[utoipa::path(post, path = "/v1/calls/{id}/refund", tag = "operator", operation_id = "refund_call",
    params(("id" = String, Path, example = "call_1x8"), ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters, such as a UUID")),
    request_body = RefundRequest, responses((status = 200, body = RefundedCall)))]
pub async fn call(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<CallId>,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<RefundRequest>,
) -> Result<Response, Problem> {
    caller.operator()?;
    let row = app.store.calls().get(id).await?;
    let row = row.ok_or_else(|| Problem::new(NOT_FOUND, format!("there is no call {id}")))?;
    let once = Once::new(format!("refund of {id}"), key, &body.fingerprint());
    if let Some(answer) = once.before(&app).await? {
        return Ok(answer);
    }
    body.check()?;
    for _ in 0..ATTEMPTS {
        let holds = app.store.grants().captured_holds_of_call(id).await?;
        let all = holds.iter().fold(Credits::ZERO, |sum, hold| plus(sum, left(hold)));
        let wanted = body.credits.unwrap_or(all);
        if all < wanted || !wanted.is_positive() {
            return once.refuse_now(&app, Refusal::ExceedsHold { asked: wanted, held: all }).await;
        }
        tracing::info!(call = %id, credits = %wanted, reason = %body.reason, "Credits of a call are given back");
        let before: Credits = holds.iter().fold(Credits::ZERO, |sum, hold| plus(sum, hold.refunded));
        let command = Command::RefundUses { parts: parts(&holds, wanted) };
        let answer = move |posted: &Posted| RefundedCall {
            call: id,
            credits: wanted,
            refunded: plus(before, wanted),
            balance: plus(posted.available, posted.held),
            available: posted.available,
        };
        let post = Post::new(row.account, command).noted(&body.reason);
        match once.clone().of_all().try_post(&app, post, StatusCode::OK, answer).await {
            // Another refund was faster: what is left is spread over other holds.
            Err((_, Some(Refusal::ExceedsHold { .. }))) => {}
            done => return done.map_err(|(problem, _)| problem),
        }
    }
    Err(Problem::host(format!("{id} is refunded by others at the same time; try again")))
}

/// Captured and not given back.
fn left(hold: &CapturedHold) -> Credits {
    hold.captured.checked_sub(hold.refunded).unwrap_or(Credits::ZERO)
}

/// How credits are spread over the holds of a call.
fn parts(holds: &[CapturedHold], wanted: Credits) -> Vec<(HoldId, Credits)> {
    let mut missing = wanted;
    let parts = holds.iter().filter_map(|hold| {
        let part = left(hold).min(missing);
        missing = missing.checked_sub(part)?;
        part.is_positive().then_some((hold.id, part))
    });
    parts.collect()
}

/// What became of a grant, and the money that goes with it.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct ReturnedGrant {
    /// The grant.
    #[schema(value_type = String, example = "grant_1x8")]
    pub grant: GrantId,
    /// Credits that are gone.
    #[schema(value_type = String, example = "60")]
    pub credits: Credits,
    /// Of the price: what goes back to the customer.
    #[schema(example = "5.40")]
    pub amount: String,
    /// Of the tax: what goes back to the customer.
    #[schema(example = "1.13")]
    pub tax: String,
    /// ISO 4217 code of both.
    #[schema(value_type = String, example = "EUR")]
    pub currency: Currency,
    /// Credits that the account owes because they were used, or had repaid a debt; nothing is spent until they are repaid or forgiven.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "40")]
    pub debt: Option<Credits>,
    /// All credits of the account afterwards.
    #[schema(value_type = String, example = "12.5")]
    pub balance: Credits,
    /// Credits that may be spent afterwards.
    #[schema(value_type = String, example = "12.5")]
    pub available: Credits,
}

impl ReturnedGrant {
    fn new(grant: GrantId, currency: Currency, posted: &Posted) -> Self {
        let sum = |matches: &dyn Fn(&Posting) -> bool| -> i64 {
            posted.postings.iter().filter(|posting| matches(posting)).map(|posting| posting.amount).sum()
        };
        let is_money = |posting: &Posting| posting.asset != Asset::Credits;
        let text = |minor| Money { minor, currency }.amount();
        Self {
            grant,
            credits: Credits::from_micros(sum(&|posting| {
                !is_money(posting) && matches!(posting.credit, Book::Refunded | Book::Voided)
            })),
            amount: text(sum(&|posting| {
                is_money(posting) && posting.credit == Book::Refunds && posting.debit != Book::Tax
            })),
            tax: text(sum(&|posting| posting.credit == Book::Refunds && posting.debit == Book::Tax)),
            currency,
            debt: Some(Credits::from_micros(sum(&|posting| posting.debit == Book::Debt)))
                .filter(|debt| debt.is_positive()),
            balance: plus(posted.available, posted.held),
            available: posted.available,
        }
    }
}

/// Take unused credits of a purchase back against their price.
///
/// Answers the money that the customer is owed; return it in your card processor.
#[utoipa::path(post, path = "/v1/accounts/{id}/grants/{grant}/refund", tag = "operator", operation_id = "refund_grant",
    params(("id" = String, Path, example = "acc_1x8"), ("grant" = String, Path, example = "grant_1x8"), ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters, such as a UUID")),
    request_body = RefundRequest, responses((status = 200, body = ReturnedGrant)))]
pub async fn grant(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments((id, grant)): Segments<(AccountId, GrantId)>,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<RefundRequest>,
) -> Result<Response, Problem> {
    let (row, currency) = bought(&app, &caller, id, grant).await?;
    let once = Once::new(format!("refund of {grant}"), key, &body.fingerprint());
    if let Some(answer) = once.before(&app).await? {
        return Ok(answer);
    }
    body.check()?;
    tracing::info!(account = %id, %grant, reason = %body.reason, "Unused credits are taken back against their price");
    let command = |amount| Post::new(id, Command::RefundCredits { grant, amount }).noted(&body.reason);
    let answer = move |posted: &Posted| ReturnedGrant::new(grant, currency, posted);
    if let Some(credits) = body.credits {
        return once.post(&app, command(credits), StatusCode::OK, answer).await;
    }
    let mut available = row.available;
    for _ in 0..ATTEMPTS {
        if !available.is_positive() {
            return once.refuse_now(&app, Refusal::ExceedsGrant { asked: Credits::from_micros(1), available }).await;
        }
        match once.clone().of_all().try_post(&app, command(available), StatusCode::OK, answer).await {
            // Some were used meanwhile, or have expired and wait for the sweeper.
            Err((_, Some(Refusal::ExceedsGrant { available: left, .. }))) => available = left,
            done => return done.map_err(|(problem, _)| problem),
        }
    }
    Err(Problem::host(format!("{grant} is used faster than it can be refunded")))
}

/// Why something is done.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    /// Shown with the postings.
    #[schema(example = "Dispute du_1x8")]
    pub reason: String,
}

/// Record that the customer took the price of a purchase back.
///
/// What is left of its credits is void. What was used, or repaid an earlier debt, is owed: nothing is spent on the account until a purchase repays it or
/// you forgive it.
#[utoipa::path(post, path = "/v1/accounts/{id}/grants/{grant}/chargeback", tag = "operator", operation_id = "charge_back_grant",
    params(("id" = String, Path, example = "acc_1x8"), ("grant" = String, Path, example = "grant_1x8"), ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters, such as a UUID")),
    request_body = Reason, responses((status = 200, body = ReturnedGrant)))]
pub async fn chargeback(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments((id, grant)): Segments<(AccountId, GrantId)>,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<Reason>,
) -> Result<Response, Problem> {
    let (_, currency) = bought(&app, &caller, id, grant).await?;
    let once = Once::new(format!("chargeback of {grant}"), key, &Fingerprint::default().text("reason", &body.reason));
    if let Some(answer) = once.before(&app).await? {
        return Ok(answer);
    }
    values::shown(&body.reason, values::MAX_REASON).map_err(|message| Problem::invalid("reason", message))?;
    tracing::info!(account = %id, %grant, reason = %body.reason, "A purchase is charged back");
    let answer = move |posted: &Posted| ReturnedGrant::new(grant, currency, posted);
    let post = Post::new(id, Command::Chargeback { grant }).noted(&body.reason);
    once.post(&app, post, StatusCode::OK, answer).await
}

/// What the card processor took.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FeeRequest {
    /// In the currency of the purchase.
    #[schema(example = "0.29")]
    pub amount: String,
}

/// A fee that was recorded.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct RecordedFee {
    /// The grant.
    #[schema(value_type = String, example = "grant_1x8")]
    pub grant: GrantId,
    /// What was recorded.
    #[schema(example = "0.29")]
    pub amount: String,
    /// ISO 4217 code.
    #[schema(value_type = String, example = "EUR")]
    pub currency: Currency,
}

/// Record what the card processor took of a purchase.
#[utoipa::path(post, path = "/v1/accounts/{id}/grants/{grant}/processor-fee", tag = "operator", operation_id = "record_processor_fee",
    params(("id" = String, Path, example = "acc_1x8"), ("grant" = String, Path, example = "grant_1x8"), ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters, such as a UUID")),
    request_body = FeeRequest, responses((status = 200, body = RecordedFee)))]
pub async fn processor_fee(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments((id, grant)): Segments<(AccountId, GrantId)>,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<FeeRequest>,
) -> Result<Response, Problem> {
    let (_, currency) = bought(&app, &caller, id, grant).await?;
    let fee = Money::parse(&body.amount, currency).map_err(|error| Problem::invalid("amount", error))?;
    let once = Once::new(format!("fee of {grant}"), key, &Fingerprint::default().text("amount", &fee.amount()));
    if let Some(answer) = once.before(&app).await? {
        return Ok(answer);
    }
    if fee.minor <= 0 {
        return Err(Problem::invalid("amount", "must be above zero"));
    }
    let post = Post::new(id, Command::ProcessorFee { grant, minor: fee.minor });
    let answer = move |_: &Posted| RecordedFee { grant, amount: fee.amount(), currency };
    once.post(&app, post, StatusCode::OK, answer).await
}

/// A purchase of an account, for the operator.
async fn bought(app: &App, caller: &Caller, id: AccountId, grant: GrantId) -> Result<(GrantRow, Currency), Problem> {
    caller.operator()?;
    caller.account(app, id).await?;
    let row = app.store.grants().get(id, grant).await?;
    let row = row.ok_or_else(|| Problem::of_refusal(Refusal::UnknownGrant))?;
    let (_, code) = row.price.clone().ok_or_else(|| Problem::of_refusal(Refusal::GrantHasNoPrice))?;
    let currency = Currency::try_from(code).map_err(Problem::host)?;
    Ok((row, currency))
}

fn plus(left: Credits, right: Credits) -> Credits {
    left.checked_add(right).unwrap_or(Credits::MAX)
}
