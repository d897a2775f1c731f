//! Letters looked at, sent and cancelled.

use axum::{
    extract::{Path, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde_json::json;

use super::{
    Shared,
    auth::Caller,
    error::{ApiError, json_api},
    letter::Status,
    post,
};

/// `GET …/letters/{id}`.
pub(super) async fn one(
    State(printer): State<Shared>,
    _: Caller,
    Path((organisation, id)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let letter = printer.outbox.get(&id).ok_or_else(ApiError::missing)?;
    Ok(json_api(StatusCode::OK, &json!({ "data": letter.resource(&organisation) })))
}

/// `PATCH …/letters/{id}/cancel`: as long as it is not being printed.
pub(super) async fn cancel(
    State(printer): State<Shared>,
    _: Caller,
    Path((_, id)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let mut is_late = false;
    let change = |letter: &mut super::letter::Letter| match letter.status {
        status if status.is_before_print() => letter.status = Status::Cancelled,
        _ => is_late = true,
    };
    printer.outbox.change(&id, change).ok_or_else(ApiError::missing)?;
    if is_late {
        return Err(ApiError::new(StatusCode::CONFLICT, "Conflict", "The letter cannot be cancelled any more."));
    }
    Ok(StatusCode::ACCEPTED.into_response())
}

/// `PATCH …/letters/{id}/send`: one that was made without `auto_send`.
pub(super) async fn send(
    State(printer): State<Shared>,
    _: Caller,
    Path((organisation, id)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let letter = printer.outbox.change(&id, |letter| letter.is_draft = false).ok_or_else(ApiError::missing)?;
    post::schedule(&printer, id);
    Ok(json_api(StatusCode::OK, &json!({ "data": letter.resource(&organisation) })))
}
