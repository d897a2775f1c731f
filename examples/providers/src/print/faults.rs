//! Faults, switched on and off while the printer runs.

use std::{sync::Mutex, time::Duration};

use axum::{
    body::Body,
    extract::{ConnectInfo, Request, State},
    http::StatusCode,
    middleware::Next,
    response::{Html, IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

use super::{MAX_BODY, Shared, error::ApiError};
use crate::{line::Line, sync::lock};

/// What a request asks for, as faults name it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Step {
    /// An access token.
    Token,
    /// An address to upload to.
    Slot,
    /// A document is put there.
    Upload,
    /// A letter is made of it.
    Create,
    /// What became of a letter.
    Look,
    /// A letter is cancelled or sent.
    Change,
}

/// What goes wrong. All off by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Faults {
    /// Which steps; all of them if there is none.
    pub(super) on: Vec<Step>,
    /// How many requests; without end if absent.
    pub(super) times: Option<u32>,
    /// Answer with this HTTP status, 400 to 599, and do nothing.
    pub(super) status: Option<u16>,
    /// Wait so many milliseconds first, whatever happens then.
    pub(super) delay_ms: u64,
    /// Answer 200 with a page instead of JSON, and do nothing.
    pub(super) garbage: bool,
    /// Read the request, then drop the connection, and do nothing.
    pub(super) drop: bool,
    /// Do what is asked, then: `drop` the connection, `hang`, or answer `garbage`.
    pub(super) after: Option<After>,
    /// Letters that come in are accepted and then never posted: `issues`, `undeliverable`, or `silent` for no word at all.
    pub(super) fate: Option<Fate>,
    /// Letters that come in stay accepted until `POST /outbox/{id}/advance`.
    pub(super) hold: bool,
    /// Letters of so many pages are refused.
    pub(super) refuse_pages: Option<usize>,
    /// Letters of so many pages are taken, and answered with 502.
    pub(super) lose_pages: Option<usize>,
    /// Webhooks come so many milliseconds late.
    pub(super) webhook_delay_ms: u64,
    /// Webhooks come twice.
    pub(super) webhook_twice: bool,
    /// Webhooks are signed with another key.
    pub(super) webhook_forged: bool,
    /// No webhooks come.
    pub(super) no_webhook: bool,
}

/// What is done with the answer to a request that was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum After {
    Drop,
    Hang,
    Garbage,
}

/// What becomes of a letter instead of being posted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Fate {
    /// It has issues, and needs somebody who mends it.
    Issues,
    /// It comes back.
    Undeliverable,
    /// Nothing more is heard of it.
    Silent,
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

    /// The faults that hit this request; counts it.
    fn hit(&self, step: Step) -> Option<Faults> {
        let mut faults = lock(&self.0);
        if !faults.on.is_empty() && !faults.on.contains(&step) {
            return None;
        }
        match &mut faults.times {
            Some(0) => return None,
            Some(times) => *times -= 1,
            None => {}
        }
        Some(faults.clone())
    }
}

/// Middleware that lets the faults happen.
pub(super) async fn apply(
    State(printer): State<Shared>,
    ConnectInfo(line): ConnectInfo<Line>,
    request: Request,
    next: Next,
) -> Response {
    let Some(step) = step(&request) else { return next.run(request).await };
    let Some(faults) = printer.faults.hit(step) else { return next.run(request).await };
    if faults.delay_ms > 0 {
        let wait = tokio::time::sleep(Duration::from_millis(faults.delay_ms));
        if printer.closing.or(wait).await.is_none() {
            return dropped(&line);
        }
    }
    // The caller must have sent all it had before it meets the fault.
    let (parts, body) = request.into_parts();
    let Ok(body) = axum::body::to_bytes(body, MAX_BODY).await else {
        return ApiError::from_status(StatusCode::PAYLOAD_TOO_LARGE).into_response();
    };
    match faults.status.and_then(|status| StatusCode::from_u16(status).ok()) {
        _ if faults.drop => return dropped(&line),
        _ if faults.garbage => return garbage(),
        Some(status) => return ApiError::from_status(status).into_response(),
        None => {}
    }
    // Done even if the caller is gone before it is answered.
    let work = tokio::spawn(next.run(Request::from_parts(parts, Body::from(body))));
    let Ok(answer) = work.await else {
        return ApiError::from_status(StatusCode::INTERNAL_SERVER_ERROR).into_response();
    };
    match faults.after {
        Some(After::Drop) => dropped(&line),
        Some(After::Garbage) => garbage(),
        Some(After::Hang) => {
            printer.closing.or(tokio::time::sleep(printer.options.hang)).await;
            dropped(&line)
        }
        None => answer,
    }
}

fn step(request: &Request) -> Option<Step> {
    let (method, path) = (request.method().as_str(), request.uri().path());
    Some(match method {
        "POST" if path == "/auth/access-tokens" => Step::Token,
        "GET" if path == "/file-upload" => Step::Slot,
        "PUT" if path.starts_with("/uploads/") => Step::Upload,
        "POST" if path.ends_with("/deliveries/letters") => Step::Create,
        "GET" if path.contains("/deliveries/letters/") => Step::Look,
        "PATCH" => Step::Change,
        _ => return None,
    })
}

/// Cuts the connection. The response exists for the types only: no byte of it leaves.
pub(super) fn dropped(line: &Line) -> Response {
    line.cut();
    StatusCode::OK.into_response()
}

/// What a confused proxy in front of a printer answers.
fn garbage() -> Response {
    Html("<!DOCTYPE html><html><body><h1>Welcome to nginx!</h1>").into_response()
}
