//! `/try`: a page to call a service with play credits, while it is developed. Only `iap plugin run` serves it.

mod page;

use std::sync::Arc;

use anyhow::{Context as _, ensure};
use axum::{
    Router,
    body::{Body, Bytes},
    extract::{Path, State},
    http::{Method, Request, StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use iap_core::release::ReleaseFiles;
use iap_store::repositories::PluginLogRow;
use serde_json::{Value, json};
use tokio::time::Instant;
use tower::ServiceExt as _;

use crate::{app::App, catalog::Service, http, secrets::random_hex};

/// dbuuid of the database that tries.
pub const DATABASE: &str = "7e57da7a-0000-4000-8000-000000000001";
/// Lines of the log on the page.
const MOST_LINES: i64 = 40;
/// Largest answer that is read, in bytes.
const MAX_ANSWER: usize = 64 << 20;
/// Largest form, in bytes.
const MAX_FORM: usize = 48 << 20;

/// An account of an on-premise database with play credits, and the page that spends them.
pub struct Tryout {
    app: Arc<App>,
    routes: Router,
    service: String,
    /// Of the release, for examples of inputs.
    files: ReleaseFiles,
    operator_token: String,
    /// Its account.
    pub account: String,
    /// Token of the account.
    pub token: String,
    /// Settings that the plugin declares as needed and nobody gave.
    missing: Vec<String>,
    /// In every form, so that no other site can send one.
    form_key: String,
}

/// What came of a call or quote.
struct Outcome {
    operation: String,
    input: String,
    status: StatusCode,
    body: Value,
    millis: u128,
    was_quote: bool,
}

impl Tryout {
    /// Declares the database, opens an account for the service and gives it credits.
    ///
    /// # Errors
    ///
    /// The host refuses one of these.
    pub async fn open(
        app: Arc<App>,
        files: ReleaseFiles,
        service: &str,
        credits: &str,
        missing: Vec<String>,
    ) -> anyhow::Result<Arc<Self>> {
        let operator_token = app.config.operator_token.clone().context("a host for trying has an operator")?;
        let mut tryout = Self {
            routes: http::router(Arc::clone(&app)),
            app,
            service: service.to_owned(),
            files,
            operator_token,
            account: String::new(),
            token: String::new(),
            missing,
            form_key: random_hex::<16>(),
        };
        let database = format!("/v1/databases/{DATABASE}");
        tryout.done(Method::PUT, &database, &json!({ "hosting": "on_premise" })).await?;
        let wanted = json!({ "service": service, "database": DATABASE });
        let opened = tryout.done(Method::POST, "/v1/accounts", &wanted).await?;
        tryout.account = opened["id"].as_str().context("an account has an id")?.to_owned();
        tryout.token = opened["account_token"].as_str().context("an account has a token")?.to_owned();
        let account = format!("/v1/accounts/{}", tryout.account);
        tryout.done(Method::PATCH, &account, &json!({ "enabled": true })).await?;
        let grant = json!({ "credits": credits, "reason": "for trying" });
        tryout.done(Method::POST, &format!("{account}/grants"), &grant).await?;
        Ok(Arc::new(tryout))
    }

    /// The page and its forms.
    pub fn router(self: &Arc<Self>) -> Router {
        Router::new()
            .route("/try", get(show))
            .route("/try/{operation}", post(call))
            .layer(axum::extract::DefaultBodyLimit::max(MAX_FORM))
            .with_state(Arc::clone(self))
    }

    /// A request to this host's own API, without a network.
    async fn ask(&self, method: Method, path: &str, token: &str, body: String) -> anyhow::Result<(StatusCode, Value)> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {token}"))
            .header(header::CONTENT_TYPE, "application/json")
            .body(Body::from(body))?;
        let Ok(response) = self.routes.clone().oneshot(request).await;
        let status = response.status();
        let bytes = axum::body::to_bytes(response.into_body(), MAX_ANSWER).await?;
        Ok((status, serde_json::from_slice(&bytes).unwrap_or(Value::Null)))
    }

    async fn done(&self, method: Method, path: &str, body: &Value) -> anyhow::Result<Value> {
        let (status, answer) = self.ask(method, path, &self.operator_token, body.to_string()).await?;
        ensure!(status.is_success(), "{}", answer["detail"].as_str().unwrap_or("the host refuses"));
        Ok(answer)
    }

    async fn run(&self, operation: String, input: String, was_quote: bool) -> anyhow::Result<Outcome> {
        let began = Instant::now();
        // Checked first, so that no text can bring further members into the request.
        let (status, body) = match serde_json::from_str::<Value>(&input) {
            Err(error) => (
                StatusCode::BAD_REQUEST,
                json!({ "code": "bad-request", "detail": format!("This is not JSON: {error}.") }),
            ),
            Ok(_) => {
                let kind = if was_quote { "quotes" } else { "calls" };
                let path = format!("/v1/accounts/{}/{kind}/{operation}", self.account);
                self.ask(Method::POST, &path, &self.token, format!("{{\"input\":{input}}}")).await?
            }
        };
        Ok(Outcome { operation, input, status, body, millis: began.elapsed().as_millis(), was_quote })
    }

    /// What the page shows beside the forms.
    async fn view(&self) -> anyhow::Result<View> {
        let service = self.app.catalog.service(&self.service).context("the service is gone")?;
        self.app.logs.flush(&self.app.store).await?;
        let account = self.done(Method::GET, &format!("/v1/accounts/{}", self.account), &Value::Null).await?;
        let jobs = self.done(Method::GET, &format!("/v1/jobs?limit=10&service={}", self.service), &Value::Null).await?;
        let log = self.app.store.plugin_logs().newest(service.id, MOST_LINES).await?;
        Ok(View { service, account, jobs, log })
    }

    async fn page(&self, outcome: Option<&Outcome>) -> Response {
        match self.view().await {
            Ok(view) => page::page(self, &view, outcome).into_response(),
            Err(error) => http::portal::error_page(
                StatusCode::INTERNAL_SERVER_ERROR,
                "The page cannot be shown",
                &format!("{error:#}"),
                "Stop `iap plugin run` and start it again.",
            ),
        }
    }
}

struct View {
    service: Arc<Service>,
    account: Value,
    jobs: Value,
    log: Vec<PluginLogRow>,
}

/// `GET /try`
async fn show(State(tryout): State<Arc<Tryout>>) -> Response {
    tryout.page(None).await
}

/// `POST /try/{operation}`
async fn call(State(tryout): State<Arc<Tryout>>, Path(operation): Path<String>, body: Bytes) -> Response {
    let fields: Vec<(String, String)> = url::form_urlencoded::parse(&body).into_owned().collect();
    let field =
        |name: &str| fields.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str()).unwrap_or_default();
    if field("key") != tryout.form_key {
        return http::portal::error_page(
            StatusCode::FORBIDDEN,
            "This form is too old",
            "It does not come from the page that is served now.",
            "Open /try again and send it from there.",
        );
    }
    match tryout.run(operation, field("input").to_owned(), field("what") == "quote").await {
        Ok(outcome) => tryout.page(Some(&outcome)).await,
        Err(error) => http::portal::error_page(
            StatusCode::INTERNAL_SERVER_ERROR,
            "The call could not be made",
            &format!("{error:#}"),
            "Go back and try again.",
        ),
    }
}
