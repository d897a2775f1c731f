//! What the buttons of a vendor's page do.

use std::sync::Arc;

use axum::{extract::State, response::Redirect};

use super::visitor::{Acting, Instead, SignedForm, not_yours};
use crate::{
    app::App,
    vendors::{
        self, Scope,
        members::By,
        profile::{self, Change},
    },
};

/// `POST /vendors/terms`
pub(super) async fn accept_terms(State(app): State<Arc<App>>, form: SignedForm) -> Result<Redirect, Instead> {
    let (acting, fields) = Acting::with(&app, form, Scope::Admin).await?;
    if fields.is_set("terms_accepted") {
        let change = Change { terms_version: fields.get("terms_version").map(str::to_owned), ..Change::default() };
        profile::change(&app, &acting.vendor, change, &acting.member.email).await?;
    }
    Ok(acting.back("terms"))
}

/// `POST /vendors/members/remove`: an owner removes somebody, or somebody leaves.
pub(super) async fn remove_member(State(app): State<Arc<App>>, form: SignedForm) -> Result<Redirect, Instead> {
    let (acting, fields) = Acting::with(&app, form, Scope::Read).await?;
    let id = fields.get("member").and_then(|id| id.parse::<i64>().ok()).unwrap_or_default();
    if id != acting.member.id && !acting.may(Scope::Admin) {
        return Err(Instead::Problem(not_yours()));
    }
    vendors::members::remove(&app, &acting.vendor.name, id, By::Member(&acting.member, None)).await?;
    Ok(if id == acting.member.id { Redirect::to("/vendors") } else { acting.back("removed") })
}

/// `POST /vendors/keys`
pub(super) async fn add_key(State(app): State<Arc<App>>, form: SignedForm) -> Result<Redirect, Instead> {
    let (acting, fields) = Acting::with(&app, form, Scope::Admin).await?;
    let text = |name: &str| fields.get(name).unwrap_or_default();
    vendors::keys::add(&app, &acting.vendor, text("public_key"), text("title"), &acting.member.email).await?;
    Ok(acting.back("key-added"))
}

/// `POST /vendors/keys/revoke`
pub(super) async fn revoke_key(State(app): State<Arc<App>>, form: SignedForm) -> Result<Redirect, Instead> {
    let (acting, fields) = Acting::with(&app, form, Scope::Admin).await?;
    vendors::keys::revoke(&app, &acting.vendor.name, fields.get("public_key").unwrap_or_default()).await?;
    Ok(acting.back("key-revoked"))
}

/// `POST /vendors/tokens/revoke`: one's own, or as an owner any.
pub(super) async fn revoke_token(State(app): State<Arc<App>>, form: SignedForm) -> Result<Redirect, Instead> {
    let (acting, fields) = Acting::with(&app, form, Scope::Read).await?;
    let id = fields.get("token").and_then(|id| id.parse::<i64>().ok()).unwrap_or_default();
    let token = app.store.vendor_tokens().get(id).await?;
    let own = |vendor: &str, member: i64| {
        vendor == acting.vendor.name && (member == acting.member.id || acting.may(Scope::Admin))
    };
    let token = token.filter(|token| own(&token.vendor, token.member)).ok_or_else(|| Instead::Problem(not_yours()))?;
    vendors::tokens::revoke(&app, &token).await?;
    Ok(acting.back("token-revoked"))
}
