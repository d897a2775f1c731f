//! A checkout session, and `GET /v1/checkout/sessions/{id}`.

use std::collections::BTreeMap;

use axum::{
    Json,
    extract::{Path, State},
};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::{Shared, auth::Shop, error::ApiError};
use crate::sync::lock;

/// How long a session may be paid, in seconds.
pub(super) const LIFETIME: i64 = 24 * 60 * 60;

/// One line of what is bought.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) name: String,
    pub(super) description: Option<String>,
    /// In the currency's smallest unit.
    pub(super) unit_amount: i64,
    pub(super) quantity: i64,
}

/// Where a session is in its life.
#[derive(Debug, Clone)]
pub(super) enum Progress {
    Open,
    Paid(Payment),
}

/// What there is once a session is paid.
#[derive(Debug, Clone)]
pub(super) struct Payment {
    pub(super) intent: String,
    pub(super) charge: String,
    pub(super) last4: String,
    /// Unix seconds.
    pub(super) at: i64,
    /// Given back so far, in the currency's smallest unit; never more than was paid.
    pub(super) refunded: i64,
}

/// One checkout session. Times are Unix seconds, amounts the currency's smallest unit.
#[derive(Debug, Clone)]
pub(super) struct Session {
    pub(super) id: String,
    pub(super) url: String,
    pub(super) created: i64,
    pub(super) currency: String,
    pub(super) items: Vec<Item>,
    pub(super) total: i64,
    pub(super) success_url: String,
    pub(super) cancel_url: Option<String>,
    pub(super) reference: Option<String>,
    pub(super) email: Option<String>,
    pub(super) metadata: BTreeMap<String, String>,
    /// Goes to the payment and its charge, as at Stripe, where the session's own metadata does not.
    pub(super) payment_metadata: BTreeMap<String, String>,
    pub(super) progress: Progress,
}

impl Session {
    /// Whether its time is over and nobody paid.
    pub(super) fn expired(&self, now: i64) -> bool {
        matches!(self.progress, Progress::Open) && now >= self.expires_at()
    }

    fn expires_at(&self) -> i64 {
        self.created.saturating_add(LIFETIME)
    }

    /// Stripe's Checkout Session object.
    pub(super) fn resource(&self, now: i64) -> Value {
        let (status, payment_status, intent) = match &self.progress {
            Progress::Paid(payment) => ("complete", "paid", Some(&payment.intent)),
            Progress::Open if self.expired(now) => ("expired", "unpaid", None),
            Progress::Open => ("open", "unpaid", None),
        };
        json!({
            "id": self.id,
            "object": "checkout.session",
            "amount_subtotal": self.total,
            "amount_total": self.total,
            "cancel_url": self.cancel_url,
            "client_reference_id": self.reference,
            "created": self.created,
            "currency": self.currency,
            "customer": null,
            "customer_details": self.email.as_ref().map(|email| json!({ "email": email })),
            "customer_email": self.email,
            "expires_at": self.expires_at(),
            "livemode": false,
            "metadata": self.metadata,
            "mode": "payment",
            "payment_intent": intent,
            "payment_method_types": ["card"],
            "payment_status": payment_status,
            "status": status,
            "success_url": self.success_url,
            "ui_mode": "hosted",
            "url": (status == "open").then_some(&self.url),
        })
    }

    /// Stripe's Charge object, once there is one.
    pub(super) fn charge(&self, payment: &Payment) -> Value {
        json!({
            "id": payment.charge,
            "object": "charge",
            "amount": self.total,
            "amount_captured": self.total,
            "amount_refunded": payment.refunded,
            "captured": true,
            "created": payment.at,
            "currency": self.currency,
            "livemode": false,
            "metadata": self.payment_metadata,
            "paid": true,
            "payment_intent": payment.intent,
            "payment_method_details": { "type": "card", "card": { "last4": payment.last4 } },
            "refunded": payment.refunded == self.total,
            "status": "succeeded",
        })
    }
}

/// The time now, in Unix seconds.
pub(super) fn now() -> i64 {
    Timestamp::now().as_second()
}

/// One session by id.
pub(super) async fn read(State(card): State<Shared>, _: Shop, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    let books = lock(&card.books);
    let session = books.session(&id).ok_or_else(|| ApiError::no_such("session", "checkout.session", &id).at_path())?;
    Ok(Json(session.resource(now())))
}
