//! A register of VAT numbers that speaks the REST API of the European Union's VIES.
//!
//! It knows every number but those that end in 0, and answers the numbers of VIES's own test service as that does.

mod check;
mod front;

use std::{
    collections::VecDeque,
    future::Future,
    sync::{Arc, Mutex},
};

use axum::{
    Json, Router,
    extract::State,
    http::StatusCode,
    middleware,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Serialize;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{
    faults::{self, Gate},
    line::{self, Closing},
    sync::lock,
};

/// Where the API is, below the address that it listens on.
pub const BASE_PATH: &str = "/taxation_customs/vies/rest-api";

/// Checks that are kept.
const KEPT: usize = 1_000;

/// A check that was answered.
#[derive(Debug, Clone, Serialize)]
struct Check {
    country: String,
    number: String,
    /// `valid`, `invalid`, or the code of an error.
    answer: String,
    at: String,
}

#[derive(Default)]
struct Book {
    total: u64,
    latest: VecDeque<Check>,
}

/// Everything the handlers share.
#[derive(Clone)]
struct Register {
    book: Arc<Mutex<Book>>,
    gate: Gate,
}

impl Register {
    fn note(&self, check: Check) {
        let mut book = lock(&self.book);
        book.total += 1;
        if book.latest.len() == KEPT {
            book.latest.pop_front();
        }
        book.latest.push_back(check);
    }
}

/// Serves the register on `listener` until `shutdown` resolves.
///
/// # Errors
/// When the listener fails.
pub async fn serve(listener: TcpListener, shutdown: impl Future<Output = ()> + Send + 'static) -> anyhow::Result<()> {
    let (close, closing) = Closing::new();
    tracing::info!(address = %listener.local_addr()?, "The simulated register of VAT numbers listens");
    line::run(listener, router(closing), close, shutdown).await
}

fn router(closing: Closing) -> Router {
    let register = Register { book: Arc::default(), gate: Gate::new(closing, failed) };
    let gate = register.gate.clone();
    Router::new()
        .route(&format!("{BASE_PATH}/check-vat-number"), post(check::handler))
        .layer(middleware::from_fn_with_state(gate.clone(), faults::apply))
        .route("/", get(front::page))
        .route("/received", get(received).delete(forget))
        .with_state(register)
        .route("/faults", get(faults::show).post(faults::set))
        .with_state(gate)
        .fallback(async || failed(StatusCode::NOT_FOUND))
}

/// `GET /received`: checks that were answered, in the order they came.
async fn received(State(register): State<Register>) -> Json<Value> {
    let book = lock(&register.book);
    Json(json!({ "total": book.total, "checks": book.latest }))
}

/// `DELETE /received`.
async fn forget(State(register): State<Register>) -> StatusCode {
    *lock(&register.book) = Book::default();
    StatusCode::NO_CONTENT
}

/// How the register says that it could not do what it was asked.
fn failed(status: StatusCode) -> Response {
    let code = if status.is_server_error() { "SERVICE_UNAVAILABLE" } else { "VOW-ERR-1" };
    let message = status.canonical_reason().unwrap_or("Error");
    let body = json!({ "actionSucceed": false, "errorWrappers": [{ "error": code, "message": message }] });
    (status, Json(body)).into_response()
}
