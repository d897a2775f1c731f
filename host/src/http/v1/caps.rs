//! `/v1/accounts/{id}/spending-caps`: how much an account, or one company of it, may spend in a day or a month.

use std::{sync::Arc, time::Duration};

use axum::{extract::State, http::StatusCode, response::Response};
use iap_core::{
    Credits,
    ids::AccountId,
    ledger::{Command, Period, Refusal, SpendingCap},
};
use iap_store::{Post, repositories::AccountRow};
use serde::{Deserialize, Serialize};

use super::{
    auth::Caller,
    body::{Json, Query, Segments, given},
    fingerprint::{Fingerprint, IdempotencyKey},
    once::Once,
    problem::{NOT_FOUND, Problem},
    values::{self, MAX_COMPANY},
};
use crate::{app::App, clock::rfc3339};

/// How often a cap is set anew because the account spent meanwhile, and the wait between.
const ATTEMPTS: usize = 50;
/// Most caps of an account: each authorization looks at them.
const MOST: usize = 100;
const PAUSE: Duration = Duration::from_millis(10);

/// How often a cap begins anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CapPeriod {
    /// Each day at midnight UTC.
    Day,
    /// On the first of each month at midnight UTC.
    Month,
}

impl From<CapPeriod> for Period {
    fn from(period: CapPeriod) -> Self {
        match period {
            CapPeriod::Day => Self::Day,
            CapPeriod::Month => Self::Month,
        }
    }
}

/// A cap to set, in place of one with its company and period.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CapRequest {
    /// How often it begins anew.
    pub period: CapPeriod,
    /// For this company; the whole account if not given.
    #[serde(default)]
    pub company: Option<String>,
    /// Most credits in a period; 0 lets nothing be spent.
    #[serde(deserialize_with = "values::credits")]
    #[schema(value_type = String, example = "100")]
    pub credits: Credits,
}

/// Which cap.
#[derive(Clone, Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CapQuery {
    /// `day` or `month`.
    pub period: CapPeriod,
    /// Of this company; of the whole account if not given.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<String>)]
    pub company: Option<String>,
}

/// A spending cap.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Cap {
    /// `day` or `month`.
    #[schema(value_type = String, example = "month")]
    pub period: Period,
    /// For this company; absent for the whole account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
    /// Most credits in a period.
    #[schema(value_type = String, example = "100")]
    pub credits: Credits,
    /// What is set aside or spent in the present one.
    #[schema(value_type = String, example = "12.5")]
    pub used: Credits,
    /// When the present one began, RFC 3339.
    pub since: String,
}

impl Cap {
    fn new(app: &App, cap: SpendingCap) -> Self {
        let now = app.store.clock().now();
        Self {
            period: cap.period,
            used: cap.used_at(now),
            since: rfc3339(cap.period.start(now)),
            company: cap.company,
            credits: cap.credits,
        }
    }
}

/// Caps of an account.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Caps {
    /// All of them.
    pub items: Vec<Cap>,
}

/// What is shown of an account's caps.
pub async fn of_account(app: &App, id: AccountId) -> Result<Vec<Cap>, Problem> {
    Ok(app.store.spending_caps().of_account(id).await?.into_iter().map(|cap| Cap::new(app, cap)).collect())
}

/// Spending caps of an account.
#[utoipa::path(get, path = "/v1/accounts/{id}/spending-caps", tag = "account", operation_id = "list_spending_caps",
    params(("id" = String, Path, example = "acc_1x8")), responses((status = 200, body = Caps)))]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<AccountId>,
) -> Result<Json<Caps>, Problem> {
    caller.account(&app, id).await?;
    Ok(Json(Caps { items: of_account(&app, id).await? }))
}

/// Bound what an account, or one company of it, may spend in a day or a month.
///
/// What it has spent in the present period counts already.
#[utoipa::path(put, path = "/v1/accounts/{id}/spending-caps", tag = "database", operation_id = "set_spending_cap",
    params(("id" = String, Path, example = "acc_1x8"), ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters, such as a UUID")),
    request_body = CapRequest, responses((status = 200, body = Caps)))]
pub async fn put(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<AccountId>,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<CapRequest>,
) -> Result<Response, Problem> {
    owner(&app, &caller, id).await?;
    if body.credits < Credits::ZERO {
        return Err(Problem::invalid("credits", "must not be below zero"));
    }
    let (caps, period) = (app.store.spending_caps().of_account(id).await?, Period::from(body.period));
    let known = caps.iter().any(|cap| (&cap.company, cap.period) == (&body.company, period));
    if !known && MOST <= caps.len() {
        return Err(Problem::invalid(
            "company",
            format!("the account has {MOST} spending caps already; delete one first"),
        ));
    }
    set(&app, id, key, period, body.company, Some(body.credits)).await
}

/// Remove a spending cap.
#[utoipa::path(delete, path = "/v1/accounts/{id}/spending-caps", tag = "database", operation_id = "remove_spending_cap",
    params(("id" = String, Path, example = "acc_1x8"), CapQuery, ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters, such as a UUID")),
    responses((status = 200, body = Caps)))]
pub async fn remove(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<AccountId>,
    IdempotencyKey(key): IdempotencyKey,
    Query(query): Query<CapQuery>,
) -> Result<Response, Problem> {
    owner(&app, &caller, id).await?;
    set(&app, id, key, query.period.into(), query.company, None).await
}

/// For the database or the operator: an account's own token does not lift its bounds.
async fn owner(app: &App, caller: &Caller, id: AccountId) -> Result<AccountRow, Problem> {
    let row = caller.account(app, id).await?;
    caller.database(row.database)?;
    Ok(row)
}

async fn set(
    app: &App,
    id: AccountId,
    key: Option<String>,
    period: Period,
    company: Option<String>,
    credits: Option<Credits>,
) -> Result<Response, Problem> {
    let print = Fingerprint::default().text("period", period.as_str()).optional("company", company.as_deref());
    let once = Once::new(format!("spending caps:{id}"), key, &print.optional("credits", credits));
    if let Some(answer) = once.before(app).await? {
        return Ok(answer);
    }
    if let Some(company) = &company {
        values::shown(company, MAX_COMPANY).map_err(|message| Problem::invalid("company", message))?;
    }
    let caps = app.store.spending_caps();
    for _ in 0..ATTEMPTS {
        let now = app.store.clock().now();
        let mut all = caps.of_account(id).await?;
        let known = all.iter().position(|cap| cap.company == company && cap.period == period);
        let (used, as_of) = match (known, credits) {
            (None, None) => return Err(Problem::new(NOT_FOUND, "the account has no such cap; GET lists those it has")),
            // It has counted already.
            (Some(place), _) => (all.remove(place).used_at(now), None),
            (None, Some(_)) => caps.used_since(id, company.as_deref(), period.start(now)).await?,
        };
        let window = period.start(now);
        all.extend(credits.map(|credits| SpendingCap { company: company.clone(), period, credits, used, window }));
        let shown: Vec<Cap> = all.into_iter().map(|cap| Cap::new(app, cap)).collect();
        let command = Command::Cap { company: company.clone(), period, credits, used, as_of };
        let answer = move |_: &iap_store::Posted| Caps { items: shown.clone() };
        match once.try_post(app, Post::new(id, command), StatusCode::OK, answer).await {
            Err((_, Some(Refusal::Changed))) => tokio::time::sleep(PAUSE).await,
            Err((problem, _)) => return Err(problem),
            Ok(answer) => return Ok(answer),
        }
    }
    Err(Problem::host(format!("{id} spends faster than a cap can be set")))
}
