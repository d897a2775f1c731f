//! Signing a vendor up, and the operator's word on it.

use iap_core::Time;
use iap_store::{
    Statement,
    repositories::{Members, Profile, VendorProfiles, VendorRow, VendorState},
};

use super::{
    VendorError,
    codes::{self, Purpose},
    commit, dev, find, profile,
};
use crate::{app::App, config::SignUpPolicy, mail::texts};

/// Seconds after which a sign-up that was never confirmed gives its name free.
const GIVEN_UP: i64 = 24 * 3600;

/// Who signs up.
#[derive(Clone, Debug)]
pub struct SignUp {
    /// Name in manifests.
    pub name: String,
    /// Shown name.
    pub title: String,
    /// Address of its first owner.
    pub email: String,
    /// Who it is in law.
    pub organisation: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// With its country's prefix, if it has one.
    pub vat_number: Option<String>,
    /// Which terms it has read.
    pub terms_version: String,
    /// Whether it accepts them.
    pub terms_accepted: bool,
}

/// A vendor signs up; where it stands. The same again, as long as it is unconfirmed, mails a new code. `rider` goes with it:
/// the answer to remember by its idempotency key.
pub async fn sign_up(
    app: &App,
    asked: SignUp,
    origin: &str,
    rider: impl Fn(Time) -> Option<Statement> + Send + Sync,
) -> Result<VendorState, VendorError> {
    if app.config.vendor_signup == SignUpPolicy::Closed {
        return Err(VendorError::SignUpClosed);
    }
    let (name, profile) = checked(app, asked)?;
    let taken = || VendorError::NameTaken(name.clone());
    if name == dev::VENDOR || app.config.is_known_vendor(&name) {
        return Err(taken());
    }
    let (now, store) = (app.store.clock().now(), &app.store);
    let email = profile.email.clone().unwrap_or_default();
    let state = if app.config.dev { VendorState::Approved } else { VendorState::Unconfirmed };
    let kind = app.config.vendor_kind(&name).as_str();
    let mut statements = vec![
        VendorProfiles::sign_up(&name, kind, &profile, state, now.plus_seconds(-GIVEN_UP), now),
        Members::remove_all(&name),
        Members::invite(store.ids().next(), &name, &email, "owner", now),
    ];
    if app.config.dev {
        statements.push(Members::confirm(&name, &email, now));
    } else {
        // Before anything is mailed: a taken name costs its owner no mail.
        if let Some(other) = store.vendor_profiles().get(&name).await?
            && !(other.state == VendorState::Unconfirmed
                && (other.profile.email == profile.email || other.created_at <= now.plus_seconds(-GIVEN_UP)))
        {
            return Err(taken());
        }
        statements.extend(code_mail(app, &name, &profile.title, &email, origin).await?);
    }
    statements.extend(rider(now));
    commit(app, statements, taken).await?;
    app.ring_for_mail();
    tracing::info!(vendor = name, state = state.as_str(), "A vendor signs up");
    Ok(state)
}

async fn code_mail(
    app: &App,
    vendor: &str,
    title: &str,
    email: &str,
    origin: &str,
) -> Result<[Statement; 2], VendorError> {
    let new = codes::make(app, Purpose::Confirm(vendor), email, origin, codes::LIFETIME).await?;
    let minutes = codes::minutes(codes::LIFETIME);
    let text = texts::Confirm { vendor: title, code: &new.code, minutes: &minutes };
    Ok([new.record, app.outbox().put(email, &text)])
}

fn checked(app: &App, asked: SignUp) -> Result<(String, Profile), VendorError> {
    let name = iap_core::manifest::vendor_name(&asked.name).map_err(|why| VendorError::invalid("name", why))?;
    let country = profile::country(&asked.country)?;
    let vat_number = asked.vat_number.as_deref().map(|text| profile::vat_number(text, &country)).transpose()?;
    let terms = &app.config.terms_version;
    if asked.terms_version != *terms {
        let message =
            format!("the terms are of version {terms:?}, not {:?}; read them and say which", asked.terms_version);
        return Err(VendorError::invalid("terms_version", message));
    }
    if !asked.terms_accepted {
        return Err(VendorError::invalid("terms_accepted", "the terms must be accepted"));
    }
    let profile = Profile {
        title: profile::line("title", &asked.title)?,
        organisation: Some(profile::line("organisation", &asked.organisation)?),
        country: Some(country),
        vat_number,
        email: Some(profile::email("email", &asked.email)?),
        terms_version: Some(asked.terms_version),
    };
    Ok((name, profile))
}

