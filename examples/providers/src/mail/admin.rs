//! The mail server's own JSON pages, for tests and the demo. They ask for no credentials.

use axum::{
    Json,
    body::Bytes,
    extract::{Path, Query, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Shared, faults::Faults, inbox::Counters};

/// Which mails are meant: all, unless `to` is given.
#[derive(Deserialize)]
pub(super) struct Filter {
    to: Option<String>,
}

/// `GET /address`: where it takes mail, and with which credentials.
pub(super) async fn address(State(server): State<Shared>) -> Json<Value> {
    let options = &server.options;
    Json(json!({
        "smtp": server.smtp.to_string(),
        "url": format!("smtp://{}:{}@{}", options.user, options.password, server.smtp),
    }))
}

/// `GET /inbox?to=…`: the kept mails in the order they came, and how many came in all.
pub(super) async fn inbox(State(server): State<Shared>, Query(filter): Query<Filter>) -> Json<Value> {
    let mails: Vec<Value> = server.inbox.to(filter.to.as_deref()).iter().map(|mail| mail.view()).collect();
    Json(json!({ "total": server.inbox.counters().taken, "mails": mails }))
}

/// `GET /inbox/{id}/raw`: what came, byte for byte.
pub(super) async fn raw(State(server): State<Shared>, Path(id): Path<u64>) -> Response {
    match server.inbox.get(id) {
        Some(mail) => ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], mail.raw).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// `DELETE /inbox`: forgets all mails and sets all counters to zero.
pub(super) async fn forget(State(server): State<Shared>) -> StatusCode {
    server.inbox.clear();
    StatusCode::NO_CONTENT
}

/// `GET /counters`.
pub(super) async fn counters(State(server): State<Shared>) -> Json<Counters> {
    Json(server.inbox.counters())
}

/// `GET /faults`.
pub(super) async fn faults(State(server): State<Shared>) -> Json<Faults> {
    Json(server.faults.get())
}

/// `POST /faults`: replaces the faults in force; a field left out is off, so `{}` clears them.
pub(super) async fn set_faults(
    State(server): State<Shared>,
    body: Bytes,
) -> Result<Json<Faults>, (StatusCode, Json<Value>)> {
    let refuse = |message: String| (StatusCode::BAD_REQUEST, Json(json!({ "error": message })));
    let faults: Faults = serde_json::from_slice(&body).map_err(|error| refuse(error.to_string()))?;
    let codes = [faults.greeting, faults.auth, faults.recipient, faults.data];
    if let Some(code) = codes.into_iter().flatten().find(|code| !(400..=599).contains(code)) {
        return Err(refuse(format!("{code} is no failure: give one from 400 to 599, or null")));
    }
    server.faults.set(faults.clone());
    Ok(Json(faults))
}
