//! Eight digits that are mailed, to prove an address.

use iap_store::{
    Statement, StoreError,
    repositories::{MailCodes, NewMailCode},
};
use subtle::ConstantTimeEq;

use super::VendorError;
use crate::app::App;

/// Seconds that a code may be used.
pub const LIFETIME: i64 = 30 * 60;
/// Seconds that an invitation's code may be used.
pub const INVITATION: i64 = 7 * 24 * 3600;
/// How often a code may be tried.
pub const TRIES: i64 = 5;
/// Codes of a kind that are mailed to one address in an hour. With [`TRIES`] that is 30 guesses an hour of 10^8 codes: who
/// guesses all the time hits one address once in some 380 years.
const PER_ADDRESS: i64 = 6;
/// Codes that are asked from one network in an hour.
const PER_NETWORK: i64 = 60;
const HOUR: i64 = 3600;
const DIGITS: usize = 8;

/// What a code is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose<'a> {
    /// Confirms a member's address for a vendor.
    Confirm(&'a str),
    /// Signs a browser in.
    SignIn,
    /// Says once more who it is, before something that matters for a vendor.
    Reauthenticate(&'a str),
}

impl Purpose<'_> {
    /// What codes are counted by: not the vendor, so that an address is mailed no more where many vendors are named. Each
    /// kind by itself: anybody may have codes to sign in mailed, and nobody must be hindered by that.
    const fn kind(self) -> &'static str {
        match self {
            Self::Confirm(_) => "confirm",
            Self::SignIn => "sign_in",
            Self::Reauthenticate(_) => "reauthenticate",
        }
    }

    fn stored(self) -> String {
        match self {
            Self::Confirm(vendor) | Self::Reauthenticate(vendor) => format!("{} {vendor}", self.kind()),
            Self::SignIn => self.kind().to_owned(),
        }
    }
}

/// A code to mail.
#[derive(Debug)]
pub struct NewCode {
    /// Eight digits.
    pub code: String,
    /// Records it: goes with its mail.
    pub record: Statement,
}

/// A new code, for `seconds`; it takes the place of earlier ones for the purpose.
pub async fn make(
    app: &App,
    purpose: Purpose<'_>,
    email: &str,
    origin: &str,
    seconds: i64,
) -> Result<NewCode, VendorError> {
    let now = app.store.clock().now();
    let since = now.plus_seconds(-HOUR);
    let (to_address, from_network) = app.store.mail_codes().mailed(purpose.kind(), email, origin, since).await?;
    if PER_ADDRESS <= to_address || PER_NETWORK <= from_network {
        return Err(VendorError::TooManyCodes);
    }
    let code = random_code();
    let purpose = purpose.stored();
    let row = NewMailCode {
        purpose: &purpose,
        email,
        code_hash: &hash(app, &purpose, email, &code),
        origin,
        expires_at: now.plus_seconds(seconds),
    };
    Ok(NewCode { record: MailCodes::add(app.store.ids().next(), row, now), code })
}

/// Looks at a code that came back. What it allows must be committed with the statement, which uses it up.
pub async fn check(app: &App, purpose: Purpose<'_>, email: &str, code: &str) -> Result<Statement, VendorError> {
    let now = app.store.clock().now();
    let purpose = purpose.stored();
    let code: String = code.chars().filter(|c| !c.is_whitespace() && *c != '-').collect();
    if code.len() != DIGITS || !code.bytes().all(|b| b.is_ascii_digit()) {
        return Err(VendorError::WrongCode);
    }
    let newest = app.store.mail_codes().newest(&purpose, email, now).await?;
    let newest = newest.ok_or(VendorError::WrongCode)?;
    match app.store.write(vec![MailCodes::count_try(newest.id, TRIES)]).await {
        Err(StoreError::Conflict(_)) => return Err(VendorError::WrongCode),
        done => drop(done?),
    }
    let fits = hash(app, &purpose, email, &code).as_bytes().ct_eq(newest.code_hash.as_bytes());
    if bool::from(fits) { Ok(MailCodes::used(newest.id, now)) } else { Err(VendorError::WrongCode) }
}

fn hash(app: &App, purpose: &str, email: &str, code: &str) -> String {
    app.keys.sign_in("code", &format!("{purpose}\0{email}\0{code}"))
}

fn random_code() -> String {
    let mut bytes = [0; 8];
    getrandom::fill(&mut bytes).expect("the system gives random bytes");
    format!("{:08}", u64::from_le_bytes(bytes) % 100_000_000)
}

/// Minutes of a lifetime, for mails.
pub(super) fn minutes(seconds: i64) -> String {
    (seconds / 60).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_eight_digits_and_differ() {
        let codes: std::collections::BTreeSet<_> = (0..200).map(|_| random_code()).collect();
        assert!(codes.iter().all(|code| code.len() == DIGITS && code.bytes().all(|b| b.is_ascii_digit())), "{codes:?}");
        assert!(190 < codes.len(), "{}", codes.len());
    }

    #[test]
    fn a_code_is_good_for_one_purpose_of_one_vendor() {
        let purposes = [Purpose::Confirm("a"), Purpose::Confirm("b"), Purpose::Reauthenticate("a"), Purpose::SignIn];
        let stored: std::collections::BTreeSet<_> = purposes.into_iter().map(Purpose::stored).collect();
        assert_eq!(stored.len(), purposes.len());
        for purpose in purposes {
            assert_eq!(purpose.stored().split(' ').next(), Some(purpose.kind()), "codes are counted by it");
        }
    }
}
