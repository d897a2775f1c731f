//! Moving credits by hand: between accounts, to set a balance right, and forgiving a debt.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode, response::Response};
use iap_core::{
    Credits,
    hosting::Door,
    ids::AccountId,
    ledger::{Command, Refusal},
};
use iap_store::{Post, Posted};
use serde::{Deserialize, Serialize};

use super::{
    account,
    auth::Caller,
    body::{Json, Segments},
    fingerprint::{Fingerprint, IdempotencyKey},
    once::Once,
    problem::Problem,
    values,
};
use crate::{accounts, app::App};

/// Credits to move to another account of the service.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TransferRequest {
    /// From this account.
    #[schema(value_type = String, example = "acc_1x8")]
    pub from: AccountId,
    /// To this one.
    #[schema(value_type = String, example = "acc_1x9")]
    pub to: AccountId,
    /// How many.
    #[serde(deserialize_with = "values::credits")]
    #[schema(value_type = String, example = "100")]
    pub credits: Credits,
    /// Why; shown with the postings.
    #[schema(example = "The companies merged")]
    pub reason: String,
}

/// Credits that were moved.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Transferred {
    /// From this account.
    #[schema(value_type = String, example = "acc_1x8")]
    pub from: AccountId,
    /// To this one.
    #[schema(value_type = String, example = "acc_1x9")]
    pub to: AccountId,
    /// How many.
    #[schema(value_type = String, example = "100")]
    pub credits: Credits,
    /// Credits that may still be spent where they came from.
    #[schema(value_type = String, example = "12.5")]
    pub available: Credits,
}

/// Move credits to another account of the service.
///
/// They go in the order in which they would be spent, and keep their expiry, their price and how it is shared.
#[utoipa::path(post, path = "/v1/transfers", tag = "operator", operation_id = "transfer_credits",
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters, such as a UUID")),
    request_body = TransferRequest, responses((status = 200, body = Transferred)))]
pub async fn transfer(
    State(app): State<Arc<App>>,
    caller: Caller,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<TransferRequest>,
) -> Result<Response, Problem> {
    caller.operator()?;
    let TransferRequest { from, to, credits, reason } = body;
    let print = Fingerprint::default().text("from", &from.to_string()).text("to", &to.to_string());
    let print = print.text("credits", &credits.to_string()).text("reason", &reason);
    let once = Once::new("transfers".to_owned(), key, &print);
    if let Some(answer) = once.before(&app).await? {
        return Ok(answer);
    }
    above_zero(credits)?;
    values::shown(&reason, values::MAX_REASON).map_err(|message| Problem::invalid("reason", message))?;
    caller.account(&app, from).await?;
    let receiver = caller.account(&app, to).await?;
    let hosting = accounts::hosting_of(account::home(&app, &receiver).await?.as_ref(), &app.config);
    let service = account::service(&app, &receiver)?;
    if let Some((code, message)) = accounts::ask(Door::Grant, &service, hosting, Some(&receiver)).refusal() {
        return Err(Problem::refused_use(code, message));
    }
    tracing::info!(%from, %to, %credits, reason, "Credits are transferred");
    let answer = move |posted: &Posted| Transferred { from, to, credits, available: posted.available };
    let post = Post::new(from, Command::Transfer { to, amount: credits }).noted(&reason);
    once.post(&app, post, StatusCode::OK, answer).await
}

/// What sets a balance right.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdjustmentRequest {
    /// Credits to give, or to take if below zero.
    #[serde(deserialize_with = "values::credits")]
    #[schema(value_type = String, example = "-2.5")]
    pub credits: Credits,
    /// Why; shown with the postings and, where credits are given, with the grant.
    #[schema(example = "Charged twice on 1 May")]
    pub reason: String,
}

