//! Who acts for a vendor.

use iap_store::repositories::{MemberRow, Members, VendorProfiles, VendorRow, VendorState, VendorTokens};

use super::{
    VendorError,
    codes::{self, Purpose},
    commit, profile,
};
use crate::{app::App, mail::texts};

/// Most members of a vendor.
const MOST: usize = 50;
/// What a member may be.
pub const ROLES: [&str; 3] = ["owner", "developer", "finance"];

/// Invites somebody: a code is mailed there. The same again, as long as it is not confirmed, mails a new one.
pub async fn invite(
    app: &App,
    vendor: &VendorRow,
    email: &str,
    role: &str,
    by: &str,
    origin: &str,
    rider: impl Fn(&MemberRow, iap_core::Time) -> Option<iap_store::Statement> + Send + Sync,
) -> Result<MemberRow, VendorError> {
    let email = profile::email("email", email)?;
    if !ROLES.contains(&role) {
        return Err(VendorError::invalid("role", format!("{role:?} is no role; choose one of {}", ROLES.join(", "))));
    }
    if vendor.state == VendorState::Unconfirmed {
        let why = format!("the address of {:?} is not confirmed yet", vendor.name);
        return Err(VendorError::WrongState(why));
    }
    let name = &vendor.name;
    let there = || VendorError::WrongState(format!("{email} is a member of {name:?}; remove it to change its role"));
    let members = app.store.members().of_vendor(name).await?;
    let found = members.iter().find(|member| member.email == email);
    if found.is_some_and(|member| member.confirmed_at.is_some()) {
        return Err(there());
    }
    if found.is_none() && MOST <= members.len() {
        return Err(VendorError::TooMany(format!("{name:?} has {MOST} members; remove one first")));
    }
    let now = app.store.clock().now();
    let member = MemberRow {
        id: found.map_or_else(|| app.store.ids().next(), |member| member.id),
        vendor: name.clone(),
        email: email.clone(),
        role: role.to_owned(),
        confirmed_at: app.config.dev.then_some(now),
    };
    let mut statements = vec![VendorProfiles::lock(name), Members::invite(member.id, name, &email, role, now)];
    if app.config.dev {
        statements.push(Members::confirm(name, &email, now));
    } else {
        let new = codes::make(app, Purpose::Confirm(name), &email, origin, codes::INVITATION).await?;
        let days = (codes::INVITATION / 86_400).to_string();
        let text = texts::MemberAdded { vendor: &vendor.profile.title, role, by, code: &new.code, days: &days, name };
        statements.extend([new.record, app.outbox().put(&email, &text)]);
    }
    statements.extend(rider(&member, now));
    commit(app, statements, there).await?;
    app.ring_for_mail();
    tracing::info!(vendor = name, email, role, by, "A member is invited");
    Ok(member)
}

/// Removes a member; its tokens open nothing from here on.
pub async fn remove(app: &App, vendor: &str, id: i64) -> Result<(), VendorError> {
    let unknown =
        || VendorError::NotFound(format!("{vendor:?} has no member {id}; GET /v1/vendors/{vendor}/members lists them"));
    let member = app.store.members().get(id).await?.filter(|member| member.vendor == vendor).ok_or_else(unknown)?;
    let mut statements = vec![VendorProfiles::lock(vendor), VendorTokens::revoke_all(id, app.store.clock().now())];
    statements.extend(Members::remove(id, vendor));
    commit(app, statements, || VendorError::LastOwner(vendor.to_owned())).await?;
    tracing::info!(vendor, email = member.email, "A member is removed");
    Ok(())
}