/// A member confirms its address with the mailed code: the first owner's at sign-up, others' after an invitation.
/// `more` rides along. Answers where the vendor stands.
pub async fn confirm(
    app: &App,
    vendor: &str,
    email: &str,
    code: &str,
    more: Vec<Statement>,
) -> Result<VendorState, VendorError> {
    let email = profile::email("email", email)?;
    // Which vendors and members there are is told to nobody.
    let row = app.store.vendor_profiles().get(vendor).await?.ok_or(VendorError::WrongCode)?;
    let member = app.store.members().find(vendor, &email).await?.filter(|member| member.confirmed_at.is_none());
    let member = member.ok_or(VendorError::WrongCode)?;
    let now = app.store.clock().now();
    let mut statements =
        vec![codes::check(app, Purpose::Confirm(vendor), &email, code).await?, Members::confirm(vendor, &email, now)];
    let mut state = row.state;
    if row.state == VendorState::Unconfirmed {
        state = match app.config.vendor_signup {
            SignUpPolicy::Open => VendorState::Approved,
            SignUpPolicy::Approve | SignUpPolicy::Closed => VendorState::Waiting,
        };
        statements.push(VendorProfiles::step(vendor, VendorState::Unconfirmed, state));
    }
    if member.role == "owner" {
        statements.push(VendorProfiles::first_email(vendor, &email));
    }
    statements.extend(more);
    commit(app, statements, || VendorError::WrongCode).await?;
    tracing::info!(vendor, email, state = state.as_str(), "A member's address is confirmed");
    Ok(state)
}

/// The operator approves a vendor.
pub async fn approve(app: &App, vendor: &str) -> Result<VendorRow, VendorError> {
    let row = find(app, vendor).await?;
    if row.state == VendorState::Approved {
        return Ok(row);
    }
    if row.state == VendorState::Unconfirmed {
        let why = format!("the address of {vendor:?} is not confirmed yet; it can be approved once it is");
        return Err(VendorError::WrongState(why));
    }
    let title = row.profile.title.clone();
    decide(app, row, VendorState::Approved, &texts::VendorApproved { vendor: &title }).await
}

/// The operator does not approve a vendor, or no more: it publishes nothing from here on.
pub async fn refuse(app: &App, vendor: &str, reason: &str) -> Result<VendorRow, VendorError> {
    let row = find(app, vendor).await?;
    if row.state == VendorState::Refused {
        return Ok(row);
    }
    if app.config.is_known_vendor(vendor) {
        let why = format!("{vendor:?} is a vendor of the settings; take it out of them");
        return Err(VendorError::WrongState(why));
    }
    let title = row.profile.title.clone();
    decide(app, row, VendorState::Refused, &texts::VendorRefused { vendor: &title, reason }).await
}

async fn decide(app: &App, row: VendorRow, to: VendorState, text: &impl texts::Text) -> Result<VendorRow, VendorError> {
    let mut statements = vec![VendorProfiles::step(&row.name, row.state, to)];
    // Nothing is mailed to an address that nobody has confirmed.
    let confirmed = row.state != VendorState::Unconfirmed;
    statements.extend(row.profile.email.iter().filter(|_| confirmed).map(|email| app.outbox().put(email, text)));
    let name = row.name.clone();
    commit(app, statements, || VendorError::WrongState(format!("{name:?} was changed meanwhile; look again"))).await?;
    app.ring_for_mail();
    tracing::info!(vendor = row.name, state = to.as_str(), "The operator has decided on a vendor");
    Ok(VendorRow { state: to, ..row })
}
