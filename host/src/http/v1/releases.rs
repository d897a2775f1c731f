//! `/v1/services/{service}/releases`: publishing, and what becomes of a release.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode},
};
use iap_store::repositories::{ReleaseRow, ServiceRow};
use serde::{Deserialize, Serialize};

use super::{
    auth::{Caller, Scope},
    body::{Json, Segments},
    problem::{
        FORBIDDEN, INSPECTOR_BUSY, NOT_FOUND, Problem, RELEASE_REFUSED, UNAUTHENTICATED, VERSION_TAKEN, WRONG_STATE,
    },
    values,
};
use crate::{
    app::App,
    clock::rfc3339,
    http::upload::Upload,
    publish::{
        decide::{self, DecideError},
        edit::EditError,
        inspect::InspectError,
        report::ReleaseReport,
        submit::{Publisher, Submission, SubmitError, submit},
    },
};

/// Largest component, in bytes.
const MAX_COMPONENT: usize = 16 << 20;

/// A published release.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Release {
    /// Wire name of the service.
    #[schema(example = "vat_check")]
    pub service: String,
    /// Semantic version.
    #[schema(example = "1.2.0")]
    pub version: String,
    /// SHA-256 of the component in hexadecimal.
    pub digest: String,
    /// `submitted`, `approved`, `rejected`, `yanked` or `stopped`.
    #[schema(example = "approved")]
    pub state: String,
    /// Percent of accounts that get it.
    pub rollout: i64,
    /// Bytes of the component.
    pub size: i64,
    /// Who published it.
    pub author: String,
    /// When it came, RFC 3339.
    pub submitted_at: String,
    /// Since when it has this state, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<String>,
    /// Why it has this state, where somebody said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// What was computed of it when it came; absent in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub report: Option<ReleaseReport>,
    /// The vendor's key and signature and the host's, in hexadecimal; absent in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signatures: Option<Signatures>,
}

/// What proves where a release comes from.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Signatures {
    /// The vendor's ed25519 key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub public_key: Option<String>,
    /// The vendor's, of `iap release`, service, version and digest, a line each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vendor: Option<String>,
    /// This host's, of `iap release approved` and the same; by a key of `GET /v1/keys`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
}

impl Release {
    pub(super) fn of(service: &str, row: ReleaseRow) -> Self {
        Self {
            service: service.to_owned(),
            version: row.version,
            digest: row.digest,
            state: row.state,
            rollout: row.rollout,
            size: row.size,
            author: row.author,
            submitted_at: rfc3339(row.created_at),
            decided_at: row.decided_at.map(rfc3339),
            reason: row.reason,
            report: None,
            signatures: None,
        }
    }
}

/// Releases of a service.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Releases {
    /// The newest first.
    pub items: Vec<Release>,
}

/// A service that the caller may act for; what is to be published needs an approved vendor.
pub(super) async fn owned(app: &App, caller: &Caller, service: &str, scope: Scope) -> Result<ServiceRow, Problem> {
    let row = owned_by_anybody(app, caller, service, scope).await?;
    if scope == Scope::Publish {
        caller.approved()?;
    }
    Ok(row)
}

/// A service that the caller may act for, whether its vendor is approved or not.
async fn owned_by_anybody(app: &App, caller: &Caller, service: &str, scope: Scope) -> Result<ServiceRow, Problem> {
    let row = app.store.services().by_name(service).await?;
    let row = row.filter(|row| row.kind == "plugin").ok_or_else(|| {
        Problem::new(
            NOT_FOUND,
            format!("there is no service {service:?}; it begins with its first release: iap plugin publish"),
        )
    })?;
    caller.vendor(&row.vendor, scope)?;
    Ok(row)
}

fn header<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<&'a str, Problem> {
    let value = headers.get(name).and_then(|value| value.to_str().ok()).filter(|value| !value.is_empty());
    value.ok_or_else(|| {
        Problem::new(
            UNAUTHENTICATED,
            format!("send the header {name}; `iap plugin publish` signs releases and sends it"),
        )
        .at(name)
    })
}

/// Publish a release: the bytes of its component.
///
/// A vendor signs `iap release`, the service, the version and the SHA-256 of the component in hexadecimal, each followed by
/// a line feed, with an ed25519 key that it registered: `IAP-Key` and `IAP-Signature`, in hexadecimal.
#[utoipa::path(post, path = "/v1/services/{service}/releases", tag = "vendor", operation_id = "publish_release",
    params(("service" = String, Path, example = "vat_check"), ("IAP-Key" = Option<String>, Header), ("IAP-Signature" = Option<String>, Header)),
    request_body(content = Vec<u8>, content_type = "application/wasm"), responses((status = 201, body = Release)))]
