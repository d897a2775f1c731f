//! Access tokens: client credentials for a token, a token for everything else.

use std::{
    collections::HashMap,
    sync::Mutex,
    time::{Duration, Instant},
};

use axum::{
    body::Bytes,
    extract::{FromRequestParts, RawPathParams, State},
    http::{HeaderMap, StatusCode, header, request::Parts},
    response::{IntoResponse, Response},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use serde_json::json;
use subtle::ConstantTimeEq;

use super::{Shared, error::ApiError};
use crate::{form::Form, random, sync::lock};

/// Tokens that are good, with the end of their lives.
#[derive(Default)]
pub(super) struct Tokens(Mutex<HashMap<String, Instant>>);

impl Tokens {
    fn grant(&self, life: Duration) -> String {
        let token = random::id("token_");
        let mut tokens = lock(&self.0);
        tokens.retain(|_, until| Instant::now() < *until);
        tokens.insert(token.clone(), Instant::now() + life);
        token
    }

    fn is_good(&self, token: &str) -> bool {
        lock(&self.0).get(token).is_some_and(|until| Instant::now() < *until)
    }

    /// Makes every token worthless.
    pub(super) fn revoke(&self) {
        lock(&self.0).clear();
    }
}

/// `POST /auth/access-tokens`: client ID and secret, as basic authentication or in the form.
pub(super) async fn token(State(printer): State<Shared>, headers: HeaderMap, body: Bytes) -> Response {
    let form = Form::parse(&body);
    let refuse = |status, error: &str| (status, axum::Json(json!({ "error": error }))).into_response();
    if form.get("grant_type") != Some("client_credentials") {
        return refuse(StatusCode::BAD_REQUEST, "unsupported_grant_type");
    }
    let in_form = form.get("client_id").zip(form.get("client_secret")).map(|(id, secret)| format!("{id}:{secret}"));
    let given = basic(&headers).or(in_form).unwrap_or_default();
    let options = &printer.options;
    let expected = format!("{}:{}", options.client_id, options.client_secret);
    if !bool::from(given.as_bytes().ct_eq(expected.as_bytes())) {
        return refuse(StatusCode::UNAUTHORIZED, "invalid_client");
    }
    let seconds = options.token_life.as_secs();
    let token = printer.tokens.grant(options.token_life);
    axum::Json(json!({ "token_type": "Bearer", "expires_in": seconds, "access_token": token })).into_response()
}

fn basic(headers: &HeaderMap) -> Option<String> {
    let header = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = header.split_once(' ')?;
    let decoded = BASE64_STANDARD.decode(encoded.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    String::from_utf8(decoded).ok()
}

/// Proof that the caller has a token, and asks for its own organisation.
pub(super) struct Caller;

impl FromRequestParts<Shared> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, printer: &Shared) -> Result<Self, ApiError> {
        let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let token = header.and_then(|value| value.strip_prefix("Bearer ")).ok_or_else(ApiError::unauthorized)?;
        if !printer.tokens.is_good(token) {
            return Err(ApiError::unauthorized());
        }
        let params = RawPathParams::from_request_parts(parts, printer).await.map_err(|_| ApiError::missing())?;
        let foreign =
            params.iter().any(|(name, value)| name == "organisation" && value != printer.options.organisation);
        if foreign {
            Err(ApiError::new(StatusCode::FORBIDDEN, "Forbidden", "Not your organisation."))
        } else {
            Ok(Self)
        }
    }
}
