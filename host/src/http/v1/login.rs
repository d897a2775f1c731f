//! `/v1/login`: tokens for programs, as RFC 8628 says.

use std::sync::Arc;

use axum::{
    extract::State,
    http::{HeaderMap, header},
};
use serde::{Deserialize, Serialize};

use super::{
    auth::Scope,
    body::Json,
    problem::{ACCESS_DENIED, AUTHORIZATION_PENDING, EXPIRED_TOKEN, Problem, SLOW_DOWN},
};
use crate::{
    app::App,
    clock::rfc3339,
    http::origin::Origin,
    vendors::device::{self, Pending},
};

/// A program that wants a token.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeviceRequest {
    /// What it calls itself; its user reads it.
    #[schema(example = "iap on ann's laptop")]
    pub client: String,
    /// What it wants to do.
    #[schema(example = json!(["read", "publish"]))]
    pub scopes: Vec<Scope>,
}

/// What a program shows its user, and how it goes on.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct DeviceLogin {
    /// To ask for the token with; nobody else may see it.
    pub device_code: String,
    /// What the user types.
    #[schema(example = "BCDF-GHJK")]
    pub user_code: String,
    /// Where.
    #[schema(example = "https://iap.example.com/login/device")]
    pub verification_uri: String,
    /// The same with the code in it.
    pub verification_uri_complete: String,
    /// Seconds until it is over.
    #[schema(example = 600)]
    pub expires_in: i64,
    /// Seconds between two questions for the token.
    #[schema(example = 5)]
    pub interval: i64,
}

/// Begin a login of a program: its user says yes in a browser.
#[utoipa::path(post, path = "/v1/login/device", tag = "public", operation_id = "begin_login", security(()),
    request_body = DeviceRequest, responses((status = 200, body = DeviceLogin)))]
pub async fn begin(
    State(app): State<Arc<App>>,
    Origin(origin): Origin,
    headers: HeaderMap,
    Json(body): Json<DeviceRequest>,
) -> Result<Json<DeviceLogin>, Problem> {
    let at_once = app.config.dev && is_local(&headers);
    let begun = device::begin(&app, &body.client, &body.scopes, &origin, at_once).await?;
    let verification_uri = format!("{}/login/device", app.public_url);
    Ok(Json(DeviceLogin {
        verification_uri_complete: format!("{verification_uri}?user_code={}", begun.user_code),
        verification_uri,
        device_code: begun.device_code,
        user_code: begun.user_code,
        expires_in: device::LIFETIME,
        interval: device::INTERVAL,
    }))
}

/// Whether the client means this machine: a page of somebody else, whose name was made to lead here, does not.
fn is_local(headers: &HeaderMap) -> bool {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let Ok(url) = url::Url::parse(&format!("http://{host}")) else { return false };
    match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// A program that asks for its token.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TokenRequest {
    /// What it was given.
    pub device_code: String,
}

/// A token for a program.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct DeviceToken {
    /// Its id, to revoke it by.
    #[schema(example = "1099511627777")]
    pub id: String,
    /// The token; only its hash is kept.
    #[schema(example = "iap_vn_…")]
    pub token: String,
    /// The vendor that it is of.
    #[schema(example = "acme")]
    pub vendor: String,
    /// The member that said yes.
    #[schema(example = "ann@acme.example")]
    pub email: String,
    /// What it may be used for: of what was asked, what fits the member's role.
    pub scopes: Vec<Scope>,
    /// Until when, RFC 3339.
    pub expires_at: String,
}

/// Ask for the token, every `interval` seconds until there is one.
///
/// Until then the problem's code is `authorization-pending`, or `slow-down` if it was asked too soon; `access-denied` and
/// `expired-token` end it.
#[utoipa::path(post, path = "/v1/login/token", tag = "public", operation_id = "take_login_token", security(()),
    request_body = TokenRequest, responses((status = 200, body = DeviceToken)))]
pub async fn token(State(app): State<Arc<App>>, Json(body): Json<TokenRequest>) -> Result<Json<DeviceToken>, Problem> {
    let granted = match device::ask(&app, &body.device_code).await? {
        Ok(granted) => granted,
        Err(pending) => return Err(of_pending(&pending)),
    };
    Ok(Json(DeviceToken {
        id: granted.issued.id.to_string(),
        token: granted.issued.token,
        vendor: granted.member.vendor,
        email: granted.member.email,
        scopes: granted.issued.scopes,
        expires_at: rfc3339(granted.issued.expires_at),
    }))
}

fn of_pending(pending: &Pending) -> Problem {
    let seconds = u32::try_from(device::INTERVAL).unwrap_or(u32::MAX);
    match pending {
        Pending::Waiting => {
            let detail = "nobody has said yes or no yet; open the address and type the code, then ask again";
            Problem::new(AUTHORIZATION_PENDING, detail).retry(seconds)
        }
        Pending::SlowDown => {
            let detail = "asked too soon; wait 5 seconds more between two questions from here on";
            Problem::new(SLOW_DOWN, detail).retry(seconds)
        }
        Pending::Denied => Problem::new(ACCESS_DENIED, "the login was refused; begin a new one if that was not meant"),
        Pending::Over => {
            Problem::new(EXPIRED_TOKEN, "the login is over: too late, or its token was taken; begin a new one")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_local() {
        let of = |host: &str| is_local(&HeaderMap::from_iter([(header::HOST, host.parse().unwrap())]));
        assert!(["localhost:8070", "127.0.0.1:8070", "[::1]:8070", "127.9.9.9"].into_iter().all(of));
        assert!(["", "evil.example", "localhost.evil.example", "192.168.1.2:8070"].into_iter().all(|host| !of(host)));
    }
}
