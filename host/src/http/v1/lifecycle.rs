//! `/v1/services/{service}/…`: how a service is doing, its plugin's logs, and its end.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use iap_core::{
    Credits, Time,
    identity::AccountToken,
    ids::AccountId,
    ledger::{Command, NewGrant},
};
use iap_store::{
    Post,
    repositories::{Accounts, NewAccount},
};
use serde::{Deserialize, Serialize};

use super::{
    auth::{Caller, Scope},
    body::{Json, Query, Segments, given},
    page::PageQuery,
    problem::{NOT_FOUND, Problem},
    releases::{Because, Release, owned},
    values,
};
use crate::{app::App, clock::rfc3339, publish::decide, secrets::random_hex};

/// How calls of a release ended in the last day.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct ReleaseStatus {
    /// The release.
    #[serde(flatten)]
    pub release: Release,
    /// Calls of the last day.
    pub calls: i64,
    /// Of them: those that the plugin failed.
    pub failures: i64,
}

/// How a service is doing.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct ServiceStatus {
    /// Wire name.
    pub service: String,
    /// Its vendor.
    pub vendor: String,
    /// `serving`, `suspended`, `discontinued`, `ended` or `not serving`.
    #[schema(value_type = String, example = "serving")]
    pub state: &'static str,
    /// Why the operator suspended it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suspended: Option<String>,
    /// When it ends, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ends_at: Option<String>,
    /// Version that serves those who did not choose another.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serving: Option<String>,
    /// Published releases, the newest first.
    pub releases: Vec<ReleaseStatus>,
}

/// How a service and its releases are doing.
#[utoipa::path(get, path = "/v1/services/{service}/status", tag = "vendor", operation_id = "get_service_status",
    params(("service" = String, Path, example = "vat_check")), responses((status = 200, body = ServiceStatus)))]
pub async fn status(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(service): Segments<String>,
) -> Result<Json<ServiceStatus>, Problem> {
    let row = owned(&app, &caller, &service, Scope::Read).await?;
    // What was counted here a moment ago is part of it.
    app.health.flush(&app.store).await?;
    let since = app.store.clock().now().plus_seconds(-24 * 3600);
    let mut releases = Vec::new();
    for release in app.store.releases().of_service(row.id).await? {
        let (calls, failures) = app.store.release_health().since(release.id, since).await?;
        releases.push(ReleaseStatus { release: Release::of(&service, release), calls, failures });
    }
    let usual = app.catalog.service(&service);
    let serves = usual.as_ref().filter(|usual| !usual.status.withdrawn).and_then(|usual| usual.release.as_ref());
    let state = match (&row.suspended, row.ended_at, row.discontinued_at) {
        (Some(_), ..) => "suspended",
        (None, Some(_), _) => "ended",
        (None, None, Some(_)) => "discontinued",
        (None, None, None) if serves.is_some() => "serving",
        (None, None, None) => "not serving",
    };
    Ok(Json(ServiceStatus {
        serving: serves.map(|release| release.manifest().service.version.to_string()),
        vendor: row.vendor,
        state,
        suspended: row.suspended,
        ends_at: row.ends_at.map(rfc3339),
        releases,
        service,
    }))
}

/// A line that a plugin logged.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct LogLine {
    /// When, RFC 3339.
    pub at: String,
    /// `debug`, `info`, `warn` or `error`.
    pub level: String,
    /// Version of the release that ran.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The call, job run or hook.
    pub call: String,
    /// What it said.
    pub message: String,
}

/// Lines that a plugin logged.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct LogLines {
    /// The oldest first.
    pub items: Vec<LogLine>,
    /// Send it as `after` for what comes later.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Which lines.
#[derive(Clone, Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct LogsQuery {
    /// `next` of the answer before; the newest lines if not given.
    #[serde(default, deserialize_with = "given")]
    pub after: Option<String>,
    /// Only these and graver ones: `debug`, `info`, `warn` or `error`.
    #[serde(default, deserialize_with = "given")]
    pub level: Option<String>,
    /// Most lines: 1 to 500, 50 by default.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<i64>, minimum = 1, maximum = 500)]
    pub limit: Option<String>,
}

/// What the plugin of a service logged in the last 7 days.
#[utoipa::path(get, path = "/v1/services/{service}/logs", tag = "vendor", operation_id = "get_logs",
    params(("service" = String, Path, example = "vat_check"), LogsQuery), responses((status = 200, body = LogLines)))]
pub async fn logs(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(service): Segments<String>,
    Query(query): Query<LogsQuery>,
) -> Result<Json<LogLines>, Problem> {
    const LEVELS: [&str; 4] = ["debug", "info", "warn", "error"];
    let row = owned(&app, &caller, &service, Scope::Read).await?;
    let limit = PageQuery { cursor: None, limit: query.limit }.limit()?;
    let least = match &query.level {
        None => 0,
        Some(level) => LEVELS
            .iter()
            .position(|known| known == level)
            .ok_or_else(|| Problem::invalid("level", format!("must be one of {}", LEVELS.join(", "))))?,
    };
    app.logs.flush(&app.store).await?;
    let rows = match &query.after {
        Some(text) => {
            let place = text.split_once('-').and_then(|(at, id)| Some((Time(at.parse().ok()?), id.parse().ok()?)));
            let place =
                place.ok_or_else(|| Problem::invalid("after", "must be `next` of an earlier answer, unchanged"))?;
            app.store.plugin_logs().after(row.id, place, limit).await?
        }
        None => app.store.plugin_logs().newest(row.id, limit).await?,
    };
    let next = rows.last().map(|row| format!("{}-{}", row.at.millis(), row.id)).or(query.after);
    let grave = |level: &str| LEVELS.iter().position(|known| *known == level).unwrap_or(LEVELS.len()) >= least;
    let items = rows.into_iter().filter(|row| grave(&row.level)).map(|row| LogLine {
        at: rfc3339(row.at),
        level: row.level,
        version: row.version,
        call: row.call,
        message: row.message,
    });
    Ok(Json(LogLines { items: items.collect(), next }))
}

