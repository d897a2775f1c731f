//! `/hooks/{service}/…`: requests of providers and browsers, answered by the plugin.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Path, Request, State},
    http::{HeaderName, HeaderValue, StatusCode},
    response::{IntoResponse, Response},
    routing::any,
};
use iap_runtime::{CallGrant, HookRequest};

use crate::{
    app::App,
    calls::{Caller, Ledgered},
};

/// Largest body of a hook.
const MAX_BODY: usize = 1 << 20;
/// Longest that a hook may run.
const MAX_TIME: Duration = Duration::from_secs(10);

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
    let Some(release) = service.release.as_ref().filter(|release| release.manifest().hooks.contains(&path)) else {
        return not_found();
    };
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, MAX_BODY).await else {
        return (StatusCode::PAYLOAD_TOO_LARGE, "the body has more than 1 MiB\n").into_response();
    };
    let hook = HookRequest {
        method: parts.method.to_string(),
        path,
        url: format!("{}{}", app.public_url, parts.uri.path_and_query().map_or("/", |path| path.as_str())),
        headers: parts.headers.iter().map(|(name, value)| (name.to_string(), value.as_bytes().to_vec())).collect(),
        body: body.to_vec(),
        properties: Vec::new(),
    };
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
    let plugin = Arc::clone(&release.plugin);
    let task = tokio::spawn(async move {
        let backend = Arc::new(Ledgered::resuming(Arc::clone(&app), app.store.ids().call(), caller));
        let ended =
            plugin.on_request(hook, backend.clone(), CallGrant { time: MAX_TIME, ..CallGrant::default() }).await;
        // What the hook wants stored is stored before its sender hears that all is well.
        match (&ended.result, backend.flush().await) {
            (Ok(_), Err(error)) => {
                tracing::error!(error = %error, "What a hook wanted stored was not");
                Err(StatusCode::SERVICE_UNAVAILABLE)
            }
            (Ok(Ok(response)), Ok(())) => {
                app.bell.notify_one();
                Ok(response.clone())
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
        Ok(Ok(response)) => answer(response.status, response.headers, response.body),
        Ok(Err(status)) => (status, "the service could not take this request; try again later\n").into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn answer(status: u16, headers: Vec<(String, Vec<u8>)>, body: Vec<u8>) -> Response {
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
