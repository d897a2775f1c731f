//! `GET /v1/accounts/{id}/{calls,postings,grants}`: what an account has done, as JSON or CSV.

use std::sync::Arc;

use axum::{extract::State, response::Response};
use iap_core::{
    Credits, Money,
    ids::{AccountId, CallId, EntryId, GrantId, HoldId},
    money::Currency,
};
use iap_store::repositories::{CallRow, GrantRow, PostingRow};
use serde::Serialize;

use super::{
    auth::Caller,
    body::{Query, Segments},
    calls::{Line, charged_lines},
    page::{InQuery, Listed, Page, PageQuery, Wanted},
    problem::Problem,
    values,
};
use crate::{app::App, clock::rfc3339};

/// A call of an account.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct CallEntry {
    /// Its id.
    #[schema(value_type = String, example = "call_1x8")]
    pub id: CallId,
    /// What was called.
    pub operation: String,
    /// By which door: `odoo`, `rest`, `job` or `remote`.
    pub door: String,
    /// For which company, if said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
    /// `running`, `queued`, `captured`, `partial`, `unknown` (its provider is asked what it did), `answered` or `failed`.
    pub state: String,
    /// What was charged; empty if nothing was, or nothing yet.
    pub lines: Vec<Line>,
    /// Credits taken.
    #[schema(value_type = String, example = "0.1")]
    pub credits: Credits,
    /// In words.
    pub description: String,
    /// The provider's reference.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_reference: Option<String>,
    /// Why it did not end well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// When it began, RFC 3339.
    pub started_at: String,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
    /// Version of the release that served it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
}

impl CallEntry {
    fn new(row: CallRow, to_operator: bool) -> Result<Self, Problem> {
        Ok(Self {
            id: row.id,
            operation: row.operation,
            door: row.door,
            company: row.company,
            state: row.state.as_str().to_owned(),
            lines: charged_lines(&row.lines, row.credits)?,
            credits: row.credits,
            description: row.description,
            provider_reference: row.provider_reference,
            problem: row.problem.map(|text| if to_operator { text } else { for_customer(&text) }),
            started_at: rfc3339(row.started_at),
            ended_at: row.ended_at.map(rfc3339),
            version: row.release,
        })
    }
}

/// What broke inside a plugin or the host is for its vendor and the operator; customers get the class.
fn for_customer(problem: &str) -> String {
    match problem.split_once(':') {
        Some((class @ ("internal" | "guest-fault" | "host-fault"), _)) => class.to_owned(),
        _ => problem.to_owned(),
    }
}

impl Listed for CallEntry {
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "started_at",
        "ended_at",
        "operation",
        "state",
        "credits",
        "description",
        "company",
        "door",
        "version",
        "provider_reference",
        "problem",
        "lines",
    ];

    fn row(&self) -> Vec<String> {
        let or_empty = |text: &Option<String>| text.clone().unwrap_or_default();
        vec![
            self.id.to_string(),
            self.started_at.clone(),
            or_empty(&self.ended_at),
            self.operation.clone(),
            self.state.clone(),
            self.credits.to_string(),
            self.description.clone(),
            or_empty(&self.company),
            self.door.clone(),
            or_empty(&self.version),
            or_empty(&self.provider_reference),
            or_empty(&self.problem),
            serde_json::to_string(&self.lines).unwrap_or_default(),
        ]
    }
}

/// One movement: `amount` leaves `debit` and arrives in `credit`.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct PostingEntry {
    /// Its entry: all postings of an entry were decided and stored together.
    #[schema(value_type = String, example = "entry_1x8")]
    pub entry: EntryId,
    /// What the entry is: `grant`, `authorize`, `capture`, `release`, `expire_hold`, `refund_use`, ….
    #[schema(value_type = String, example = "capture")]
    pub kind: &'static str,
    /// Whose credits move, or whose price is booked.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "grant_1x8")]
    pub grant: Option<GrantId>,
    /// The hold that caused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "hold_1x8")]
    pub hold: Option<HoldId>,
    /// From this book: `issued`, `available`, `held`, …
    #[schema(value_type = String, example = "held")]
    pub debit: &'static str,
    /// To this book.
    #[schema(value_type = String, example = "consumed")]
    pub credit: &'static str,
    /// Credits, or money if there is a currency; a decimal.
    #[schema(example = "0.1")]
    pub amount: String,
    /// ISO 4217 code of money; absent for credits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// When, RFC 3339.
    pub at: String,
    /// Why the operator had its entry made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// An amount of minor units of money, or of micro-credits.
fn amount(number: i64, currency: Option<&str>) -> Result<String, Problem> {
    match currency {
        None => Ok(Credits::from_micros(number).to_string()),
        Some(code) => {
            let currency = Currency::try_from(code.to_owned()).map_err(Problem::host)?;
            Ok(Money { minor: number, currency }.amount())
        }
    }
}

