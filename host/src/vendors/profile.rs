//! What a vendor says of itself.

use iap_core::{Time, country::Country, vat::VatNumber};
use iap_store::repositories::{Profile, VendorProfiles, VendorRow};

use super::{VendorError, commit, payout};
use crate::{app::App, clock::rfc3339, mail::texts};

/// Longest shown name or organisation, in characters.
const LONGEST: usize = 100;
/// Longest address, as mail servers take it.
const LONGEST_EMAIL: usize = 254;

/// A text of one line.
pub fn line(field: &'static str, text: &str) -> Result<String, VendorError> {
    let text = text.trim();
    if text.is_empty() || text.chars().any(char::is_control) || LONGEST < text.chars().count() {
        return Err(VendorError::invalid(field, format!("must be one line of 1 to {LONGEST} characters")));
    }
    Ok(text.to_owned())
}

/// An address, in small letters: so that nobody is a member twice.
pub fn email(field: &'static str, text: &str) -> Result<String, VendorError> {
    let text = text.trim().to_lowercase();
    let odd = |c: char| c.is_whitespace() || c.is_control() || !c.is_ascii() || "<>\"(),:;[]\\".contains(c);
    let fits = text.len() <= LONGEST_EMAIL
        && !text.contains(odd)
        && text.split_once('@').is_some_and(|(name, host)| {
            let dotted = host.contains('.') && host.split('.').all(|label| !label.is_empty());
            !name.is_empty() && !host.contains('@') && (dotted || host == "localhost")
        });
    if fits {
        Ok(text)
    } else {
        Err(VendorError::invalid(field, format!("{text:?} is no address such as \"name@example.com\"")))
    }
}

/// A country by its ISO 3166-1 code.
pub fn country(text: &str) -> Result<String, VendorError> {
    let country = Country::parse(text).map_err(|why| VendorError::invalid("country", why.to_string()))?;
    Ok(country.as_str().to_owned())
}

/// A VAT number of a country, in capitals without separators. Where no form is known it is taken as it is.
pub fn vat_number(text: &str, country: &str) -> Result<String, VendorError> {
    let wrong = |why: String| VendorError::invalid("vat_number", why);
    // Monaco and the Isle of Man are within the VAT of a neighbour.
    let taxed = match country {
        "MC" => "FR",
        "IM" => "GB",
        other => other,
    };
    let taxed = Country::parse(taxed).map_err(|why| VendorError::invalid("country", why.to_string()))?;
    if !VatNumber::is_known_for(taxed) {
        return line("vat_number", text);
    }
    let number = VatNumber::parse(text).map_err(|why| wrong(why.to_string()))?;
    if number.country() != taxed {
        return Err(wrong(format!("{text:?} is a number of {}, and the country is {country}", number.country())));
    }
    Ok(number.as_str().to_owned())
}

/// What is to be changed; what is absent stays.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// Shown name.
    pub title: Option<String>,
    /// Who it is in law.
    pub organisation: Option<String>,
    /// ISO 3166-1 alpha-2.
    pub country: Option<String>,
    /// With its country's prefix; an empty text takes it away.
    pub vat_number: Option<String>,
    /// Where mails go: the address of an owner.
    pub email: Option<String>,
    /// Newer terms that it accepts.
    pub terms_version: Option<String>,
}

/// Changes what a vendor says of itself. Where its mails go is guarded like its payout details, since the word of a
/// change of those goes there: the old address is told, and payouts are held.
pub async fn change(app: &App, vendor: &VendorRow, change: Change, by: &str) -> Result<VendorRow, VendorError> {
    let now = app.store.clock().now();
    let mut row = vendor.clone();
    apply(app, &mut row.profile, &change)?;
    if change.terms_version.is_some() {
        row.terms_accepted_at = Some(now);
    }
    let name = &vendor.name;
    let mut statements = vec![VendorProfiles::change(name, &row.profile, row.terms_accepted_at)];
    if row.profile.email != vendor.profile.email {
        let new = row.profile.email.clone().unwrap_or_default();
        let owner = app.store.members().find(name, &new).await?;
        if owner.is_none_or(|member| member.confirmed_at.is_none() || member.role != "owner") {
            let why = format!("{new} is no owner of {name:?} who has confirmed the address; invite them first");
            return Err(VendorError::invalid("email", why));
        }
        let until = hold(&mut row, now);
        statements.push(VendorProfiles::hold_payouts(name, until));
        let held_until = rfc3339(until);
        let text = texts::ContactChanged { vendor: &vendor.profile.title, email: &new, by, held_until: &held_until };
        statements.extend(vendor.profile.email.iter().map(|old| app.outbox().put(old, &text)));
    }
    commit(app, statements, || VendorError::WrongState(format!("{name:?} was changed meanwhile; look again"))).await?;
    app.ring_for_mail();
    tracing::info!(vendor = name, by, "A vendor says something else of itself");
    Ok(row)
}

fn hold(row: &mut VendorRow, now: Time) -> Time {
    let until = now.plus_seconds(payout::HOLD);
    row.payouts_held_until = Some(until);
    until
}

fn apply(app: &App, profile: &mut Profile, change: &Change) -> Result<(), VendorError> {
    if let Some(title) = &change.title {
        profile.title = line("title", title)?;
    }
    if let Some(organisation) = &change.organisation {
        profile.organisation = Some(line("organisation", organisation)?);
    }
    if let Some(code) = &change.country {
        profile.country = Some(country(code)?);
    }
    match change.vat_number.as_deref() {
        Some("") => profile.vat_number = None,
        Some(text) => profile.vat_number = Some(vat_number(text, profile.country.as_deref().unwrap_or_default())?),
        // A number is of its country.
        None => {
            if let (Some(text), Some(code), true) = (&profile.vat_number, &profile.country, change.country.is_some()) {
                vat_number(text, code)?;
            }
        }
    }
    if let Some(text) = &change.email {
        profile.email = Some(email("email", text)?);
    }
    if let Some(version) = &change.terms_version {
        if *version != app.config.terms_version {
            let message = format!("the terms are of version {:?}, not {version:?}", app.config.terms_version);
            return Err(VendorError::invalid("terms_version", message));
        }
        profile.terms_version = Some(version.clone());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_in_small_letters() {
        assert_eq!(email("email", " Ann@Example.COM ").unwrap(), "ann@example.com");
        assert_eq!(email("email", "dev@localhost").unwrap(), "dev@localhost");
        for wrong in
            ["", "ann", "@a.b", "ann@", "ann@host", "a@b@c.d", "a b@c.d", "a@c..d", "<a@b.c>", "ann@b.c\nBcc: x"]
        {
            assert!(email("email", wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn texts_are_one_line() {
        assert_eq!(line("title", "  Acme  ").unwrap(), "Acme");
        for wrong in ["", " ", "a\nb", &"x".repeat(101)] {
            assert!(line("title", wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_vat_number_is_of_its_country() {
        assert_eq!(vat_number("be 0477.472.701", "BE").unwrap(), "BE0477472701");
        assert_eq!(vat_number("EIN 12-3456789", "US").unwrap(), "EIN 12-3456789", "no form is known");
        for (number, country) in [("BE0477472702", "BE"), ("BE0477472701", "FR"), ("", "BE"), ("", "US")] {
            assert!(vat_number(number, country).is_err(), "{number} of {country}");
        }
    }

    #[test]
    fn countries_are_those_of_iso_3166() {
        assert_eq!(country("be").unwrap(), "BE");
        for wrong in ["", "B", "BEL", "XX", "EU", "UK"] {
            assert!(country(wrong).is_err(), "{wrong:?}");
        }
    }
}
