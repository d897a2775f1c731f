//! Faults of a whole API, switched on and off while its simulator runs.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Json,
    body::{Body, Bytes, to_bytes},
    extract::{ConnectInfo, Request, State},
    http::{StatusCode, header},
    middleware::Next,
    response::{Html, IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::{
    line::{Closing, Line},
    sync::lock,
};

/// The largest body that is read or cut.
const MAX_BODY: usize = 1 << 20;

/// What goes wrong with every request of the API. All off by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Faults {
    /// How many requests; without end if absent.
    times: Option<u32>,
    /// Answer with this HTTP status, 400 to 599.
    status: Option<u16>,
    /// Wait so many milliseconds first, whatever happens then.
    delay_ms: u64,
    /// Answer 200 with a page of somebody else's.
    garbage: bool,
    /// Answer 200 with the first half of what is right.
    half: bool,
    /// Read the request, then drop the connection.
    drop: bool,
}

/// The faults in force, and how the API says that it has failed.
#[derive(Clone)]
pub(crate) struct Gate {
    faults: Arc<Mutex<Faults>>,
    closing: Closing,
    error: fn(StatusCode) -> Response,
}

impl Gate {
    /// Without faults.
    pub(crate) fn new(closing: Closing, error: fn(StatusCode) -> Response) -> Self {
        Self { faults: Arc::default(), closing, error }
    }

    /// Whether any fault is on.
    pub(crate) fn is_on(&self) -> bool {
        *lock(&self.faults) != Faults::default()
    }

    /// The faults that hit this request; counts it.
    fn hit(&self) -> Faults {
        let mut faults = lock(&self.faults);
        match &mut faults.times {
            Some(0) => return Faults::default(),
            Some(times) => *times -= 1,
            None => {}
        }
        faults.clone()
    }
}

/// Middleware that lets the faults happen.
pub(crate) async fn apply(
    State(gate): State<Gate>,
    ConnectInfo(line): ConnectInfo<Line>,
    request: Request,
    next: Next,
) -> Response {
    let faults = gate.hit();
    let wait = tokio::time::sleep(Duration::from_millis(faults.delay_ms));
    if gate.closing.or(wait).await.is_none() {
        return dropped(&line);
    }
    // The caller must have sent all it had before it meets the fault.
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY).await else { return (gate.error)(StatusCode::PAYLOAD_TOO_LARGE) };
    match faults.status.and_then(|status| StatusCode::from_u16(status).ok()) {
        _ if faults.drop => return dropped(&line),
        _ if faults.garbage => return Html("<!DOCTYPE html><html><body><h1>Welcome to nginx!</h1>").into_response(),
        Some(status) => return (gate.error)(status),
        None => {}
    }
    let answer = next.run(Request::from_parts(parts, Body::from(body))).await;
    if !faults.half {
        return answer;
    }
    let (mut parts, body) = answer.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY).await else { return dropped(&line) };
    parts.headers.remove(header::CONTENT_LENGTH);
    let half = body.len() / 2;
    Response::from_parts(parts, Body::from(body.slice(..half)))
}

/// Cuts the connection. The response exists for the types only: no byte of it leaves.
fn dropped(line: &Line) -> Response {
    line.cut();
    StatusCode::OK.into_response()
}

/// `GET /faults`.
pub(crate) async fn show(State(gate): State<Gate>) -> Json<Faults> {
    Json(lock(&gate.faults).clone())
}

/// `POST /faults`: replaces the faults in force; a field left out is off, so `{}` clears them.
pub(crate) async fn set(State(gate): State<Gate>, body: Bytes) -> Result<Json<Faults>, (StatusCode, Json<Value>)> {
    let refuse = |message: String| (StatusCode::BAD_REQUEST, Json(json!({ "error": message })));
    let faults: Faults = serde_json::from_slice(&body).map_err(|error| refuse(error.to_string()))?;
    if let Some(status) = faults.status.filter(|status| !(400..=599).contains(status)) {
        return Err(refuse(format!("status {status} is no failure: give one from 400 to 599, or null")));
    }
    *lock(&gate.faults) = faults.clone();
    Ok(Json(faults))
}
