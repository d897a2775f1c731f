//! Bearer tokens of members.

use iap_core::Time;
use iap_store::{
    Statement,
    repositories::{MemberRow, NewVendorToken, VendorState, VendorTokenRow, VendorTokens},
};

use super::{Scope, VendorError, commit, profile};
use crate::{
    app::App,
    secrets::{bearer_hash, random_hex},
};

/// Days that a token may be used, where nobody says fewer.
pub const DAYS: i64 = 365;
/// Seconds of a day.
pub(super) const DAY: i64 = 86_400;
/// Most tokens of a vendor that may be used.
const MOST: usize = 200;

/// The token that a member asks with.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// Its id.
    pub id: i64,
    /// Until when it may be used.
    pub expires_at: Option<Time>,
    /// Where the sign-up of the member's vendor stands.
    pub vendor_state: VendorState,
}

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
pub fn make(app: &App, member: &MemberRow, title: &str, scopes: &[Scope], expires_at: Time) -> (Issued, Statement) {
    let mut scopes: Vec<Scope> = scopes.iter().copied().filter(|scope| scope.fits(&member.role)).collect();
    scopes.sort_unstable();
    scopes.dedup();
    let now = app.store.clock().now();
    let token = format!("iap_vn_{}", random_hex::<24>());
    let issued = Issued { id: app.store.ids().next(), token, scopes, expires_at };
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

/// Until when a token may be used, as the one that asks for it may until `bound`: it does not outlive that.
fn until(now: Time, bound: Option<Time>, days: Option<i64>) -> Result<Time, VendorError> {
    let wrong = |why: String| VendorError::invalid("expires_in_days", why);
    let longest = now.plus_seconds(DAYS * DAY);
    let last = bound.map_or(longest, |bound| bound.min(longest));
    // A second less: `iap logout` tells its own token in a list by when it ends.
    let Some(days) = days else { return Ok(last.plus_seconds(-1)) };
    if !(1..=DAYS).contains(&days) {
        return Err(wrong(format!("must be from 1 to {DAYS}")));
    }
    let asked = now.plus_seconds(days * DAY);
    if asked <= last {
        return Ok(asked);
    }
    Err(wrong(match (last.millis() - now.millis()) / (DAY * 1000) {
        0 => "this token may be used for less than a day, and no other outlives it; leave this out, or run `iap login`"
            .to_owned(),
        left => format!(
            "must be at most {left}: this token may be used for {left} more days, and no other outlives it; leave this out for all of them, or run `iap login`"
        ),
    }))
}

/// Issues a token of a member that asks with one: with no more scopes than that has, and for no longer.
pub async fn issue(
    app: &App,
    member: &MemberRow,
    (held, own): (Held, &[Scope]),
    title: &str,
    scopes: &[Scope],
    days: Option<i64>,
) -> Result<Issued, VendorError> {
    let title = profile::line("title", title)?;
    if scopes.is_empty() {
        return Err(VendorError::invalid("scopes", "a token without scopes opens nothing; name one"));
    }
    if let Some(more) = scopes.iter().find(|scope| !own.contains(scope) || !scope.fits(&member.role)) {
        let why = format!("{:?} is more than this token and the role {:?} have", more.as_str(), member.role);
        return Err(VendorError::invalid("scopes", why));
    }
    let until = until(app.store.clock().now(), held.expires_at, days)?;
    check_room(app, &member.vendor).await?;
    let (issued, record) = make(app, member, &title, scopes, until);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_does_not_outlive_the_one_that_asks_for_it() {
        let (now, day) = (Time(1_000_000), DAY * 1000);
        let until =
            |left: i64, days| until(now, Some(now.plus_millis(left)), days).map(|at| at.millis() - now.millis());
        assert_eq!(until(30 * day, None).unwrap(), 30 * day - 1000, "what is left");
        assert_eq!(until(30 * day, Some(30)).unwrap(), 30 * day);
        assert_eq!(until(day / 2, None).unwrap(), day / 2 - 1000);
        assert_eq!(until(900 * day, None).unwrap(), DAYS * day - 1000, "a year at most");
        let refused = |left, days| until(left, Some(days)).unwrap_err().to_string();
        assert!(refused(30 * day + 5, 31).contains("at most 30"), "{}", refused(30 * day + 5, 31));
        assert!(refused(day - 1, 1).contains("less than a day"), "{}", refused(day - 1, 1));
        assert!(refused(day, 0).contains("from 1 to 365"), "{}", refused(day, 0));
    }
}