pub async fn publish(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(service): Segments<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<(StatusCode, Json<Release>), Problem> {
    values::name(&service, 40, false).map_err(|message| Problem::invalid("service", message))?;
    let publisher = match &caller {
        Caller::Operator => Publisher::Operator,
        Caller::Vendor { member, .. } => {
            caller.vendor(&member.vendor, Scope::Publish)?;
            let signature = hex::decode(header(&headers, "IAP-Signature")?)
                .map_err(|_| Problem::invalid("IAP-Signature", "must be hexadecimal"))?;
            let key = header(&headers, "IAP-Key")?.to_lowercase();
            Publisher::Vendor { name: member.vendor.clone(), key, signature }
        }
        Caller::Database(_) | Caller::Accounts { .. } => {
            return Err(Problem::new(
                FORBIDDEN,
                "releases are published with a vendor's token (iap_vn_…), as `iap login` gets it",
            ));
        }
    };
    let upload = app.bodies.read(body, MAX_COMPONENT).await.map_err(Problem::of_upload)?;
    if upload.bytes.is_empty() {
        return Err(Problem::invalid("body", "must be the bytes of a component"));
    }
    let author = caller.author().to_owned();
    // Its room is given back when it is stored.
    let Upload { bytes, room } = upload;
    let submission = Submission { service: service.clone(), component: bytes.into(), publisher, author };
    let submitted = submit(&app, submission).await?;
    drop(room);
    let release = Release { report: Some(submitted.report), ..Release::of(&service, submitted.release) };
    Ok((StatusCode::CREATED, Json(release)))
}

/// Releases of a service, the newest first.
#[utoipa::path(get, path = "/v1/services/{service}/releases", tag = "vendor", operation_id = "list_releases",
    params(("service" = String, Path, example = "vat_check")), responses((status = 200, body = Releases)))]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(service): Segments<String>,
) -> Result<Json<Releases>, Problem> {
    let row = owned(&app, &caller, &service, Scope::Read).await?;
    let rows = app.store.releases().of_service(row.id).await?;
    Ok(Json(Releases { items: rows.into_iter().map(|row| Release::of(&service, row)).collect() }))
}

/// A release with its report and signatures.
#[utoipa::path(get, path = "/v1/services/{service}/releases/{version}", tag = "vendor", operation_id = "get_release",
    params(("service" = String, Path, example = "vat_check"), ("version" = String, Path, example = "1.2.0")),
    responses((status = 200, body = Release)))]
pub async fn get(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments((service, version)): Segments<(String, String)>,
) -> Result<Json<Release>, Problem> {
    let row = owned(&app, &caller, &service, Scope::Read).await?;
    let missing = || Problem::new(NOT_FOUND, format!("{service} has no published release {version}"));
    let release = app.store.releases().get(row.id, &version).await?.ok_or_else(missing)?;
    let proof = app.store.releases().proof(release.id).await?.ok_or_else(missing)?;
    let report = serde_json::from_str(&proof.report).map_err(Problem::host)?;
    let signatures = Signatures {
        public_key: proof.public_key,
        vendor: proof.signature.map(hex::encode),
        host: proof.countersignature.map(hex::encode),
    };
    Ok(Json(Release { report: Some(report), signatures: Some(signatures), ..Release::of(&service, release) }))
}

/// How many accounts get a release.
#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Rollout {
    /// Percent of accounts, 0 to 100.
    #[schema(minimum = 0, maximum = 100, example = 10)]
    pub percent: u8,
}

impl Rollout {
    fn check(&self) -> Result<u8, Problem> {
        if self.percent <= 100 { Ok(self.percent) } else { Err(Problem::invalid("percent", "must be from 0 to 100")) }
    }
}

/// Why something is done.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Because {
    /// Shown in the history, and told to whom it concerns.
    #[schema(example = "The price table has no row for BE")]
    pub reason: String,
}

impl Because {
    pub(super) fn check(&self) -> Result<&str, Problem> {
        values::shown(&self.reason, values::MAX_REASON).map_err(|message| Problem::invalid("reason", message))?;
        Ok(&self.reason)
    }
}

async fn submitted(app: &App, caller: &Caller, service: &str) -> Result<ServiceRow, Problem> {
    caller.operator()?;
    owned(app, caller, service, Scope::Read).await
}