impl PostingEntry {
    fn new(row: &PostingRow) -> Result<Self, Problem> {
        Ok(Self {
            entry: row.entry,
            kind: row.kind.as_str(),
            grant: row.grant,
            hold: row.hold,
            debit: row.debit.as_str(),
            credit: row.credit.as_str(),
            amount: amount(row.amount, row.currency.as_deref())?,
            currency: row.currency.clone(),
            at: rfc3339(row.at),
            reason: row.reason.clone(),
        })
    }
}

impl Listed for PostingEntry {
    const COLUMNS: &'static [&'static str] =
        &["entry", "at", "kind", "debit", "credit", "amount", "currency", "grant", "hold", "reason"];

    fn row(&self) -> Vec<String> {
        vec![
            self.entry.to_string(),
            self.at.clone(),
            self.kind.to_owned(),
            self.debit.to_owned(),
            self.credit.to_owned(),
            self.amount.clone(),
            self.currency.clone().unwrap_or_default(),
            self.grant.map(|grant| grant.to_string()).unwrap_or_default(),
            self.hold.map(|hold| hold.to_string()).unwrap_or_default(),
            self.reason.clone().unwrap_or_default(),
        ]
    }
}

/// A grant of an account, and what became of its credits.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct GrantEntry {
    /// Its id.
    #[schema(value_type = String, example = "grant_1x8")]
    pub id: GrantId,
    /// `trial`, `gift`, `refund`, `adjustment` or `purchase`.
    #[schema(value_type = String, example = "purchase")]
    pub kind: &'static str,
    /// Credits given.
    #[schema(value_type = String, example = "100")]
    pub credits: Credits,
    /// What may be spent of it.
    #[schema(value_type = String, example = "60")]
    pub available: Credits,
    /// What calls that run have set aside of it.
    #[schema(value_type = String, example = "0")]
    pub held: Credits,
    /// What was spent of it.
    #[schema(value_type = String, example = "40")]
    pub consumed: Credits,
    /// What expired of it.
    #[schema(value_type = String, example = "0")]
    pub expired: Credits,
    /// What was taken back against its price.
    #[schema(value_type = String, example = "0")]
    pub refunded: Credits,
    /// What was taken back without money: by the operator, by a chargeback, for a debt.
    #[schema(value_type = String, example = "0")]
    pub voided: Credits,
    /// Of that: what repaid a debt; it is owed again if the purchase is charged back.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "4")]
    pub repaid: Option<Credits>,
    /// What went to another account.
    #[schema(value_type = String, example = "0")]
    pub transferred: Credits,
    /// What was paid for it, without tax.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "9.00")]
    pub price: Option<String>,
    /// Tax paid beside the price.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "1.89")]
    pub tax: Option<String>,
    /// What use has earned of the price.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "3.60")]
    pub earned: Option<String>,
    /// Whether the customer took the price back.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub charged_back: bool,
    /// ISO 4217 code of the price.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Why it was given.
    pub reason: String,
    /// When what is left of it goes; absent for never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// When it was given, RFC 3339.
    pub created_at: String,
}

impl GrantEntry {
    fn new(row: &GrantRow) -> Result<Self, Problem> {
        let code = row.price.as_ref().map(|(_, code)| code.clone());
        let money = |minor| code.as_deref().map(|code| amount(minor, Some(code))).transpose();
        let price = row.price.as_ref().map(|(minor, _)| *minor).map_or(Ok(None), money)?;
        let (tax, earned) = (money(row.tax)?, money(row.earned)?);
        Ok(Self {
            id: row.id,
            kind: row.kind.as_str(),
            credits: row.amount,
            available: row.available,
            held: row.held,
            consumed: row.consumed,
            expired: row.expired,
            refunded: row.refunded,
            voided: row.voided,
            repaid: Some(row.repaid).filter(|repaid| repaid.is_positive()),
            transferred: row.transferred,
            price,
            tax,
            earned,
            charged_back: row.charged_back,
            currency: code,
            reason: row.reason.clone(),
            expires_at: values::end(row.expires_at),
            created_at: rfc3339(row.created_at),
        })
    }
}

impl Listed for GrantEntry {
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "created_at",
        "kind",
        "credits",
        "available",
        "held",
        "consumed",
        "expired",
        "refunded",
        "voided",
        "transferred",
        "price",
        "tax",
        "earned",
        "currency",
        "charged_back",
        "expires_at",
        "reason",
    ];

    fn row(&self) -> Vec<String> {
        let or_empty = |text: &Option<String>| text.clone().unwrap_or_default();
        vec![
            self.id.to_string(),
            self.created_at.clone(),
            self.kind.to_owned(),
            self.credits.to_string(),
            self.available.to_string(),
            self.held.to_string(),
            self.consumed.to_string(),
            self.expired.to_string(),
            self.refunded.to_string(),
            self.voided.to_string(),
            self.transferred.to_string(),
            or_empty(&self.price),
            or_empty(&self.tax),
            or_empty(&self.earned),
            or_empty(&self.currency),
            self.charged_back.to_string(),
            or_empty(&self.expires_at),
            self.reason.clone(),
        ]
    }
}

