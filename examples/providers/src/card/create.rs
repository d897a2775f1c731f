//! `POST /v1/checkout/sessions`: open a session.

use std::collections::BTreeMap;

use axum::{body::Bytes, extract::State, http::HeaderMap, response::Response};
use url::Url;

use super::{
    Card, Shared,
    auth::Shop,
    error::ApiError,
    money,
    session::{Item, Progress, Session, now},
};
use crate::{form::Form, random, sync::lock};

/// Parameters understood. Others are refused by name: ignoring them would hide a shop's mistake.
const PARAMS: [&str; 9] = [
    "mode",
    "success_url",
    "cancel_url",
    "client_reference_id",
    "customer_email",
    "metadata",
    "payment_intent_data",
    "payment_method_types",
    "line_items",
];

const ITEM_PARAMS: [&str; 5] = [
    "[quantity]",
    "[price_data][currency]",
    "[price_data][unit_amount]",
    "[price_data][product_data][name]",
    "[price_data][product_data][description]",
];

/// Most lines of one session.
const MOST_ITEMS: usize = 100;

pub(super) async fn handler(
    State(card): State<Shared>,
    _: Shop,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    let form = Form::parse(&body);
    lock(&card.books).once(&headers, "/v1/checkout/sessions", form, |books, form| {
        let session = open(&card, form)?;
        let resource = session.resource(session.created);
        tracing::info!(session.id = %session.id, "Opened checkout session {}", session.id);
        books.add(session);
        Ok(resource)
    })
}

fn open(card: &Card, form: &Form) -> Result<Session, ApiError> {
    refuse_unknown(form)?;
    match form.get("mode") {
        Some("payment") => {}
        Some(other) => {
            let message = format!("Invalid mode: must be payment; the simulator has no {other}");
            return Err(ApiError::param("mode", "parameter_invalid", message).without_code());
        }
        None => return Err(ApiError::required("mode")),
    }
    let success_url = address(form, "success_url")?.ok_or_else(|| ApiError::required("success_url"))?;
    let cancel_url = address(form, "cancel_url")?;
    let (items, currency) = items(form)?;
    let total = total(&items, &currency)?;
    let email = form.get("customer_email").map(str::to_owned);
    if let Some(email) = email.as_ref().filter(|email| !is_email(email)) {
        return Err(ApiError::param("customer_email", "email_invalid", format!("Invalid email address: {email}")));
    }
    let reference = form.get("client_reference_id").map(str::to_owned);
    if reference.as_ref().is_some_and(|reference| reference.chars().count() > 200) {
        let message = "Invalid string: must be at most 200 characters";
        return Err(ApiError::param("client_reference_id", "parameter_invalid", message).without_code());
    }
    let id = random::id("cs_test_a1");
    Ok(Session {
        url: format!("{}pay/{id}", card.base),
        id,
        created: now(),
        currency,
        items,
        total,
        success_url,
        cancel_url,
        reference,
        email,
        metadata: metadata(form, "metadata")?,
        payment_metadata: metadata(form, "payment_intent_data[metadata]")?,
        progress: Progress::Open,
    })
}

fn refuse_unknown(form: &Form) -> Result<(), ApiError> {
    for (key, _) in form.pairs() {
        let top = key.split('[').next().unwrap_or(key);
        let rest = key.strip_prefix("line_items[").and_then(|rest| rest.split_once(']')).map(|(_, rest)| rest);
        let known = match top {
            "line_items" => rest.is_some_and(|rest| ITEM_PARAMS.contains(&rest)),
            "payment_intent_data" => key.starts_with("payment_intent_data[metadata]["),
            other => PARAMS.contains(&other),
        };
        if !known {
            return Err(ApiError::param(key, "parameter_unknown", format!("Received unknown parameter: {key}")));
        }
    }
    for (_, method) in form.pairs().filter(|(key, _)| key.starts_with("payment_method_types[")) {
        if method != "card" {
            let message =
                format!("The payment method type provided: {method} is invalid; the simulator has card only.");
            return Err(ApiError::param("payment_method_types", "parameter_invalid", message).without_code());
        }
    }
    Ok(())
}

