//! `GET /v1/ledger/trial-balance`: where all books stand.

use std::{collections::BTreeMap, sync::Arc};

use axum::extract::State;
use iap_core::money::Currency;
use iap_store::repositories::BookTotal;
use serde::{Deserialize, Serialize};

use super::{
    auth::Caller,
    body::{Json, Query, given},
    problem::Problem,
};
use crate::{app::App, clock::parse_rfc3339};

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;
/// Decimals of credits.
const CREDIT_DIGITS: u32 = 6;

/// Until when.
#[derive(Clone, Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TrialBalanceQuery {
    /// Up to the end of this day (UTC); until now if not given.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<String>, example = "2030-12-31")]
    pub date: Option<String>,
}

/// Where all books stand.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct TrialBalance {
    /// Up to the end of this day, if one was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub date: Option<String>,
    /// Whether, of every asset, as much was debited as credited.
    pub balanced: bool,
    /// Books, by service, vendor and asset.
    pub books: Vec<BookLine>,
}

/// Where one book stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct BookLine {
    /// The service; absent for a vendor's own books.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// The vendor, for its own books.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    /// ISO 4217 code of money; absent for credits of the service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// `issued`, `available`, `deferred_revenue`, …
    #[schema(value_type = String, example = "available")]
    pub book: &'static str,
    /// All that was debited, as a decimal.
    #[schema(example = "40")]
    pub debits: String,
    /// All that was credited.
    #[schema(example = "100")]
    pub credits: String,
    /// What it stands at: debits less credits for `issued`, `debt`, `cash_received`, `processor_fees` and
    /// `chargeback_loss`, credits less debits for the others.
    #[schema(example = "60")]
    pub balance: String,
}

/// Where all books stand.
///
/// For the operator: what was debited and credited to each book of each service and vendor, in each asset.
#[utoipa::path(get, path = "/v1/ledger/trial-balance", tag = "operator", operation_id = "get_trial_balance", params(TrialBalanceQuery),
    responses((status = 200, body = TrialBalance)))]
pub async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<TrialBalanceQuery>,
) -> Result<Json<TrialBalance>, Problem> {
    caller.operator()?;
    let until = query.date.as_deref().map(day).transpose()?;
    let totals = app.store.ledger_totals().all(until).await?;
    Ok(Json(TrialBalance {
        date: query.date,
        balanced: is_balanced(&totals),
        books: totals.into_iter().map(line).collect::<Result<_, _>>()?,
    }))
}

/// Days since 1970-01-01.
fn day(date: &str) -> Result<i64, Problem> {
    let at = parse_rfc3339(&format!("{date}T00:00:00Z"));
    let at = at.ok_or_else(|| Problem::invalid("date", format!("{date:?} is no day such as \"2030-12-31\"")))?;
    Ok(at.millis().div_euclid(DAY))
}

fn is_balanced(totals: &[BookTotal]) -> bool {
    let mut sums: BTreeMap<_, i128> = BTreeMap::new();
    for total in totals {
        // Credits of two services are not the same thing.
        let service = if total.currency.is_none() { &total.service } else { &None };
        *sums.entry((service, &total.currency)).or_default() += total.debits - total.credits;
    }
    sums.values().all(|sum| *sum == 0)
}

fn line(total: BookTotal) -> Result<BookLine, Problem> {
    let digits = match &total.currency {
        None => CREDIT_DIGITS,
        Some(code) => Currency::try_from(code.clone()).map_err(Problem::host)?.digits(),
    };
    let balance = total.credits - total.debits;
    let balance = if total.book.grows_by_debits() { -balance } else { balance };
    Ok(BookLine {
        book: total.book.as_str(),
        debits: decimal(total.debits, digits),
        credits: decimal(total.credits, digits),
        balance: decimal(balance, digits),
        service: total.service,
        vendor: total.vendor,
        currency: total.currency,
    })
}

/// A whole number of parts as a decimal, with all digits for money and without zeros at the end for credits.
fn decimal(parts: i128, digits: u32) -> String {
    let unit = 10u128.pow(digits);
    let (sign, magnitude) = (if parts < 0 { "-" } else { "" }, parts.unsigned_abs());
    let (whole, fraction) = (magnitude / unit, magnitude % unit);
    let Ok(width @ 1..) = usize::try_from(digits) else { return format!("{sign}{whole}") };
    let text = format!("{sign}{whole}.{fraction:0width$}");
    if digits == CREDIT_DIGITS { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact_and_as_elsewhere() {
        assert_eq!(decimal(12_500_000, CREDIT_DIGITS), "12.5");
        assert_eq!(decimal(-100_000_000, CREDIT_DIGITS), "-100");
        assert_eq!((decimal(90, 2), decimal(-5, 2), decimal(120, 0)), ("0.90".into(), "-0.05".into(), "120".into()));
    }

    #[test]
    fn a_day_is_counted_from_1970() {
        assert_eq!(day("1970-01-02").expect("a day"), 1);
        assert_eq!(day("02.01.1970").expect_err("no day").field.as_deref(), Some("date"));
    }
}