/// Calls of an account, newest first.
#[utoipa::path(get, path = "/v1/accounts/{id}/calls", tag = "account", operation_id = "list_calls",
    params(("id" = String, Path, example = "acc_1x8"), PageQuery),
    responses((status = 200, content((Page<CallEntry> = "application/json"), (String = "text/csv")))))]
pub async fn calls(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<AccountId>,
    Query(query): InQuery,
    wanted: Wanted,
) -> Result<Response, Problem> {
    let account = caller.account(&app, id).await?;
    let (before, limit) = (query.cursor()?.unwrap_or(CallId(i64::MAX)), query.limit()?);
    let rows = app.store.calls().page(account.id, before, limit + 1).await?;
    let to_operator = matches!(caller, Caller::Operator);
    let items = rows.into_iter().map(|row| CallEntry::new(row, to_operator)).collect::<Result<_, _>>()?;
    wanted.answer(Page::of(items, limit, |call: &CallEntry| call.id.to_string()))
}

/// Postings of an account, newest entry first. Every credit that ever moved is here.
#[utoipa::path(get, path = "/v1/accounts/{id}/postings", tag = "account", operation_id = "list_postings",
    params(("id" = String, Path, example = "acc_1x8"), PageQuery),
    responses((status = 200, content((Page<PostingEntry> = "application/json"), (String = "text/csv")))))]
pub async fn postings(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<AccountId>,
    Query(query): InQuery,
    wanted: Wanted,
) -> Result<Response, Problem> {
    let account = caller.account(&app, id).await?;
    let rows = app.store.grants().postings(account.id, query.cursor::<EntryId>()?, query.limit()?).await?;
    // The oldest entry of the page names the one before it, where the next page begins.
    let next_cursor = rows.last().and_then(|row| row.previous).map(|entry| entry.to_string());
    let items = rows.iter().map(PostingEntry::new).collect::<Result<_, _>>()?;
    wanted.answer(Page { items, next_cursor })
}

/// Grants of an account, newest first: where its credits came from and what became of them.
#[utoipa::path(get, path = "/v1/accounts/{id}/grants", tag = "account", operation_id = "list_grants",
    params(("id" = String, Path, example = "acc_1x8"), PageQuery),
    responses((status = 200, content((Page<GrantEntry> = "application/json"), (String = "text/csv")))))]
pub async fn grants(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<AccountId>,
    Query(query): InQuery,
    wanted: Wanted,
) -> Result<Response, Problem> {
    let account = caller.account(&app, id).await?;
    let (before, limit) = (query.cursor()?.unwrap_or(GrantId(i64::MAX)), query.limit()?);
    let rows = app.store.grants().page(account.id, before, limit + 1).await?;
    let items = rows.iter().map(GrantEntry::new).collect::<Result<_, _>>()?;
    wanted.answer(Page::of(items, limit, |grant: &GrantEntry| grant.id.to_string()))
}

#[cfg(test)]
mod tests {
    use iap_core::{
        Time,
        ledger::{Book, EntryKind},
    };

    use super::*;

    #[test]
    fn amounts_are_decimals_of_their_asset() {
        assert_eq!(amount(1_500_000, None).unwrap(), "1.5");
        assert_eq!(amount(90, Some("EUR")).unwrap(), "0.90");
        assert_eq!(amount(90, Some("JPY")).unwrap(), "90");
        assert_eq!(amount(90, Some("euro")).unwrap_err().status, 503);
    }

    #[test]
    fn a_row_of_csv_has_a_value_for_each_column() {
        let posting = PostingRow {
            entry: EntryId(1),
            n: 0,
            kind: EntryKind::Capture,
            grant: Some(GrantId(2)),
            hold: Some(HoldId(3)),
            currency: None,
            debit: Book::Held,
            credit: Book::Consumed,
            amount: 100_000,
            at: Time(0),
            previous: None,
            reason: Some("late".to_owned()),
        };
        let row = PostingEntry::new(&posting).unwrap().row();
        assert_eq!(
            row,
            ["entry_1", "1970-01-01T00:00:00Z", "capture", "held", "consumed", "0.1", "", "grant_2", "hold_3", "late"]
        );
        assert_eq!(row.len(), PostingEntry::COLUMNS.len());
    }

    #[test]
    fn customers_do_not_see_what_broke_inside() {
        assert_eq!(for_customer("internal: key abc rejected"), "internal");
        assert_eq!(for_customer("guest-fault: the plugin failed: panicked at src/lib.rs"), "guest-fault");
        assert_eq!(for_customer("bad-request: number: is wrong"), "bad-request: number: is wrong");
    }
}
