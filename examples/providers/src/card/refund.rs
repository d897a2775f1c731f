//! `POST /v1/refunds`: give money back, in one go or in parts.

use axum::{body::Bytes, extract::State, http::HeaderMap, response::Response};
use serde_json::{Value, json};

use super::{
    Shared,
    auth::Shop,
    books::Books,
    create::{integer, metadata},
    error::ApiError,
    money,
    session::{Progress, now},
    webhook,
};
use crate::{form::Form, random, sync::lock};

const PARAMS: [&str; 4] = ["payment_intent", "amount", "reason", "metadata"];
const REASONS: [&str; 3] = ["duplicate", "fraudulent", "requested_by_customer"];

pub(super) async fn handler(
    State(card): State<Shared>,
    _: Shop,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, ApiError> {
    // Set only when money moved: a replayed answer sends no second event.
    let mut event = None;
    let response = lock(&card.books).once(&headers, "/v1/refunds", Form::parse(&body), |books, form| {
        let (refund, charge) = give_back(books, form)?;
        event = Some(card.events.record("charge.refunded", &charge));
        Ok(refund)
    })?;
    if let Some(event) = event {
        tracing::info!(event.id = %event, "Refunded a charge");
        drop(webhook::start(&card, &event));
    }
    Ok(response)
}

/// The refund, and the charge after it.
fn give_back(books: &mut Books, form: &Form) -> Result<(Value, Value), ApiError> {
    let unknown = form.pairs().find(|(key, _)| !PARAMS.contains(&key.split('[').next().unwrap_or(key)));
    if let Some((key, _)) = unknown {
        return Err(ApiError::param(key, "parameter_unknown", format!("Received unknown parameter: {key}")));
    }
    let intent = form.get("payment_intent").ok_or_else(|| ApiError::required("payment_intent"))?;
    let reason = form.get("reason");
    if reason.is_some_and(|reason| !REASONS.contains(&reason)) {
        let message = format!("Invalid reason: must be one of {}", REASONS.join(", "));
        return Err(ApiError::param("reason", "parameter_invalid", message).without_code());
    }
    let metadata = metadata(form, "metadata")?;
    let no_such = || ApiError::no_such("payment_intent", "payment_intent", intent);
    let session = books.paid_by(intent).ok_or_else(no_such)?;
    let (total, currency) = (session.total, session.currency.clone());
    let Progress::Paid(payment) = &mut session.progress else { return Err(no_such()) };
    let left = total.saturating_sub(payment.refunded);
    if left == 0 {
        let message = format!("Charge {} has already been refunded.", payment.charge);
        return Err(ApiError::param("payment_intent", "charge_already_refunded", message));
    }
    let amount = form.get("amount").map_or(Ok(left), |text| integer("amount", text, 1))?;
    if amount > left {
        let message = format!(
            "Refund amount ({}) is greater than unrefunded amount on charge ({})",
            money::show(amount, &currency),
            money::show(left, &currency)
        );
        return Err(ApiError::param("amount", "amount_too_large", message).without_code());
    }
    payment.refunded = payment.refunded.saturating_add(amount);
    let payment = payment.clone();
    let refund = json!({
        "id": random::id("re_3"),
        "object": "refund",
        "amount": amount,
        "charge": payment.charge,
        "created": now(),
        "currency": currency,
        "metadata": metadata,
        "payment_intent": payment.intent,
        "reason": reason,
        "status": "succeeded",
    });
    Ok((refund, session.charge(&payment)))
}
