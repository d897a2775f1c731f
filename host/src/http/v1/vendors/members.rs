//! Who acts for a vendor.

use std::sync::Arc;

use axum::{extract::State, http::StatusCode, response::Response};
use iap_store::repositories::{MemberRow, VendorProfiles};
use serde::{Deserialize, Serialize};

use super::{
    super::{
        auth::{Caller, Scope},
        body::{Json, Segments, given},
        fingerprint::{Fingerprint, IdempotencyKey},
        once::{Once, respond},
        problem::{FORBIDDEN, Problem},
    },
    number, seen,
};
use crate::{
    app::App,
    clock::rfc3339,
    http::origin::Origin,
    vendors::{
        VendorError,
        members::{self, By},
    },
};

/// Somebody who acts for a vendor.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Member {
    /// Its id.
    #[schema(example = "1099511627777")]
    pub id: String,
    /// Its address.
    #[schema(example = "ann@acme.example")]
    pub email: String,
    /// `owner`, `developer` or `finance`.
    #[schema(example = "owner")]
    pub role: String,
    /// When its address was confirmed; absent as long as an invitation waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub confirmed_at: Option<String>,
}

impl From<&MemberRow> for Member {
    fn from(row: &MemberRow) -> Self {
        Self {
            id: row.id.to_string(),
            email: row.email.clone(),
            role: row.role.clone(),
            confirmed_at: row.confirmed_at.map(rfc3339),
        }
    }
}

/// Who acts for a vendor.
#[derive(Clone, Debug, Serialize, utoipa::ToSchema)]
pub struct Members {
    /// By address.
    pub items: Vec<Member>,
}

/// Who acts for a vendor.
#[utoipa::path(get, path = "/v1/vendors/{vendor}/members", tag = "vendor", operation_id = "list_members",
    params(("vendor" = String, Path, example = "acme")), responses((status = 200, body = Members)))]
pub async fn list(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments(vendor): Segments<String>,
) -> Result<Json<Members>, Problem> {
    seen(&app, &caller, &vendor, Scope::Read).await?;
    let rows = app.store.members().of_vendor(&vendor).await?;
    Ok(Json(Members { items: rows.iter().map(Member::from).collect() }))
}

/// Somebody to invite.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Invitation {
    /// Where a code is mailed.
    #[schema(example = "bob@acme.example")]
    pub email: String,
    /// `owner`: all; `developer`: releases, config and secrets; `finance`: money and payout details.
    #[schema(example = "developer")]
    pub role: String,
    /// For `owner` and `finance`: the code that `POST /v1/vendors/{vendor}/reauthenticate` mailed; not for the operator.
    #[serde(default, deserialize_with = "given")]
    #[schema(example = "12345678")]
    pub code: Option<String>,
}

/// Who asks, with a code that was mailed to it.
fn by<'a>(caller: &'a Caller, code: Option<&'a str>) -> By<'a> {
    match caller {
        Caller::Vendor { member, .. } => By::Member(member, code),
        _ => By::Operator,
    }
}

/// Invite somebody to act for a vendor: a code is mailed there, good for 7 days.
///
/// The same again, before it is confirmed, mails a new one. For an owner or finance member a code is needed, and the vendor
/// and its owners are told. The operator may invite the first owner of a vendor of the
/// settings.
#[utoipa::path(post, path = "/v1/vendors/{vendor}/members", tag = "vendor", operation_id = "invite_member",
    params(("vendor" = String, Path, example = "acme"), ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters, such as a UUID")),
    request_body = Invitation, responses((status = 201, body = Member)))]
pub async fn invite(
    State(app): State<Arc<App>>,
    caller: Caller,
    Origin(origin): Origin,
    Segments(vendor): Segments<String>,
    IdempotencyKey(key): IdempotencyKey,
    Json(body): Json<Invitation>,
) -> Result<Response, Problem> {
    caller.vendor(&vendor, Scope::Admin)?;
    if app.config.is_known_vendor(&vendor) {
        // Nothing of it may have been published or registered yet.
        let (title, kind) = (app.config.vendor_title(&vendor), app.config.vendor_kind(&vendor).as_str());
        let known = VendorProfiles::known(&vendor, title, kind, app.store.clock().now());
        app.store.write(vec![known]).await?;
    }
    let row = seen(&app, &caller, &vendor, Scope::Admin).await?;
    let print = Fingerprint::default().text("email", &body.email).text("role", &body.role);
    let print = print.optional("code", body.code.as_deref());
    let once = Once::new(format!("invitation to {vendor}"), key, &print);
    if let Some(answer) = once.before(&app).await? {
        return Ok(answer);
    }
    let text = |member: &MemberRow| serde_json::to_string(&Member::from(member)).unwrap_or_default();
    let by = by(&caller, body.code.as_deref());
    let invitation = members::Invitation { email: &body.email, role: &body.role, by, origin: &origin };
    let invited =
        members::invite(&app, &row, invitation, |member, at| once.record(StatusCode::CREATED, text(member), at));
    match invited.await {
        Err(VendorError::Repeated) => once.before(&app).await?.ok_or_else(|| VendorError::Repeated.into()),
        done => Ok(respond(StatusCode::CREATED, text(&done?))),
    }
}

/// Remove a member, or leave: its tokens open nothing from here on. The last owner stays. The vendor and its owners are told.
///
/// Leaving takes a token with all scopes of one's role.
#[utoipa::path(delete, path = "/v1/vendors/{vendor}/members/{id}", tag = "vendor", operation_id = "remove_member",
    params(("vendor" = String, Path, example = "acme"), ("id" = String, Path, example = "1099511627777")),
    responses((status = 204, description = "It is removed")))]
pub async fn remove(
    State(app): State<Arc<App>>,
    caller: Caller,
    Segments((vendor, id)): Segments<(String, String)>,
) -> Result<StatusCode, Problem> {
    let id = number(&id)?;
    match &caller {
        Caller::Vendor { member, scopes, .. } if member.id == id && member.vendor == vendor => {
            may_leave(member, scopes)?
        }
        _ => drop(seen(&app, &caller, &vendor, Scope::Admin).await?),
    }
    members::remove(&app, &vendor, id, by(&caller, None)).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Refuses tokens that were given less than their member may do: they must not end all that it may.
fn may_leave(member: &MemberRow, scopes: &[Scope]) -> Result<(), Problem> {
    if scopes.contains(&Scope::Admin) || Scope::are_all(scopes, &member.role) {
        return Ok(());
    }
    let all: Vec<_> = Scope::ALL.into_iter().filter(|scope| scope.fits(&member.role)).map(Scope::as_str).collect();
    let detail = format!(
        "leaving takes a token with all scopes of your role ({}); get one with `iap login`, or leave by the vendor's page",
        all.join(", ")
    );
    Err(Problem::new(FORBIDDEN, detail))
}