/// A balance after it was changed by hand.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Adjusted {
    /// The account.
    #[schema(value_type = String, example = "acc_1x8")]
    pub account: AccountId,
    /// Credits given (or forgiven), or taken if below zero.
    #[schema(value_type = String, example = "-2.5")]
    pub credits: Credits,
    /// All credits afterwards.
    #[schema(value_type = String, example = "12.5")]
    pub balance: Credits,
    /// Credits that may be spent afterwards.
    #[schema(value_type = String, example = "12.5")]
    pub available: Credits,
}

impl Adjusted {
    fn new(account: AccountId, credits: Credits, posted: &Posted) -> Self {
        let balance = posted.available.checked_add(posted.held).unwrap_or(Credits::MAX);
        Self { account, credits, balance, available: posted.available }
    }
}

/// Set a balance right.
#[utoipa::path(post, path = "/v1/accounts/{id}/adjustments", tag = "operator", operation_id = "adjust_balance",
    params(("id" = String, Path, example = "acc_1x8"), ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters, such as a UUID")),
    request_body = AdjustmentRequest, responses((status = 200, body = Adjusted)))]
pub async fn adjust(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<AccountId>,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<AdjustmentRequest>,
) -> Result<Response, Problem> {
    caller.operator()?;
    caller.account(&app, id).await?;
    let AdjustmentRequest { credits, reason } = body;
    let print = Fingerprint::default().text("credits", &credits.to_string()).text("reason", &reason);
    let once = Once::new(format!("adjustments:{id}"), key, &print);
    if let Some(answer) = once.before(&app).await? {
        return Ok(answer);
    }
    if credits.is_zero() {
        return Err(Problem::invalid("credits", "must not be zero"));
    }
    values::shown(&reason, values::MAX_REASON).map_err(|message| Problem::invalid("reason", message))?;
    tracing::info!(account = %id, %credits, reason, "A balance is set right");
    let mut post = Post::new(id, Command::Adjust { amount: credits }).noted(&reason);
    post.reason = reason;
    once.post(&app, post, StatusCode::OK, move |posted| Adjusted::new(id, credits, posted)).await
}

/// A debt to forgive.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ForgiveRequest {
    /// How much of it; all if not given.
    #[serde(default, deserialize_with = "values::credits_if_given")]
    #[schema(value_type = Option<String>, example = "40")]
    pub credits: Option<Credits>,
    /// Why; shown with the postings.
    #[schema(example = "Settled by bank transfer")]
    pub reason: String,
}

/// Forgive what an account owes for a purchase that was charged back.
#[utoipa::path(post, path = "/v1/accounts/{id}/debt/forgive", tag = "operator", operation_id = "forgive_debt",
    params(("id" = String, Path, example = "acc_1x8"), ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters, such as a UUID")),
    request_body = ForgiveRequest, responses((status = 200, body = Adjusted)))]
pub async fn forgive(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<AccountId>,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<ForgiveRequest>,
) -> Result<Response, Problem> {
    caller.operator()?;
    let row = caller.account(&app, id).await?;
    let print = Fingerprint::default().text("reason", &body.reason).optional("credits", body.credits);
    let once = Once::new(format!("debt:{id}"), key, &print);
    if let Some(answer) = once.before(&app).await? {
        return Ok(answer);
    }
    values::shown(&body.reason, values::MAX_REASON).map_err(|message| Problem::invalid("reason", message))?;
    let amount = body.credits.unwrap_or(row.debt);
    if body.credits.is_none() && amount.is_zero() {
        return once.refuse_now(&app, Refusal::ExceedsDebt { asked: Credits::from_micros(1), debt: row.debt }).await;
    }
    above_zero(amount)?;
    tracing::info!(account = %id, credits = %amount, reason = %body.reason, "A debt is forgiven");
    let post = Post::new(id, Command::ForgiveDebt { amount }).noted(&body.reason);
    once.post(&app, post, StatusCode::OK, move |posted| Adjusted::new(id, amount, posted)).await
}

fn above_zero(credits: Credits) -> Result<(), Problem> {
    if credits.is_positive() { Ok(()) } else { Err(Problem::invalid("credits", "must be above zero")) }
}
