//! Where a vendor's money goes.

use iap_core::{Time, iban::Iban};
use iap_store::repositories::{MemberRow, VendorProfiles, VendorRow};

use super::{
    VendorError,
    codes::{self, Purpose},
    commit, currencies, find, members,
};
use crate::{app::App, clock::rfc3339, mail::texts};

/// Seconds for which nothing is paid out after a change.
pub const HOLD: i64 = 7 * 24 * 3600;

/// Mails a member a code, for what needs one.
pub async fn reauthenticate(app: &App, member: &MemberRow, origin: &str) -> Result<(), VendorError> {
    let vendor = find(app, &member.vendor).await?;
    let purpose = Purpose::Reauthenticate(&vendor.name);
    let new = codes::make(app, purpose, &member.email, origin, codes::LIFETIME).await?;
    let minutes = codes::minutes(codes::LIFETIME);
    let text = texts::Reauthenticate { vendor: &vendor.profile.title, code: &new.code, minutes: &minutes };
    app.store.write(vec![new.record, app.outbox().put(&member.email, &text)]).await?;
    app.ring_for_mail();
    Ok(())
}

/// Where a vendor is to be paid.
#[derive(Clone, Copy, Debug)]
pub struct Details<'a> {
    /// Account.
    pub iban: &'a str,
    /// ISO 4217 code.
    pub currency: &'a str,
    /// The code that was mailed for it.
    pub code: &'a str,
}

/// Changes where a vendor is paid. Everybody who was told of such things before is told, and nothing is paid out for
/// [`HOLD`], so that a stolen token and mailbox are found out before money is gone.
pub async fn set(
    app: &App,
    member: &MemberRow,
    details: Details<'_>,
    rider: impl Fn(&VendorRow, Time) -> Option<iap_store::Statement> + Send + Sync,
) -> Result<VendorRow, VendorError> {
    let vendor = find(app, &member.vendor).await?;
    let iban = Iban::parse(details.iban).map_err(|why| VendorError::invalid("iban", why.to_string()))?;
    let currency = details.currency.trim();
    if !currencies::is_known(currency) {
        let why = format!("{currency:?} is no ISO 4217 code such as \"EUR\"");
        return Err(VendorError::invalid("currency", why));
    }
    let used = codes::check(app, Purpose::Reauthenticate(&vendor.name), &member.email, details.code).await?;
    let now = app.store.clock().now();
    let mut statements = vec![used];
    let mut after = vendor.clone();
    let (iban, currency) = (Some(iban.as_str().to_owned()), Some(currency.to_owned()));
    if (&iban, &currency) != (&vendor.payout_iban, &vendor.payout_currency) {
        let until = now.plus_seconds(HOLD);
        after.payouts_held_until = Some(until);
        (after.payout_iban, after.payout_currency) = (iban, currency);
        let (iban, currency) = (after.payout_iban.as_deref().unwrap_or_default(), after.payout_currency.as_deref());
        statements.push(VendorProfiles::pay_to(&vendor.name, iban, currency.unwrap_or_default()));
        statements.push(VendorProfiles::hold_payouts(&vendor.name, until));
        let (iban_end, held_until) = (&iban[iban.len().saturating_sub(4)..], rfc3339(until));
        let text = texts::PayoutChanged {
            vendor: &vendor.profile.title,
            iban_end,
            by: &member.email,
            held_until: &held_until,
        };
        statements.extend(members::told(app, &vendor).await?.iter().map(|email| app.outbox().put(email, &text)));
    }
    statements.extend(rider(&after, now));
    commit(app, statements, || VendorError::WrongCode).await?;
    app.ring_for_mail();
    tracing::info!(vendor = vendor.name, by = member.email, "Payout details are set");
    Ok(after)
}

/// Until when nothing is paid out to a vendor, if so.
pub fn held(vendor: &VendorRow, now: Time) -> Option<Time> {
    vendor.payouts_held_until.filter(|until| now < *until)
}

/// A stored IBAN of which enough is hidden: `BE… 7034`.
pub fn masked(iban: &str) -> String {
    Iban::parse(iban).map_or_else(|_| "…".to_owned(), |iban| iban.masked())
}
