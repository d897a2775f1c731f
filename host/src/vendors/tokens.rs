//! Bearer tokens of members.

use iap_core::Time;
use iap_store::{
    Statement,
    repositories::{MemberRow, NewVendorToken, VendorTokenRow, VendorTokens},
};

use super::{Scope, VendorError, commit, profile};
use crate::{
    app::App,
    secrets::{bearer_hash, random_hex},
};

/// Days that a token may be used, where nobody says fewer.
pub const DAYS: i64 = 365;
/// Most tokens of a vendor that may be used.
const MOST: usize = 200;

/// A token that is shown once.
#[derive(Clone, Debug)]
pub struct Issued {
    /// Its id.
    pub id: i64,
    /// The token.
    pub token: String,
    /// What it may be used for.
    pub scopes: Vec<Scope>,
    /// Until when.
    pub expires_at: Time,
}

/// A new token of a member, and what stores it. Scopes that the member's role does not have are left out.
pub fn make(app: &App, member: &MemberRow, title: &str, scopes: &[Scope], days: i64) -> (Issued, Statement) {
    let mut scopes: Vec<Scope> = scopes.iter().copied().filter(|scope| scope.fits(&member.role)).collect();
    scopes.sort_unstable();
    scopes.dedup();
    let now = app.store.clock().now();
    let token = format!("iap_vn_{}", random_hex::<24>());
    let issued = Issued { id: app.store.ids().next(), token, scopes, expires_at: now.plus_seconds(days * 86_400) };
    let new = NewVendorToken {
        id: issued.id,
        hash: &bearer_hash(&issued.token),
        member: member.id,
        title,
        scopes: &stored(&issued.scopes),
        expires_at: issued.expires_at,
    };
    let record = VendorTokens::issue(new, now);
    (issued, record)
}

/// Scopes as they are stored.
pub fn stored(scopes: &[Scope]) -> String {
    serde_json::to_string(scopes).unwrap_or_else(|_| "[]".to_owned())
}

/// Scopes as they were stored.
pub fn read(scopes: &str) -> Vec<Scope> {
    serde_json::from_str(scopes).unwrap_or_default()
}

/// Refuses another token where a vendor has enough.
pub async fn check_room(app: &App, vendor: &str) -> Result<(), VendorError> {
    let known = app.store.vendor_tokens().of_vendor(vendor, app.store.clock().now()).await?;
    if MOST <= known.len() {
        return Err(VendorError::TooMany(format!("{vendor:?} has {MOST} tokens; revoke some first")));
    }
    Ok(())
}

/// Issues a token of a member that asks with one: with no more scopes than that has.
pub async fn issue(
    app: &App,
    member: &MemberRow,
    own: &[Scope],
    title: &str,
    scopes: &[Scope],
    days: i64,
) -> Result<Issued, VendorError> {
    let title = profile::line("title", title)?;
    if scopes.is_empty() {
        return Err(VendorError::invalid("scopes", "a token without scopes opens nothing; name one"));
    }
    if let Some(more) = scopes.iter().find(|scope| !own.contains(scope) || !scope.fits(&member.role)) {
        let why = format!("{:?} is more than this token and the role {:?} have", more.as_str(), member.role);
        return Err(VendorError::invalid("scopes", why));
    }
    if !(1..=DAYS).contains(&days) {
        return Err(VendorError::invalid("expires_in_days", format!("must be from 1 to {DAYS}")));
    }
    check_room(app, &member.vendor).await?;
    let (issued, record) = make(app, member, &title, scopes, days);
    app.store.write(vec![record]).await?;
    tracing::info!(vendor = member.vendor, email = member.email, title, "A token is issued");
    Ok(issued)
}

/// Revokes a token; it opens nothing from here on.
pub async fn revoke(app: &App, token: &VendorTokenRow) -> Result<(), VendorError> {
    let gone = || VendorError::NotFound("the token was revoked before".to_owned());
    commit(app, vec![VendorTokens::revoke(token.id, app.store.clock().now())], gone).await?;
    tracing::info!(vendor = token.vendor, email = token.email, title = token.title, "A token is revoked");
    Ok(())
}
