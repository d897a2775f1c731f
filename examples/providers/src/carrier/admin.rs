//! The carrier's own JSON pages, for tests and the demo. They ask for no credentials.

use axum::{
    Json,
    body::Bytes,
    extract::{Query, State},
    http::StatusCode,
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    Shared,
    faults::Faults,
    inbox::{Count, KEPT},
    traffic::Counters,
};

/// Which messages are meant: all, unless `to` or `body` is given.
#[derive(Deserialize)]
pub(super) struct Filter {
    to: Option<String>,
    body: Option<String>,
}

/// `GET /received`: the kept messages in the order they came, and how many came in all.
pub(super) async fn received(State(carrier): State<Shared>, Query(filter): Query<Filter>) -> Json<Value> {
    let mut messages = carrier.inbox.newest(KEPT, |message| {
        filter.to.as_deref().is_none_or(|to| to == message.to)
            && filter.body.as_deref().is_none_or(|body| body == message.body)
    });
    messages.reverse();
    let total = carrier.inbox.count(filter.to.as_deref(), filter.body.as_deref()).count;
    let messages: Vec<Value> = messages.iter().map(|message| message.view()).collect();
    Json(json!({ "total": total, "messages": messages }))
}

/// `GET /received/count?to=…&body=…`.
pub(super) async fn count(State(carrier): State<Shared>, Query(filter): Query<Filter>) -> Json<Count> {
    Json(carrier.inbox.count(filter.to.as_deref(), filter.body.as_deref()))
}

/// `DELETE /received`: forgets all messages and sets all counters to zero.
pub(super) async fn forget(State(carrier): State<Shared>) -> StatusCode {
    carrier.inbox.clear();
    carrier.traffic.clear();
    StatusCode::NO_CONTENT
}

/// `GET /counters`.
pub(super) async fn counters(State(carrier): State<Shared>) -> Json<Counters> {
    Json(carrier.traffic.counters(carrier.inbox.count(None, None).count))
}

/// `GET /faults`.
pub(super) async fn faults(State(carrier): State<Shared>) -> Json<Faults> {
    Json(carrier.faults.get())
}

/// `POST /faults`: replaces the faults in force; a field left out is off, so `{}` clears them.
pub(super) async fn set_faults(
    State(carrier): State<Shared>,
    body: Bytes,
) -> Result<Json<Faults>, (StatusCode, Json<Value>)> {
    let refuse = |message: String| (StatusCode::BAD_REQUEST, Json(json!({ "error": message })));
    let faults: Faults = serde_json::from_slice(&body).map_err(|error| refuse(error.to_string()))?;
    if let Some(status) = faults.status.filter(|status| !(400..=599).contains(status)) {
        return Err(refuse(format!("status {status} is no failure: give one from 400 to 599, or null")));
    }
    carrier.faults.set(faults.clone());
    Ok(Json(faults))
}
