//! `/v1/jobs`: work after answers, for the operator; what failed for good is tried again or thrown away.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode};
use iap_core::ids::{AccountId, CallId, JobId};
use iap_store::{
    Statement, StoreError,
    repositories::{JobView, JobViews},
};
use serde::{Deserialize, Serialize};

use super::{
    auth::Caller,
    body::{Json, Query, Segments, given},
    page::{self, Page, PageQuery},
    problem::{NOT_FOUND, Problem, WRONG_STATE},
};
use crate::{app::App, clock::rfc3339};

const STATES: [&str; 4] = ["waiting", "running", "done", "dead"];

/// A job of a plugin, or a callback to a database.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct JobEntry {
    /// Its id.
    #[schema(value_type = String, example = "job_1x8")]
    pub id: JobId,
    /// `plugin` or `callback`.
    #[schema(example = "plugin")]
    pub kind: String,
    /// Whose plugin it is of.
    #[schema(example = "sms")]
    pub service: String,
    /// For whom; absent if a hook enqueued it for nobody.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "acc_1x8")]
    pub account: Option<AccountId>,
    /// The call that it comes from.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "call_1x8")]
    pub call: Option<CallId>,
    /// Name of the plugin's job, or URL of the callback.
    #[schema(example = "send")]
    pub name: String,
    /// `waiting`, `running`, `done` or `dead` (it failed for good).
    #[schema(example = "dead")]
    pub state: String,
    /// How often it was run.
    pub attempts: i64,
    /// It does not run before this moment, RFC 3339.
    pub run_at: String,
    /// Why its last run did not end well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// When it was enqueued.
    pub created_at: String,
    /// When it was done or failed for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
    /// Bytes of its payload; what they say is for its plugin alone.
    pub payload_bytes: i64,
}

impl JobEntry {
    fn new(app: &App, row: JobView) -> Self {
        let service = app.catalog.by_id(row.service);
        Self {
            id: row.id,
            kind: row.kind,
            service: service.map_or_else(|| row.service.to_string(), |service| service.name.clone()),
            account: row.account,
            call: row.call,
            name: row.name,
            state: row.state,
            attempts: row.attempts,
            run_at: rfc3339(row.run_at),
            last_error: row.last_error,
            created_at: rfc3339(row.created_at),
            ended_at: row.ended_at.map(rfc3339),
            payload_bytes: row.payload_bytes,
        }
    }
}

/// Which jobs.
#[derive(Clone, Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct JobsQuery {
    /// `waiting`, `running`, `done` or `dead`; all if not given.
    #[serde(default, deserialize_with = "given")]
    pub state: Option<String>,
    /// Wire name of a service; all if not given.
    #[serde(default, deserialize_with = "given")]
    pub service: Option<String>,
    /// `next_cursor` of the page before.
    #[serde(default, deserialize_with = "given")]
    pub cursor: Option<String>,
    /// Most items in the page: 1 to 500, 50 by default.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<i64>, minimum = 1, maximum = 500)]
    pub limit: Option<String>,
}

/// Jobs and callbacks, the newest first.
#[utoipa::path(get, path = "/v1/jobs", tag = "operator", operation_id = "list_jobs", params(JobsQuery),
    responses((status = 200, body = Page<JobEntry>)))]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<JobsQuery>,
) -> Result<Json<Page<JobEntry>>, Problem> {
    caller.operator()?;
    let state = page::state(query.state.as_ref(), &STATES)?;
    let service = match &query.service {
        None => None,
        Some(name) => {
            let service = app.catalog.service(name);
            Some(service.ok_or_else(|| Problem::invalid("service", format!("there is no service {name:?}")))?.id)
        }
    };
    let asked = PageQuery { cursor: query.cursor.clone(), limit: query.limit.clone() };
    let (before, limit) = (asked.cursor()?.unwrap_or(JobId(i64::MAX)), asked.limit()?);
    let rows = app.store.job_views().list(state, service, before, limit + 1).await?;
    let items = rows.into_iter().map(|row| JobEntry::new(&app, row)).collect();
    Ok(Json(Page::of(items, limit, |job: &JobEntry| job.id.to_string())))
}

async fn find(app: &App, id: JobId) -> Result<JobView, Problem> {
    let missing = || Problem::new(NOT_FOUND, format!("there is no job {id}; GET /v1/jobs lists those that are kept"));
    app.store.job_views().get(id).await?.ok_or_else(missing)
}

/// A job or callback.
#[utoipa::path(get, path = "/v1/jobs/{id}", tag = "operator", operation_id = "get_job",
    params(("id" = String, Path, example = "job_1x8")), responses((status = 200, body = JobEntry)))]
pub async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<JobId>,
) -> Result<Json<JobEntry>, Problem> {
    caller.operator()?;
    Ok(Json(JobEntry::new(&app, find(&app, id).await?)))
}

/// Does something to a job that failed for good; refuses any other.
async fn with_dead(app: &App, id: JobId, statement: Statement) -> Result<(), Problem> {
    match app.store.write(vec![statement]).await {
        Ok(_) => Ok(()),
        Err(StoreError::Conflict(conflict)) if conflict.constraint.is_empty() => {
            let state = find(app, id).await?.state;
            Err(Problem::new(WRONG_STATE, format!("{id} is {state}: only a job that is dead is retried or discarded")))
        }
        Err(StoreError::Conflict(_)) => Err(Problem::new(
            WRONG_STATE,
            format!("another job does the same work as {id}: wait until that has ended, or discard this one"),
        )),
        Err(error) => Err(error.into()),
    }
}

/// Have a dead job tried again.
///
/// It runs as if it were new. What its call had set aside went back when it failed; its plugin finds that out.
#[utoipa::path(post, path = "/v1/jobs/{id}/retry", tag = "operator", operation_id = "retry_job",
    params(("id" = String, Path, example = "job_1x8")), responses((status = 200, body = JobEntry)))]
pub async fn retry(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<JobId>,
) -> Result<Json<JobEntry>, Problem> {
    caller.operator()?;
    with_dead(&app, id, JobViews::retry(id, app.store.clock().now())).await?;
    app.bell.notify_one();
    Ok(Json(JobEntry::new(&app, find(&app, id).await?)))
}

/// Throw a dead job away.
#[utoipa::path(post, path = "/v1/jobs/{id}/discard", tag = "operator", operation_id = "discard_job",
    params(("id" = String, Path, example = "job_1x8")), responses((status = 204, description = "It is gone")))]
pub async fn discard(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<JobId>,
) -> Result<StatusCode, Problem> {
    caller.operator()?;
    with_dead(&app, id, JobViews::discard(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
