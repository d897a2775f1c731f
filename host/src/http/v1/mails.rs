//! `/v1/mails`: the outbox, for the operator.

use std::sync::Arc;

use axum::extract::State;
use iap_core::ids::MailId;
use iap_store::{
    StoreError,
    repositories::{MailView, Mails},
};
use serde::{Deserialize, Serialize};

use super::{
    auth::Caller,
    body::{Json, Query, Segments, given},
    page::{self, Page, PageQuery},
    problem::{NOT_FOUND, Problem, WRONG_STATE},
};
use crate::{app::App, clock::rfc3339};

const STATES: [&str; 3] = ["waiting", "sent", "dead"];

/// A mail, without what it says: that may be a code.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct MailEntry {
    /// Its id.
    #[schema(value_type = String, example = "mail_1x8")]
    pub id: MailId,
    /// Its address.
    #[schema(example = "admin@example.com")]
    pub recipient: String,
    /// Its subject; of a mail with a code, only that it has one.
    #[schema(example = "sms 1.2.0 is approved")]
    pub subject: String,
    /// What it is about.
    #[schema(example = "release_approved")]
    pub kind: String,
    /// `waiting`, `sent` or `dead` (it was given up).
    #[schema(example = "dead")]
    pub state: String,
    /// How often it was tried.
    pub attempts: i64,
    /// It is not tried before this moment, RFC 3339.
    pub run_at: String,
    /// Why its last try failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
    /// When it was put into the outbox.
    pub created_at: String,
    /// When it was sent or given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
}

impl MailEntry {
    fn new(row: MailView) -> Self {
        let has_code = matches!(row.kind.as_str(), "confirm" | "sign_in" | "reauthenticate");
        Self {
            id: row.id,
            recipient: row.recipient,
            subject: if has_code { "(a code)".to_owned() } else { row.subject },
            kind: row.kind,
            state: row.state,
            attempts: row.attempts,
            run_at: rfc3339(row.run_at),
            last_error: row.last_error,
            created_at: rfc3339(row.created_at),
            ended_at: row.ended_at.map(rfc3339),
        }
    }
}

/// Which mails.
#[derive(Clone, Debug, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct MailsQuery {
    /// `waiting`, `sent` or `dead`; all if not given.
    #[serde(default, deserialize_with = "given")]
    pub state: Option<String>,
    /// `next_cursor` of the page before.
    #[serde(default, deserialize_with = "given")]
    pub cursor: Option<String>,
    /// Most items in the page: 1 to 500, 50 by default.
    #[serde(default, deserialize_with = "given")]
    #[param(value_type = Option<i64>, minimum = 1, maximum = 500)]
    pub limit: Option<String>,
}

/// Mails of the outbox, the newest first. They are kept for 30 days.
#[utoipa::path(get, path = "/v1/mails", tag = "operator", operation_id = "list_mails", params(MailsQuery),
    responses((status = 200, body = Page<MailEntry>)))]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<MailsQuery>,
) -> Result<Json<Page<MailEntry>>, Problem> {
    caller.operator()?;
    let state = page::state(query.state.as_ref(), &STATES)?;
    let asked = PageQuery { cursor: query.cursor.clone(), limit: query.limit.clone() };
    let (before, limit) = (asked.cursor()?.unwrap_or(MailId(i64::MAX)), asked.limit()?);
    let rows = app.store.mails().list(state, before, limit + 1).await?;
    let items = rows.into_iter().map(MailEntry::new).collect();
    Ok(Json(Page::of(items, limit, |mail: &MailEntry| mail.id.to_string())))
}

async fn find(app: &App, id: MailId) -> Result<MailView, Problem> {
    let missing = || Problem::new(NOT_FOUND, format!("there is no mail {id}; GET /v1/mails lists those that are kept"));
    app.store.mails().get(id).await?.ok_or_else(missing)
}

/// Have a mail tried again that was given up.
#[utoipa::path(post, path = "/v1/mails/{id}/retry", tag = "operator", operation_id = "retry_mail",
    params(("id" = String, Path, example = "mail_1x8")), responses((status = 200, body = MailEntry)))]
pub async fn retry(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(id): Segments<MailId>,
) -> Result<Json<MailEntry>, Problem> {
    caller.operator()?;
    match app.store.write(vec![Mails::retry(id, app.store.clock().now())]).await {
        Err(StoreError::Conflict(_)) => {
            let state = find(&app, id).await?.state;
            return Err(Problem::new(WRONG_STATE, format!("{id} is {state}: only a mail that is dead is tried again")));
        }
        done => drop(done?),
    }
    app.ring_for_mail();
    Ok(Json(MailEntry::new(find(&app, id).await?)))
}
