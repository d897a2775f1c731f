//! Refusals in the printer's shape: JSON:API errors.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

/// A refusal.
#[derive(Debug, Clone)]
pub(super) struct ApiError {
    status: StatusCode,
    title: &'static str,
    detail: String,
}

impl ApiError {
    pub(super) fn new(status: StatusCode, title: &'static str, detail: impl Into<String>) -> Self {
        Self { status, title, detail: detail.into() }
    }

    /// A member of the request that is wrong.
    pub(super) fn member(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "Unprocessable Entity", detail)
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", "The access token is missing, wrong or too old.")
    }

    pub(super) fn missing() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not Found", "There is no such resource.")
    }

    pub(super) fn from_status(status: StatusCode) -> Self {
        Self::new(status, status.canonical_reason().unwrap_or("Error"), "A fault that was asked for.")
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let code = self.status.as_u16().to_string();
        let body = json!({ "errors": [{ "code": code, "title": self.title, "detail": self.detail }] });
        json_api(self.status, &body)
    }
}

/// An answer in the API's media type.
pub(super) fn json_api(status: StatusCode, body: &serde_json::Value) -> Response {
    let mut response = (status, Json(body)).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/vnd.api+json"));
    response
}

/// Any path that is not there.
pub(super) async fn not_found() -> ApiError {
    ApiError::missing()
}
