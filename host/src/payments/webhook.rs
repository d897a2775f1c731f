//! `POST /payments/stripe/webhook`: Stripe tells that somebody has paid.

use std::sync::Arc;

use axum::{
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    order::{SettleError, Settled, settle},
    signature,
    stripe::Session,
};
use crate::app::App;

/// Events that may bring money: at once, or after a bank transfer has arrived.
const PAID: [&str; 2] = ["checkout.session.completed", "checkout.session.async_payment_succeeded"];

#[derive(Deserialize)]
struct Event<'a> {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(borrow)]
    data: Data<'a>,
}

#[derive(Deserialize)]
struct Data<'a> {
    /// Read once the type is known.
    #[serde(borrow)]
    object: &'a RawValue,
}

/// Answers 2xx to what needs no repeat, in plain words for the operator who reads Stripe's log.
pub async fn handler(State(app): State<Arc<App>>, headers: HeaderMap, body: Bytes) -> (StatusCode, String) {
    let Some(settings) = &app.config.stripe else {
        return (StatusCode::NOT_FOUND, "this host takes no payments; set [stripe] in iap.toml".to_owned());
    };
    let header = headers.get("stripe-signature").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let now = app.store.clock().now().millis().div_euclid(1000);
    if let Err(error) = signature::verify(&settings.webhook_secret, header, &body, now) {
        tracing::warn!(%error, "Refused an event of the card processor");
        return (StatusCode::BAD_REQUEST, error.to_string());
    }
    match apply(&app, &body).await {
        Ok(text) => (StatusCode::OK, text),
        Err((status, text)) => {
            tracing::error!(status = status.as_u16(), "An event of the card processor was not applied: {text}");
            (status, text)
        }
    }
}

async fn apply(app: &App, body: &[u8]) -> Result<String, (StatusCode, String)> {
    let unreadable = |error: serde_json::Error| (StatusCode::BAD_REQUEST, format!("the event cannot be read: {error}"));
    let event: Event<'_> = serde_json::from_slice(body).map_err(unreadable)?;
    if !PAID.contains(&event.kind.as_str()) {
        return Ok(format!("ignored: {} moves no credits", event.kind));
    }
    let session: Session = serde_json::from_str(event.data.object.get()).map_err(unreadable)?;
    match settle(app, &event.id, &event.kind, &session).await {
        Ok(Settled::Granted) => Ok("credits granted".to_owned()),
        Ok(Settled::Before) => Ok("credits were granted before; nothing moved".to_owned()),
        Ok(Settled::NotPaid) => Ok(format!("ignored: payment_status is {}", session.payment_status)),
        Err(error) => {
            let status = match &error {
                SettleError::UnknownOrder(_) => StatusCode::NOT_FOUND,
                SettleError::Differs { .. } => StatusCode::BAD_REQUEST,
                SettleError::Failed(_) => StatusCode::INTERNAL_SERVER_ERROR,
            };
            Err((status, error.to_string()))
        }
    }
}
