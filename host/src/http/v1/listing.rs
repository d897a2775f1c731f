//! `/v1/services/{service}/…`: what of a service changes without a release, and its history.

use std::{collections::BTreeMap, sync::Arc};

use axum::{
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

use super::{
    auth::{Caller, Scope},
    body::{Json, Segments},
    problem::{NOT_FOUND, Problem},
    releases::owned,
    values,
};
use crate::{
    app::App,
    catalog::{PackText, Texts},
    clock::rfc3339,
    publish::edit::{self, Icon},
};

/// Events of a service that are shown.
const MOST_EVENTS: i64 = 200;

/// Packs to sell from now on.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PacksRequest {
    /// All of them.
    pub packs: Vec<PackText>,
}

/// Change what can be bought. No pack may become dearer per credit: that is for a new major version.
#[utoipa::path(put, path = "/v1/services/{service}/packs", tag = "vendor", operation_id = "put_packs",
    params(("service" = String, Path)), request_body = PacksRequest, responses((status = 204)))]
pub async fn packs(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(service): Segments<String>,
    Json(body): Json<PacksRequest>,
) -> Result<StatusCode, Problem> {
    let row = owned(&app, &caller, &service, Scope::Publish).await?;
    for (index, pack) in body.packs.iter().enumerate() {
        let at = format!("packs[{index}].name");
        values::shown(&pack.name, 100).map_err(|message| Problem::invalid(&at, message))?;
        if body.packs[..index].iter().any(|other| other.name == pack.name) {
            return Err(Problem::invalid(&at, format_args!("{:?} is the name of two packs", pack.name)));
        }
    }
    edit::packs(&app, &row, body.packs, caller.author()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Change the texts of the catalog; what is left out is as the release says.
#[utoipa::path(put, path = "/v1/services/{service}/texts", tag = "vendor", operation_id = "put_texts",
    params(("service" = String, Path)), request_body = Texts, responses((status = 204)))]
pub async fn texts(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(service): Segments<String>,
    Json(body): Json<Texts>,
) -> Result<StatusCode, Problem> {
    let row = owned(&app, &caller, &service, Scope::Publish).await?;
    for (field, text, longest) in
        [("title", &body.title, 100), ("summary", &body.summary, 300), ("category", &body.category, 60)]
    {
        if let Some(text) = text {
            values::shown(text, longest).map_err(|message| Problem::invalid(field, message))?;
        }
    }
    edit::texts(&app, &row, &body, caller.author()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Change the icon.
#[utoipa::path(put, path = "/v1/services/{service}/icon", tag = "vendor", operation_id = "put_icon",
    params(("service" = String, Path)), request_body = Icon, responses((status = 204)))]
pub async fn put_icon(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(service): Segments<String>,
    Json(body): Json<Icon>,
) -> Result<StatusCode, Problem> {
    let row = owned(&app, &caller, &service, Scope::Publish).await?;
    edit::icon(&app, &row, &body, caller.author()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The icon of a service.
#[utoipa::path(get, path = "/v1/services/{service}/icon", tag = "public", operation_id = "get_icon", security(()),
    params(("service" = String, Path)), responses((status = 200, content_type = "image/png")))]
pub async fn icon(State(app): State<Arc<App>>, Segments(service): Segments<String>) -> Result<Response, Problem> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let missing = || Problem::new(NOT_FOUND, format!("{service:?} has no icon"));
    let row = app.store.services().by_name(&service).await?.ok_or_else(missing)?;
    let value = app.store.revisions().last(row.id, "icon").await?.ok_or_else(missing)?.value;
    let icon: Icon = serde_json::from_str(&value).map_err(Problem::host)?;
    let bytes = STANDARD.decode(&icon.base64).map_err(Problem::host)?;
    // It was checked to be one of these when it came.
    let kind = if icon.kind == "image/webp" { "image/webp" } else { "image/png" };
    let headers = [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "public, max-age=300"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    Ok((headers, bytes).into_response())
}

