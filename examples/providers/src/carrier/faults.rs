//! Faults that hit every call of the API, switched on and off while it runs.

use std::{sync::Mutex, time::Duration};

use axum::{
    extract::{ConnectInfo, Request, State},
    http::StatusCode,
    middleware::Next,
    response::{Html, IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

use super::{Shared, error::ApiError};
use crate::{line::Line, sync::lock};

/// What goes wrong with every API call. All off by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Faults {
    /// Answer with this HTTP status, 400 to 599, and accept nothing.
    pub(super) status: Option<u16>,
    /// Wait so many milliseconds first, whatever happens then.
    pub(super) delay_ms: u64,
    /// Answer 200 with a page instead of JSON, and accept nothing.
    pub(super) garbage: bool,
    /// Read the request, then drop the connection, and accept nothing.
    pub(super) drop: bool,
}

/// The faults in force.
#[derive(Default)]
pub(super) struct Switch(Mutex<Faults>);

impl Switch {
    pub(super) fn get(&self) -> Faults {
        lock(&self.0).clone()
    }

    pub(super) fn set(&self, faults: Faults) {
        *lock(&self.0) = faults;
    }
}

/// Middleware that lets the faults happen.
pub(super) async fn apply(
    State(carrier): State<Shared>,
    ConnectInfo(line): ConnectInfo<Line>,
    request: Request,
    next: Next,
) -> Response {
    let faults = carrier.faults.get();
    if faults.delay_ms > 0 {
        let wait = tokio::time::sleep(Duration::from_millis(faults.delay_ms));
        if carrier.closing.or(wait).await.is_none() {
            return dropped(&line);
        }
    }
    if !(faults.drop || faults.garbage || faults.status.is_some()) {
        return next.run(request).await;
    }
    // The caller must have sent all it had before it meets the fault.
    if axum::body::to_bytes(request.into_body(), super::create::MAX_BODY).await.is_err() {
        return ApiError::from_status(StatusCode::PAYLOAD_TOO_LARGE).into_response();
    }
    match faults.status.and_then(|status| StatusCode::from_u16(status).ok()) {
        _ if faults.drop => dropped(&line),
        _ if faults.garbage => garbage(),
        Some(status) => ApiError::from_status(status).into_response(),
        None => ApiError::internal().into_response(),
    }
}

/// Cuts the connection. The response exists for the types only: no byte of it leaves.
pub(super) fn dropped(line: &Line) -> Response {
    line.cut();
    // Not an error status: a dropped request is not one that was refused.
    StatusCode::OK.into_response()
}

/// What a confused proxy in front of a carrier answers.
pub(super) fn garbage() -> Response {
    Html("<!DOCTYPE html><html><body><h1>Welcome to nginx!</h1><p>{\"status\": \"queued\"</p>").into_response()
}
