//! Refusals in Stripe's shape: `{"error": {"type", "code", "message", "param"}}`.

use axum::{
    Json,
    http::{Method, StatusCode, Uri},
    response::{IntoResponse, Response},
};
use serde_json::{Map, Value, json};

/// One refusal. Fields that do not apply are left out, as Stripe does.
#[derive(Debug)]
pub(super) struct ApiError {
    status: StatusCode,
    kind: &'static str,
    code: Option<&'static str>,
    message: String,
    param: Option<String>,
}

impl ApiError {
    fn new(status: StatusCode, kind: &'static str, message: impl Into<String>) -> Self {
        Self { status, kind, code: None, message: message.into(), param: None }
    }

    /// A request that cannot be done as it is: HTTP 400.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "invalid_request_error", message)
    }

    /// A parameter that is wrong, by Stripe's code.
    pub(super) fn param(param: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Self { code: Some(code), param: Some(param.into()), ..Self::invalid(message) }
    }

    /// A parameter that must be there.
    pub(super) fn required(param: &str) -> Self {
        Self::param(param, "parameter_missing", format!("Missing required param: {param}."))
    }

    /// Something named in a parameter that does not exist.
    pub(super) fn no_such(param: &str, kind: &str, id: &str) -> Self {
        Self::param(param, "resource_missing", format!("No such {kind}: '{id}'"))
    }

    /// Wrong or missing API key.
    pub(super) fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "invalid_request_error", message)
    }

    /// An idempotency key used again for something else.
    pub(super) fn idempotency(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "idempotency_error", message)
    }

    /// Without its code, for the few refusals Stripe gives none.
    pub(super) fn without_code(mut self) -> Self {
        self.code = None;
        self
    }

    /// The same refusal as HTTP 404, for resources named in the path.
    pub(super) fn at_path(mut self) -> Self {
        self.status = StatusCode::NOT_FOUND;
        self
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let mut error = Map::new();
        if let Some(code) = self.code {
            error.insert("code".into(), code.into());
            error.insert(
                "doc_url".into(),
                format!("https://stripe.com/docs/error-codes/{}", code.replace('_', "-")).into(),
            );
        }
        error.insert("message".into(), self.message.into());
        if let Some(param) = self.param {
            error.insert("param".into(), param.into());
        }
        error.insert("type".into(), self.kind.into());
        (self.status, Json(json!({ "error": Value::Object(error) }))).into_response()
    }
}

/// The answer at any path the API does not have.
pub(super) async fn not_found(method: Method, uri: Uri) -> ApiError {
    ApiError::invalid(format!("Unrecognized request URL ({method}: {}).", uri.path())).at_path()
}
