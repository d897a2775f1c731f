//! The printer's own JSON pages, for tests and the demo. They ask for no credentials.

use axum::{
    Json,
    body::Bytes,
    extract::{Path, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Shared, error::ApiError, faults::Faults, letter::Status, post};
use crate::sync::lock;

/// `GET /outbox`: the kept letters in the order they came, and how many came and were posted in all.
pub(super) async fn outbox(State(printer): State<Shared>) -> Json<Value> {
    let mut letters = printer.outbox.newest(usize::MAX);
    letters.reverse();
    let (total, posted) = printer.outbox.counts();
    let letters: Vec<Value> = letters.iter().map(|letter| letter.view()).collect();
    Json(json!({ "total": total, "posted": posted, "letters": letters }))
}

/// `DELETE /outbox`: forgets all letters.
pub(super) async fn forget(State(printer): State<Shared>) -> StatusCode {
    printer.outbox.clear();
    StatusCode::NO_CONTENT
}

/// `GET /outbox/{id}/file`: what was printed.
pub(super) async fn file(State(printer): State<Shared>, Path(id): Path<String>) -> Result<Response, ApiError> {
    let letter = printer.outbox.get(&id).ok_or_else(ApiError::missing)?;
    Ok(([(header::CONTENT_TYPE, "application/pdf")], letter.document).into_response())
}

/// `POST /outbox/{id}/advance`: a held letter goes one step on: accepted, printing, sent.
pub(super) async fn advance(State(printer): State<Shared>, Path(id): Path<String>) -> Result<Json<Value>, ApiError> {
    let letter = printer.outbox.get(&id).ok_or_else(ApiError::missing)?;
    let next = match letter.status {
        Status::Validating | Status::Valid => Status::Accepted,
        Status::Accepted => Status::Printing,
        _ => Status::Sent,
    };
    post::advance(&printer, &id, next, true).await;
    Ok(Json(printer.outbox.get(&id).ok_or_else(ApiError::missing)?.view()))
}

/// `GET /faults`.
pub(super) async fn faults(State(printer): State<Shared>) -> Json<Faults> {
    Json(printer.faults.get())
}

/// `POST /faults`: replaces the faults in force; a field left out is off, so `{}` clears them.
pub(super) async fn set_faults(
    State(printer): State<Shared>,
    body: Bytes,
) -> Result<Json<Faults>, (StatusCode, Json<Value>)> {
    let refuse = |message: String| (StatusCode::BAD_REQUEST, Json(json!({ "error": message })));
    let faults: Faults = serde_json::from_slice(&body).map_err(|error| refuse(error.to_string()))?;
    if let Some(status) = faults.status.filter(|status| !(400..=599).contains(status)) {
        return Err(refuse(format!("status {status} is no failure: give one from 400 to 599, or null")));
    }
    printer.faults.set(faults.clone());
    Ok(Json(faults))
}

/// `DELETE /tokens`: every access token is worthless from now on.
pub(super) async fn revoke(State(printer): State<Shared>) -> StatusCode {
    printer.tokens.revoke();
    StatusCode::NO_CONTENT
}

/// Where webhooks go.
#[derive(Deserialize)]
pub(super) struct Webhook {
    url: Option<String>,
}

/// `GET /webhook`: where webhooks go, and with which statuses they were answered.
pub(super) async fn webhook(State(printer): State<Shared>) -> Json<Value> {
    let (url, answers) = (lock(&printer.webhook).clone(), lock(&printer.answers).clone());
    Json(json!({ "url": url, "answers": answers }))
}

/// `PUT /webhook`.
pub(super) async fn set_webhook(State(printer): State<Shared>, Json(webhook): Json<Webhook>) -> StatusCode {
    *lock(&printer.webhook) = webhook.url;
    StatusCode::NO_CONTENT
}
