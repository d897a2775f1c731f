//! `/hooks/{service}/…`: requests of providers and browsers, answered by the plugin.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::Body,
    extract::{Path, Request, State},
    http::{HeaderName, HeaderValue, StatusCode, request::Parts},
    response::{IntoResponse, Response},
    routing::any,
};
use iap_core::ids::ServiceId;
use iap_runtime::{CallGrant, HookRequest, HookResponse};
use iap_store::{
    StoreError,
    repositories::{HookAnswer, HookDeliveries},
};
use sha2::{Digest as _, Sha256};

use super::upload::{Upload, UploadError};
use crate::{
    app::App,
    calls::{Caller, Ledgered},
};

/// Largest body of a hook.
const MAX_BODY: usize = 1 << 20;
/// Longest that a hook may run.
const MAX_TIME: Duration = Duration::from_secs(10);

const TRY_LATER: &str = "the service could not take this request; try again later\n";

/// All hooks.
pub fn router() -> Router<Arc<App>> {
    Router::new().route("/hooks/{service}/{*path}", any(handler))
}

async fn handler(
    State(app): State<Arc<App>>,
    Path((name, path)): Path<(String, String)>,
    request: Request,
) -> Response {
    let Some(service) = app.catalog.service(&name) else { return not_found() };
    let Some(release) = service.release.as_ref() else { return not_found() };
    if service.status.is_held_up() {
        return (StatusCode::SERVICE_UNAVAILABLE, TRY_LATER).into_response();
    }
    let Some(hook) = release.manifest().hooks.iter().find(|hook| hook.path == path) else { return not_found() };
    let (parts, body) = request.into_parts();
    let Upload { bytes: body, room } = match app.bodies.read(body, MAX_BODY).await {
        Ok(upload) => upload,
        Err(UploadError::TooLarge(_)) => {
            return (StatusCode::PAYLOAD_TOO_LARGE, "the body has more than 1 MiB\n").into_response();
        }
        Err(error) => return (status_of(error), format!("{error}\n")).into_response(),
    };
    let once = hook.once.map(|once| (digest(service.id, &parts, &path, &body), once));
    if let Some((digest, _)) = &once {
        match app.store.hook_deliveries().get(digest).await {
            Ok(None) => {}
            Ok(Some(known)) => return again(known),
            Err(error) => {
                tracing::error!(error = %error, "Whether a delivery is a repeat could not be looked up");
                return (StatusCode::SERVICE_UNAVAILABLE, TRY_LATER).into_response();
            }
        }
    }
    let hook = HookRequest {
        method: parts.method.to_string(),
        path,
        url: format!("{}{}", app.public_url, parts.uri.path_and_query().map_or("/", |path| path.as_str())),
        headers: parts.headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect(),
        body: body.to_vec(),
        properties: Vec::new(),
    };
    drop((body, room));
    let caller = Caller {
        service: Arc::clone(&service),
        met: None,
        operation: None,
        door: "hook",
        company: None,
        max_credits: None,
        idempotency: None,
        callback_url: None,
        asks: None,
        free: false,
        properties: Vec::new(),
    };
    let plugin = match release.plugin(&app).await {
        Ok(plugin) => Arc::clone(plugin),
        Err(error) => {
            tracing::error!(service = service.name, %error, "A release cannot be loaded");
            return (StatusCode::SERVICE_UNAVAILABLE, TRY_LATER).into_response();
        }
    };
    let task = tokio::spawn(async move {
        let backend = Arc::new(Ledgered::resuming(Arc::clone(&app), app.store.ids().call(), caller));
        let ended =
            plugin.on_request(hook, backend.clone(), CallGrant { time: MAX_TIME, ..CallGrant::default() }).await;
        // What the hook wants stored is stored before its sender hears that all is well, with the answer that a repeat gets.
        let answered = ended.result.as_ref().ok().and_then(|result| result.as_ref().ok());
        let well = once.zip(answered).filter(|(_, response)| (200..300).contains(&response.status));
        let now = app.store.clock().now();
        let record = well.as_ref().map(|((digest, once), response)| {
            let until = now.plus_millis(i64::try_from(once.as_millis()).unwrap_or(i64::MAX));
            HookDeliveries::record(digest, backend.service(), &to_keep(response), now, until)
        });
        match (&ended.result, backend.flush(record.into_iter().collect()).await) {
            (Ok(_), Err(StoreError::Conflict(_))) if let Some(((digest, _), _)) = &well => {
                // The same came twice at once, and the other was first: it counts, and nothing of this one does.
                match app.store.hook_deliveries().get(digest).await {
                    Ok(Some(known)) => Ok(kept(known)),
                    _ => Err(StatusCode::SERVICE_UNAVAILABLE),
                }
            }
            (Ok(_), Err(error)) => {
                tracing::error!(error = %error, "What a hook wanted stored was not");
                Err(StatusCode::SERVICE_UNAVAILABLE)
            }
            (Ok(Ok(response)), Ok(())) => {
                app.bell.notify_one();
                Ok((response.status, response.headers.clone(), response.body.clone()))
            }
            (Ok(Err(_)), Ok(())) => Err(StatusCode::BAD_GATEWAY),
            (Err(fault), _) => {
                tracing::warn!(service = %backend.service_name(), fault = %fault, "A hook failed");
                Err(if fault.class().starts_with("busy") {
                    StatusCode::SERVICE_UNAVAILABLE
                } else {
                    StatusCode::BAD_GATEWAY
                })
            }
        }
    });
    match task.await {
        Ok(Ok((status, headers, body))) => answer(status, headers, body),
        Ok(Err(status)) => (status, TRY_LATER).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

type Headers = Vec<(String, Vec<u8>)>;

/// What tells a delivery from another: where it went, what it says and how it is signed. A header that signs, or says
/// when or which delivery was signed, has a name that says so (`X-Twilio-Signature`, `Stripe-Signature`,
/// `X-Hub-Signature-256`, `Webhook-Timestamp`, …).
fn digest(service: ServiceId, parts: &Parts, path: &str, body: &[u8]) -> String {
    let mut hash = Sha256::new();
    let mut add = |bytes: &[u8]| {
        hash.update(u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(bytes);
    };
    add(&service.0.to_be_bytes());
    add(parts.method.as_str().as_bytes());
    add(path.as_bytes());
    add(parts.uri.query().unwrap_or("").as_bytes());
    add(body);
    let signs = |name: &&HeaderName| {
        ["signature", "hmac", "timestamp", "webhook-id"].iter().any(|word| name.as_str().contains(word))
    };
    let mut names: Vec<&HeaderName> = parts.headers.keys().filter(signs).collect();
    names.sort_unstable_by_key(|name| name.as_str());
    for name in names {
        add(name.as_str().as_bytes());
        parts.headers.get_all(name).iter().for_each(|value| add(value.as_bytes()));
    }
    hex::encode(hash.finalize())
}

/// An answer as it is kept: headers are ASCII, or are not kept.
fn to_keep(response: &HookResponse) -> HookAnswer {
    let headers = response.headers.iter().filter_map(|(name, value)| Some((name, std::str::from_utf8(value).ok()?)));
    let headers: Vec<_> = headers.collect();
    HookAnswer {
        status: i64::from(response.status),
        headers: serde_json::to_string(&headers).unwrap_or_else(|_| "[]".to_owned()),
        body: response.body.clone(),
    }
}

fn kept(known: HookAnswer) -> (u16, Headers, Vec<u8>) {
    let headers: Vec<(String, String)> = serde_json::from_str(&known.headers).unwrap_or_default();
    let headers = headers.into_iter().map(|(name, value)| (name, value.into_bytes())).collect();
    (u16::try_from(known.status).unwrap_or(200), headers, known.body)
}

fn again(known: HookAnswer) -> Response {
    let (status, headers, body) = kept(known);
    answer(status, headers, body)
}

fn status_of(error: UploadError) -> StatusCode {
    match error {
        UploadError::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
        UploadError::TooSlow => StatusCode::REQUEST_TIMEOUT,
        UploadError::BrokeOff => StatusCode::BAD_REQUEST,
        UploadError::NoRoom => StatusCode::SERVICE_UNAVAILABLE,
    }
}

fn answer(status: u16, headers: Headers, body: Vec<u8>) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() =
        StatusCode::from_u16(status).ok().filter(|status| status.as_u16() >= 200).unwrap_or(StatusCode::BAD_GATEWAY);
    for (name, value) in headers {
        let named = name.parse::<HeaderName>().ok().zip(HeaderValue::from_bytes(&value).ok());
        if let Some((name, value)) = named.filter(|(name, _)| may_set(name)) {
            response.headers_mut().append(name, value);
        }
    }
    response
}

/// A hook's answer is on the host's own origin: it may describe its body and redirect, nothing else.
fn may_set(name: &HeaderName) -> bool {
    matches!(name.as_str(), "content-type" | "location" | "cache-control" | "retry-after")
}

fn not_found() -> Response {
    (StatusCode::NOT_FOUND, "no service has this hook\n").into_response()
}
