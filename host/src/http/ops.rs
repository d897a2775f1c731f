//! For the operator's machines: is it alive, is it ready, how is it doing.

use std::{fmt::Write as _, sync::Arc};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};

use crate::{app::App, audit, mail};

/// `/healthz`, `/readyz`, `/metrics`.
pub fn router() -> Router<Arc<App>> {
    Router::new().route("/healthz", get(|| async { "ok" })).route("/readyz", get(ready)).route("/metrics", get(metrics))
}

async fn ready(State(app): State<Arc<App>>) -> Response {
    // An empty write goes through the writer: it tells whether the ledger can be posted to.
    match app.store.write(Vec::new()).await {
        Ok(_) => "ready".into_response(),
        Err(error) => (StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {error}")).into_response(),
    }
}

async fn metrics(State(app): State<Arc<App>>) -> Response {
    let mut text = String::new();
    let mut gauge = |name: &str, help: &str, value: i64| {
        // Writing to a String cannot fail.
        _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge\n{name} {value}");
    };
    if let Ok(jobs) = app.store.job_views().counts().await {
        let now = app.store.clock().now().millis();
        let late = jobs.oldest.map_or(0, |oldest| now.saturating_sub(oldest.millis()).max(0) / 1000);
        gauge("jobs_pending", "Jobs and callbacks that wait or run.", jobs.waiting.saturating_add(jobs.running));
        gauge("jobs_waiting", "Jobs and callbacks that wait, also those that are not due.", jobs.waiting);
        gauge("jobs_running", "Jobs and callbacks that run, on any host.", jobs.running);
        gauge("jobs_dead", "Jobs and callbacks that failed for good and wait for the operator.", jobs.dead);
        gauge("jobs_oldest_due_seconds", "For how long the job waits that is due longest.", late);
    }
    if let Ok(mails) = app.store.mails().counts().await {
        let now = app.store.clock().now().millis();
        let oldest = mails.oldest.map_or(0, |oldest| now.saturating_sub(oldest.millis()).max(0) / 1000);
        gauge("mails_waiting", "Mails that wait, also those that are tried again later.", mails.waiting);
        gauge("mails_dead", "Mails that were given up and wait for the operator.", mails.dead);
        gauge("mails_oldest_seconds", "For how long the oldest mail waits.", oldest);
    }
    let (sent, failed) = mail::totals();
    for (name, help, value) in [
        ("mails_sent_total", "Mails that this host sent since its start.", sent),
        ("mails_failed_total", "Tries of this host to send a mail that failed since its start.", failed),
    ] {
        _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} counter\n{name} {value}");
    }
    _ = writeln!(
        text,
        "# HELP services Services of the catalog.\n# TYPE services gauge\nservices {}",
        app.catalog.services().len()
    );
    _ = writeln!(
        text,
        "# HELP ledger_invariant_violations_total What the self-check of the ledger found since the start.\n# TYPE ledger_invariant_violations_total counter\nledger_invariant_violations_total {}",
        audit::violations()
    );
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response()
}
