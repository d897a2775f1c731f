//! HTTP basic authentication, and the account in the path.

use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::{header, request::Parts},
};
use base64::{Engine, prelude::BASE64_STANDARD};
use subtle::{Choice, ConstantTimeEq};

use super::{CarrierOptions, Shared, error::ApiError};

/// Proof that the caller holds the account's credentials and asks for that account.
pub(super) struct Caller;

impl FromRequestParts<Shared> for Caller {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, carrier: &Shared) -> Result<Self, ApiError> {
        let header = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        if !header.is_some_and(|value| matches(value, &carrier.options)) {
            return Err(ApiError::authenticate());
        }
        let params = RawPathParams::from_request_parts(parts, carrier).await.map_err(|_| ApiError::authenticate())?;
        // Another account's path is answered as wrong credentials, so that SIDs cannot be guessed.
        let own = params.iter().any(|(name, value)| name == "account" && value == carrier.options.account_sid);
        if own { Ok(Self) } else { Err(ApiError::authenticate()) }
    }
}

fn matches(header: &str, options: &CarrierOptions) -> bool {
    let Some((scheme, encoded)) = header.split_once(' ') else { return false };
    if !scheme.eq_ignore_ascii_case("basic") {
        return false;
    }
    let Ok(decoded) = BASE64_STANDARD.decode(encoded.trim()) else { return false };
    let expected = format!("{}:{}", options.account_sid, options.auth_token);
    let equal: Choice = decoded.as_slice().ct_eq(expected.as_bytes());
    equal.into()
}