/// Approve a release: the host signs it too, and it serves.
#[utoipa::path(post, path = "/v1/services/{service}/releases/{version}/approve", tag = "operator", operation_id = "approve_release",
    params(("service" = String, Path), ("version" = String, Path)), request_body = Rollout, responses((status = 200, body = Release)))]
pub async fn approve(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments((service, version)): Segments<(String, String)>,
    Json(body): Json<Rollout>,
) -> Result<Json<Release>, Problem> {
    let row = submitted(&app, &caller, &service).await?;
    let release = decide::approve(&app, &row, &version, body.check()?, caller.author()).await?;
    Ok(Json(Release::of(&service, release)))
}

/// Reject a release; its vendor is told why.
#[utoipa::path(post, path = "/v1/services/{service}/releases/{version}/reject", tag = "operator", operation_id = "reject_release",
    params(("service" = String, Path), ("version" = String, Path)), request_body = Because, responses((status = 200, body = Release)))]
pub async fn reject(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments((service, version)): Segments<(String, String)>,
    Json(body): Json<Because>,
) -> Result<Json<Release>, Problem> {
    let row = submitted(&app, &caller, &service).await?;
    let release = decide::reject(&app, &row, &version, body.check()?, caller.author()).await?;
    Ok(Json(Release::of(&service, release)))
}

/// Take a release back: it goes on serving only accounts that require exactly it.
#[utoipa::path(post, path = "/v1/services/{service}/releases/{version}/yank", tag = "vendor", operation_id = "yank_release",
    params(("service" = String, Path), ("version" = String, Path)), request_body = Because, responses((status = 200, body = Release)))]
pub async fn yank(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments((service, version)): Segments<(String, String)>,
    Json(body): Json<Because>,
) -> Result<Json<Release>, Problem> {
    // Who was refused may still take back what is there.
    let row = owned_by_anybody(&app, &caller, &service, Scope::Publish).await?;
    let release = decide::yank(&app, &row, &version, body.check()?, caller.author()).await?;
    Ok(Json(Release::of(&service, release)))
}

/// Change how many accounts get a release.
///
/// Raising it takes the release from nobody. It is watched for a day: one that fails too often is stopped by itself.
#[utoipa::path(post, path = "/v1/services/{service}/releases/{version}/rollout", tag = "vendor", operation_id = "roll_out_release",
    params(("service" = String, Path), ("version" = String, Path)), request_body = Rollout, responses((status = 200, body = Release)))]
pub async fn roll_out(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments((service, version)): Segments<(String, String)>,
    Json(body): Json<Rollout>,
) -> Result<Json<Release>, Problem> {
    let row = owned(&app, &caller, &service, Scope::Publish).await?;
    let release = decide::roll_out(&app, &row, &version, body.check()?, caller.author()).await?;
    Ok(Json(Release::of(&service, release)))
}

impl From<SubmitError> for Problem {
    fn from(error: SubmitError) -> Self {
        let detail = error.to_string();
        match error {
            SubmitError::Refused(reasons) => Self::new(RELEASE_REFUSED, detail).because(reasons),
            SubmitError::NotYours(_) => Self::new(FORBIDDEN, detail),
            SubmitError::Taken(_) => Self::new(VERSION_TAKEN, detail).at("version"),
            SubmitError::Inspect(InspectError::Busy { retry_after }) => {
                Self::new(INSPECTOR_BUSY, detail).retry(u32::try_from(retry_after.as_secs()).unwrap_or(60))
            }
            SubmitError::Inspect(_) | SubmitError::Host(_) => Self::host(detail),
            SubmitError::Store(error) => error.into(),
        }
    }
}

impl From<DecideError> for Problem {
    fn from(error: DecideError) -> Self {
        match error {
            DecideError::Unknown(why) => Self::new(NOT_FOUND, why),
            DecideError::WrongState(why) => Self::new(WRONG_STATE, why),
            DecideError::Store(error) => error.into(),
            DecideError::Host(why) => Self::host(why),
        }
    }
}

impl From<EditError> for Problem {
    fn from(error: EditError) -> Self {
        let detail = error.to_string();
        match error {
            EditError::Refused(reasons) => Self::new(RELEASE_REFUSED, detail).because(reasons),
            EditError::Decide(error) => error.into(),
            EditError::Store(error) => error.into(),
            EditError::Host(why) => Self::host(why),
        }
    }
}
