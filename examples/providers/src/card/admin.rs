//! The processor's own JSON pages, for tests and the demo. They ask for no credentials.

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
};
use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};
use url::Url;

use super::{
    Shared,
    faults::Faults,
    webhook::{self, Attempt},
};
use crate::sync::lock;

type Refused = (StatusCode, Json<Value>);

fn refuse(status: StatusCode, message: impl Into<String>) -> Refused {
    (status, Json(json!({ "error": message.into() })))
}

/// One event, with the body exactly as sent.
#[derive(serde::Serialize)]
struct View {
    id: String,
    r#type: &'static str,
    attempts: u32,
    deliveries: u32,
    last_status: Option<u16>,
    event: Option<Box<RawValue>>,
}

/// `GET /events`: all kept events, oldest first.
pub(super) async fn events(State(card): State<Shared>) -> Json<Value> {
    let views: Vec<View> = card
        .events
        .all()
        .into_iter()
        .map(|event| View {
            id: event.id,
            r#type: event.kind,
            attempts: event.attempts,
            deliveries: event.deliveries,
            last_status: event.last_status,
            event: RawValue::from_string(event.body).ok(),
        })
        .collect();
    Json(json!({ "events": views }))
}

/// `POST /events/{id}/resend`: sends the same event once more, now, whatever the faults say.
pub(super) async fn resend(State(card): State<Shared>, Path(id): Path<String>) -> Result<Json<Value>, Refused> {
    if card.events.get(&id).is_none() {
        return Err(refuse(StatusCode::NOT_FOUND, format!("no event {id}: GET /events lists them")));
    }
    match webhook::attempt(&card, &id).await {
        Attempt::Answered(status) => Ok(Json(json!({ "id": id, "status": status }))),
        Attempt::NoAnswer(error) => Err(refuse(StatusCode::BAD_GATEWAY, error)),
        Attempt::NoAddress => Err(refuse(StatusCode::CONFLICT, "there is no webhook: set one by PUT /webhook")),
    }
}

/// `GET /faults`.
pub(super) async fn faults(State(card): State<Shared>) -> Json<Faults> {
    Json(lock(&card.faults).clone())
}

/// `POST /faults`: replaces the faults in force; a field left out is off, so `{}` clears them.
pub(super) async fn set_faults(State(card): State<Shared>, body: Bytes) -> Result<Json<Faults>, Refused> {
    let faults: Faults =
        serde_json::from_slice(&body).map_err(|error| refuse(StatusCode::BAD_REQUEST, error.to_string()))?;
    *lock(&card.faults) = faults.clone();
    Ok(Json(faults))
}

/// `GET /webhook`.
pub(super) async fn webhook(State(card): State<Shared>) -> Json<Value> {
    Json(json!({ "url": lock(&card.webhook_url).as_ref().map(Url::as_str) }))
}

#[derive(Deserialize)]
struct Address {
    url: Option<String>,
}

/// `PUT /webhook`: where events go from now on; `{"url": null}` stops them.
pub(super) async fn set_webhook(State(card): State<Shared>, body: Bytes) -> Result<Json<Value>, Refused> {
    let address: Address =
        serde_json::from_slice(&body).map_err(|error| refuse(StatusCode::BAD_REQUEST, error.to_string()))?;
    let url = address
        .url
        .map(|text| Url::parse(&text).map_err(|error| refuse(StatusCode::BAD_REQUEST, format!("url: {error}"))))
        .transpose()?;
    *lock(&card.webhook_url) = url;
    Ok(webhook(State(card)).await)
}