/// Suspend a service: nothing is done and nothing is sold; credits stay.
#[utoipa::path(post, path = "/v1/services/{service}/suspend", tag = "operator", operation_id = "suspend_service",
    params(("service" = String, Path)), request_body = Because, responses((status = 204)))]
pub async fn suspend(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(service): Segments<String>,
    Json(body): Json<Because>,
) -> Result<StatusCode, Problem> {
    caller.operator()?;
    let row = owned(&app, &caller, &service, Scope::Read).await?;
    decide::suspend(&app, &row, Some(body.check()?), caller.author()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Let a suspended service go on.
#[utoipa::path(post, path = "/v1/services/{service}/resume", tag = "operator", operation_id = "resume_service",
    params(("service" = String, Path)), responses((status = 204)))]
pub async fn resume(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(service): Segments<String>,
) -> Result<StatusCode, Problem> {
    caller.operator()?;
    let row = owned(&app, &caller, &service, Scope::Read).await?;
    decide::suspend(&app, &row, None, caller.author()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// When a service ends.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// RFC 3339, in 30 days at the earliest.
    #[serde(deserialize_with = "values::time_if_given")]
    #[schema(value_type = String, example = "2030-01-31T00:00:00Z")]
    pub ends_at: Option<Time>,
}

/// Give a service up.
///
/// Nothing is sold from now on, and admins are told by mail. At its end it does nothing any more, and what was bought and
/// not used is refunded.
#[utoipa::path(post, path = "/v1/services/{service}/discontinue", tag = "vendor", operation_id = "discontinue_service",
    params(("service" = String, Path)), request_body = End, responses((status = 204)))]
pub async fn discontinue(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(service): Segments<String>,
    Json(body): Json<End>,
) -> Result<StatusCode, Problem> {
    let row = owned(&app, &caller, &service, Scope::Admin).await?;
    let ends_at = body.ends_at.ok_or_else(|| Problem::invalid("ends_at", "must be a time"))?;
    decide::discontinue(&app, &row, ends_at, caller.author()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Play credits for a vendor's own account.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TestCredits {
    /// Credits, at most 100000.
    #[serde(deserialize_with = "values::credits")]
    #[schema(value_type = String, example = "100")]
    pub credits: Credits,
}

/// A test account with its token.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct TestAccount {
    /// The account.
    #[schema(value_type = String, example = "acc_1x8")]
    pub id: AccountId,
    /// Its token, shown once.
    #[schema(example = "iap_ac_…")]
    pub account_token: String,
    /// Always true: its credits are play money, and what it spends earns nothing.
    pub test: bool,
    /// Credits that it has.
    #[schema(value_type = String, example = "100")]
    pub balance: Credits,
}

/// Open an account of the vendor's own to try its service on this host, with play credits.
#[utoipa::path(post, path = "/v1/services/{service}/test-accounts", tag = "vendor", operation_id = "open_test_account",
    params(("service" = String, Path)), request_body = TestCredits, responses((status = 201, body = TestAccount)))]
pub async fn test_account(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(service): Segments<String>,
    Json(body): Json<TestCredits>,
) -> Result<(StatusCode, Json<TestAccount>), Problem> {
    let row = owned(&app, &caller, &service, Scope::Publish).await?;
    if !body.credits.is_positive() || Credits::whole(100_000) < body.credits {
        return Err(Problem::invalid("credits", "must be above zero and at most 100000"));
    }
    let missing = || Problem::new(NOT_FOUND, format!("{service} has no release that serves yet"));
    let usual = app.catalog.service(&service).ok_or_else(missing)?;
    let account_token = format!("iap_ac_{}", random_hex::<24>());
    let token = AccountToken::parse(&account_token).map_err(Problem::host)?;
    let (id, hashes) = (app.store.ids().account(), app.keys.account_token(token.as_str()));
    let new = NewAccount {
        id,
        service: usual.id,
        database: None,
        token_mac: hashes.mac,
        token_sha1: hashes.sha1,
        companies: None,
        suspended: None,
        at: app.store.clock().now(),
    };
    let mut statements = app.store.accounts().open(new);
    statements.push(Accounts::mark_test(id));
    let detail = format!("{id}, with {} play credits", body.credits);
    let now = app.store.clock().now();
    statements.extend(app.store.catalog_events().record(row.id, None, "test_account", &detail, caller.author(), now));
    app.store.write(statements).await?;
    let grant = NewGrant::gift(app.store.ids().grant(), body.credits);
    let post = Post::new(id, Command::Grant(grant)).noted("Play credits of a test account");
    let posted = app.store.post(post).await.map_err(Problem::of_post)?;
    let answer = TestAccount { id, account_token, test: true, balance: posted.available };
    Ok((StatusCode::CREATED, Json(answer)))
}
