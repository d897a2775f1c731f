//! Who acts for a vendor.

use iap_core::Time;
use iap_store::{
    Statement,
    repositories::{MemberRow, Members, VendorProfiles, VendorRow, VendorState, VendorTokens},
};

use super::{
    VendorError,
    codes::{self, Purpose},
    commit, find, payout, profile,
};
use crate::{app::App, mail::texts};

/// Most members of a vendor.
const MOST: usize = 50;
/// What a member may be.
pub const ROLES: [&str; 3] = [OWNER, "developer", "finance"];
const OWNER: &str = "owner";
/// Roles that may change where money goes.
const MONEY: [&str; 2] = [OWNER, "finance"];
/// How mails call the operator.
const OPERATOR: &str = "The operator";

/// Who invites or removes somebody.
#[derive(Clone, Copy, Debug)]
pub enum By<'a> {
    /// The operator of the host.
    Operator,
    /// A member, with the code that was mailed to it for that, if there is one.
    Member(&'a MemberRow, Option<&'a str>),
}

impl By<'_> {
    /// For mails.
    fn name(&self) -> &str {
        match self {
            Self::Operator => OPERATOR,
            Self::Member(member, _) => &member.email,
        }
    }
}

/// Somebody to invite.
#[derive(Clone, Copy, Debug)]
pub struct Invitation<'a> {
    /// Where a code is mailed.
    pub email: &'a str,
    /// One of [`ROLES`].
    pub role: &'a str,
    /// Who invites.
    pub by: By<'a>,
    /// Keyed hash of the network that it is asked from.
    pub origin: &'a str,
}

/// Whether who invites a member with this role says once more who it is: one that may change where money goes, or invite
/// another that may.
pub fn takes_code(app: &App, role: &str) -> bool {
    !app.config.dev && MONEY.contains(&role)
}

/// Invites somebody: a code is mailed there. The same again, as long as it is not confirmed, mails a new one.
pub async fn invite(
    app: &App,
    vendor: &VendorRow,
    invitation: Invitation<'_>,
    rider: impl Fn(&MemberRow, Time) -> Option<Statement> + Send + Sync,
) -> Result<MemberRow, VendorError> {
    let (name, now) = (&vendor.name, app.store.clock().now());
    let member = checked(app, vendor, invitation, now).await?;
    let (email, role, by) = (&member.email, &member.role, invitation.by.name());
    let mut statements = vec![VendorProfiles::lock(name), Members::invite(member.id, name, email, role, now)];
    if app.config.dev {
        statements.push(Members::confirm(name, email, now));
    } else {
        let new = codes::make(app, Purpose::Confirm(name), email, invitation.origin, codes::INVITATION).await?;
        let days = (codes::INVITATION / 86_400).to_string();
        let text = texts::MemberAdded { vendor: &vendor.profile.title, role, by, code: &new.code, days: &days, name };
        statements.extend([new.record, app.outbox().put(email, &text)]);
    }
    if MONEY.contains(&role.as_str()) {
        statements.extend(proof(app, name, role, invitation.by).await?);
        let text = texts::MemberInvited { vendor: &vendor.profile.title, email, role, by };
        statements.extend(told(app, vendor).await?.iter().map(|to| app.outbox().put(to, &text)));
    }
    statements.extend(rider(&member, now));
    commit(app, statements, || there(name, email)).await?;
    app.ring_for_mail();
    tracing::info!(vendor = name, email, role, by, "A member is invited");
    Ok(member)
}

fn there(vendor: &str, email: &str) -> VendorError {
    VendorError::WrongState(format!("{email} is a member of {vendor:?}; remove it to change its role"))
}

/// The member that somebody becomes who is invited.
async fn checked(
    app: &App,
    vendor: &VendorRow,
    invitation: Invitation<'_>,
    now: Time,
) -> Result<MemberRow, VendorError> {
    let (email, role) = (profile::email("email", invitation.email)?, invitation.role);
    if !ROLES.contains(&role) {
        return Err(VendorError::invalid("role", format!("{role:?} is no role; choose one of {}", ROLES.join(", "))));
    }
    let name = &vendor.name;
    if vendor.state == VendorState::Unconfirmed {
        return Err(VendorError::WrongState(format!("the address of {name:?} is not confirmed yet")));
    }
    let members = app.store.members().of_vendor(name).await?;
    let found = members.iter().find(|member| member.email == email);
    if found.is_some_and(|member| member.confirmed_at.is_some()) {
        return Err(there(name, &email));
    }
    if found.is_none() && MOST <= members.len() {
        return Err(VendorError::TooMany(format!("{name:?} has {MOST} members; remove one first")));
    }
    Ok(MemberRow {
        id: found.map_or_else(|| app.store.ids().next(), |member| member.id),
        vendor: name.clone(),
        email,
        role: role.to_owned(),
        confirmed_at: app.config.dev.then_some(now),
    })
}

/// What uses up the code of who invites, where one is needed.
async fn proof(app: &App, vendor: &str, role: &str, by: By<'_>) -> Result<Option<Statement>, VendorError> {
    let By::Member(member, code) = by else { return Ok(None) };
    if !takes_code(app, role) {
        return Ok(None);
    }
    let missing = || {
        let door = format!("POST /v1/vendors/{vendor}/reauthenticate mails one");
        VendorError::invalid("code", format!("inviting with the role {role:?} takes a code that was mailed; {door}"))
    };
    let code = code.ok_or_else(missing)?;
    codes::check(app, Purpose::Reauthenticate(vendor), &member.email, code).await.map(Some)
}

/// Who is told of what matters: the vendor's address as it was before, and its owners.
pub(super) async fn told(app: &App, vendor: &VendorRow) -> Result<Vec<String>, VendorError> {
    let members = app.store.members().of_vendor(&vendor.name).await?;
    let owners = members.into_iter().filter(|member| member.role == OWNER && member.confirmed_at.is_some());
    // Nothing is mailed to an address that nobody has confirmed.
    let contact = vendor.profile.email.clone().filter(|_| vendor.state != VendorState::Unconfirmed);
    let mut told: Vec<String> = contact.into_iter().chain(owners.map(|owner| owner.email)).collect();
    told.sort_unstable();
    told.dedup();
    Ok(told)
}

/// Removes a member; its tokens open nothing from here on. The vendor and its owners are told, and where mails to the
/// vendor went to the member, they go to another owner.
pub async fn remove(app: &App, vendor: &str, id: i64, by: By<'_>) -> Result<(), VendorError> {
    let unknown =
        || VendorError::NotFound(format!("{vendor:?} has no member {id}; GET /v1/vendors/{vendor}/members lists them"));
    let member = app.store.members().get(id).await?.filter(|member| member.vendor == vendor).ok_or_else(unknown)?;
    let (row, now) = (find(app, vendor).await?, app.store.clock().now());
    let mut statements = vec![VendorProfiles::lock(vendor), VendorTokens::revoke_all(id, now)];
    statements.extend(Members::remove(id, vendor));
    let held_until = now.plus_seconds(payout::HOLD);
    statements.push(VendorProfiles::email_of_another_owner(vendor, &member.email, held_until));
    let (email, role, by) = (&member.email, &member.role, by.name());
    let text = texts::MemberRemoved { vendor: &row.profile.title, email, role, by };
    statements.extend(told(app, &row).await?.iter().map(|to| app.outbox().put(to, &text)));
    commit(app, statements, || VendorError::LastOwner(vendor.to_owned())).await?;
    app.ring_for_mail();
    tracing::info!(vendor, email, by, "A member is removed");
    Ok(())
}
