//! API keys: as bearer token, or as user name of basic authentication.

use axum::{
    extract::FromRequestParts,
    http::{header, request::Parts},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use subtle::ConstantTimeEq;

use super::{Shared, error::ApiError};

/// Proof that the caller holds the secret key.
pub(super) struct Shop;

impl FromRequestParts<Shared> for Shop {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, card: &Shared) -> Result<Self, ApiError> {
        let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let key = header.and_then(key).ok_or_else(|| {
            ApiError::unauthorized(
                "You did not provide an API key. You need to provide your API key in the Authorization header, \
                 using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
            )
        })?;
        if key.as_bytes().ct_eq(card.options.secret_key.as_bytes()).into() {
            return Ok(Self);
        }
        let start: String = key.chars().take(8).collect();
        Err(ApiError::unauthorized(format!("Invalid API Key provided: {start}****")))
    }
}

fn key(header: &str) -> Option<String> {
    let (scheme, value) = header.split_once(' ')?;
    let key = match scheme.to_ascii_lowercase().as_str() {
        "bearer" => value.trim().to_owned(),
        "basic" => {
            let decoded = String::from_utf8(BASE64_STANDARD.decode(value.trim()).ok()?).ok()?;
            decoded.split_once(':').map_or(decoded.clone(), |(user, _)| user.to_owned())
        }
        _ => return None,
    };
    Some(key).filter(|key| !key.is_empty())
}