/// An address kept as sent: parsing would encode the braces of `{CHECKOUT_SESSION_ID}`.
fn address(form: &Form, param: &str) -> Result<Option<String>, ApiError> {
    let Some(text) = form.get(param) else { return Ok(None) };
    let valid = Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
    if valid { Ok(Some(text.to_owned())) } else { Err(ApiError::param(param, "url_invalid", "Not a valid URL")) }
}

fn items(form: &Form) -> Result<(Vec<Item>, String), ApiError> {
    let mut items = Vec::new();
    let mut currency: Option<String> = None;
    for index in 0..MOST_ITEMS {
        let start = format!("line_items[{index}]");
        if !form.pairs().any(|(key, _)| key.starts_with(&start)) {
            break;
        }
        let param = |rest: &str| format!("{start}{rest}");
        let text = |rest: &str| form.get(&param(rest)).ok_or_else(|| ApiError::required(&param(rest)));
        let code = text("[price_data][currency]")?.to_ascii_lowercase();
        if code.len() != 3 || !code.bytes().all(|b| b.is_ascii_lowercase()) {
            let message = format!("Invalid currency: {code}. Give three letters of ISO 4217.");
            return Err(ApiError::param(param("[price_data][currency]"), "parameter_invalid", message).without_code());
        }
        if currency.get_or_insert_with(|| code.clone()) != &code {
            let message = "All line items of a session must have the same currency.";
            return Err(ApiError::param(param("[price_data][currency]"), "parameter_invalid", message).without_code());
        }
        items.push(Item {
            name: text("[price_data][product_data][name]")?.to_owned(),
            description: form.get(&param("[price_data][product_data][description]")).map(str::to_owned),
            unit_amount: integer(&param("[price_data][unit_amount]"), text("[price_data][unit_amount]")?, 0)?,
            quantity: integer(&param("[quantity]"), text("[quantity]")?, 1)?,
        });
    }
    // The first line sets the currency, so a session without lines has none.
    currency.map(|currency| (items, currency)).ok_or_else(|| ApiError::required("line_items"))
}

/// A whole number of at least `least`.
pub(super) fn integer(param: &str, text: &str, least: i64) -> Result<i64, ApiError> {
    let number: i64 = text
        .parse()
        .map_err(|_| ApiError::param(param, "parameter_invalid_integer", format!("Invalid integer: {text}")))?;
    if number < least {
        let message = format!("This value must be greater than or equal to {least}.");
        return Err(ApiError::param(param, "parameter_invalid_integer", message));
    }
    Ok(number)
}

fn total(items: &[Item], currency: &str) -> Result<i64, ApiError> {
    let sum = items.iter().try_fold(0_i64, |sum, item| sum.checked_add(item.unit_amount.checked_mul(item.quantity)?));
    let refuse = |code, bound, amount| {
        let message =
            format!("The Checkout Session's total amount must convert to {bound} {}.", money::show(amount, currency));
        Err(ApiError::param("line_items", code, message))
    };
    match sum {
        Some(sum) if sum < money::least(currency) => refuse("amount_too_small", "at least", money::least(currency)),
        Some(sum) if sum <= money::MOST => Ok(sum),
        Some(_) | None => refuse("amount_too_large", "no more than", money::MOST),
    }
}

fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(name, host)| {
        !name.is_empty() && !host.is_empty() && !host.contains('@') && !text.contains(char::is_whitespace)
    })
}

/// At most 50 keys of 40 characters with values of 500, as at Stripe.
pub(super) fn metadata(form: &Form, param: &str) -> Result<BTreeMap<String, String>, ApiError> {
    let all: BTreeMap<String, String> =
        form.map(param).map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    let too_long = |(key, value): (&String, &String)| key.chars().count() > 40 || value.chars().count() > 500;
    if all.len() > 50 || all.iter().any(too_long) {
        let message = "Metadata can have up to 50 keys of up to 40 characters, and values of up to 500 characters.";
        return Err(ApiError::param(param, "parameter_invalid", message).without_code());
    }
    Ok(all)
}
