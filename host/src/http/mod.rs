//! The faces of the host: Odoo's JSON-RPC, REST, hooks of providers, pages for people.

pub mod hooks;
pub mod odoo;
pub mod ops;
pub mod origin;
pub mod portal;
pub mod upload;
pub mod v1;

use std::sync::Arc;

use axum::{
    Router,
    extract::{Request, State},
    http::Method,
    middleware::Next,
    response::Response,
};

use crate::app::App;

/// Everything that this host answers. A POST that nobody owns gets a JSON-RPC error, since Odoo reads
/// nothing else; other requests get a page.
pub fn router(app: Arc<App>) -> Router {
    Router::new()
        .merge(odoo::router())
        .merge(v1::router())
        .merge(hooks::router())
        .merge(portal::router())
        .merge(ops::router())
        .fallback(fallback)
        .with_state(app)
}

async fn fallback(state: State<Arc<App>>, request: Request) -> Response {
    if request.method() == Method::POST {
        return odoo::service_path(state, request).await;
    }
    portal::error_page(
        axum::http::StatusCode::NOT_FOUND,
        "Page not found",
        &format!("There is nothing at {}.", request.uri().path()),
        "Check the address, or start from the front page.",
    )
}

/// Collapses repeated slashes of a path before it is routed: Odoo up to 17 concatenates an endpoint that
/// ends in `/` with a path that begins with one. Never a redirect, which would turn the POST into a GET.
pub async fn collapse_slashes(mut request: Request, next: Next) -> Response {
    if request.uri().path().contains("//") {
        let mut path = String::with_capacity(request.uri().path().len());
        for c in request.uri().path().chars() {
            if !(c == '/' && path.ends_with('/')) {
                path.push(c);
            }
        }
        if let Some(query) = request.uri().query() {
            path = format!("{path}?{query}");
        }
        let mut parts = request.uri().clone().into_parts();
        if let Ok(collapsed) = path.parse() {
            parts.path_and_query = Some(collapsed);
            if let Ok(uri) = axum::http::Uri::from_parts(parts) {
                *request.uri_mut() = uri;
            }
        }
    }
    next.run(request).await
}