/// Price tables to charge by.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PricesRequest {
    /// Text of each table that changes, by its file in the release.
    #[schema(example = json!({"prices/sms.csv": "key,credits\nBE,0.05\n"}))]
    pub tables: BTreeMap<String, String>,
    /// Prices may rise: customers who used them in the last 90 days are told by mail, and it counts in 14 days.
    #[serde(default)]
    pub notice: bool,
}

/// What becomes of changed prices.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct PricesAnswer {
    /// From when on they count, RFC 3339.
    pub effective_at: String,
    /// What changes.
    pub changes: Vec<String>,
    /// Mails to customers.
    pub told: usize,
}

/// Change price tables without a release.
///
/// They may fall at any time. They rise with notice only, and credits that were bought before keep the old prices until
/// they are spent, or for 90 days.
#[utoipa::path(put, path = "/v1/services/{service}/prices", tag = "vendor", operation_id = "put_prices",
    params(("service" = String, Path)), request_body = PricesRequest, responses((status = 200, body = PricesAnswer)))]
pub async fn prices(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(service): Segments<String>,
    Json(body): Json<PricesRequest>,
) -> Result<Json<PricesAnswer>, Problem> {
    let row = owned(&app, &caller, &service, Scope::Publish).await?;
    if body.tables.is_empty() {
        return Err(Problem::invalid("tables", "must name at least one file"));
    }
    let priced = edit::prices(&app, &row, body.tables, body.notice, caller.author()).await?;
    Ok(Json(PricesAnswer { effective_at: rfc3339(priced.effective_at), changes: priced.changes, told: priced.told }))
}

/// Something that happened to a service.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct HistoryEntry {
    /// `submitted`, `approved`, `rollout`, `stopped`, `packs_changed`, …
    #[schema(example = "approved")]
    pub kind: String,
    /// The release, if it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// In words.
    pub detail: String,
    /// Who did it: `operator`, `host`, or an address.
    pub author: String,
    /// When, RFC 3339.
    pub at: String,
}

/// What happened to a service.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct History {
    /// The newest first.
    pub items: Vec<HistoryEntry>,
    /// Packs, texts and prices as they were set, the newest first.
    pub revisions: Vec<Revision>,
}

/// Packs, texts or prices as they were set.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Revision {
    /// `packs`, `texts` or `prices`.
    pub kind: String,
    /// What was set.
    pub value: serde_json::Value,
    /// Who set it.
    pub author: String,
    /// When, RFC 3339.
    pub at: String,
    /// From when on it counts, RFC 3339.
    pub effective_at: String,
}

/// What happened to a service and its releases.
#[utoipa::path(get, path = "/v1/services/{service}/history", tag = "vendor", operation_id = "get_history",
    params(("service" = String, Path)), responses((status = 200, body = History)))]
pub async fn history(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(service): Segments<String>,
) -> Result<Json<History>, Problem> {
    let row = owned(&app, &caller, &service, Scope::Read).await?;
    let events = app.store.catalog_events().of_service(row.id, MOST_EVENTS).await?;
    let items = events.into_iter().map(|event| HistoryEntry {
        kind: event.kind,
        version: event.version,
        detail: event.detail,
        author: event.author,
        at: rfc3339(event.at),
    });
    let revisions = app.store.revisions().of_service(row.id).await?;
    let revisions = revisions.into_iter().filter(|revision| revision.kind != "icon").map(|revision| {
        Ok(Revision {
            value: serde_json::from_str(&revision.value)?,
            kind: revision.kind,
            author: revision.author,
            at: rfc3339(revision.created_at),
            effective_at: rfc3339(revision.effective_at),
        })
    });
    let revisions = revisions.collect::<Result<_, serde_json::Error>>().map_err(Problem::host)?;
    Ok(Json(History { items: items.collect(), revisions }))
}
