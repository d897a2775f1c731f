//! What mails say: a text file for each kind, `texts/KIND.txt`, with `{name}` where a value goes.
//!
//! The first line is the subject, then an empty line, then the body. `{host}` is how people reach this host.

/// A mail without its recipient.
pub trait Text {
    /// What it is about, as `release_approved`.
    fn kind(&self) -> &'static str;
    /// Its file.
    fn template(&self) -> &'static str;
    /// What goes where.
    fn values(&self) -> Vec<(&'static str, &str)>;
}

macro_rules! texts {
    ($($(#[$doc:meta])* $name:ident = $kind:literal { $($(#[$field_doc:meta])* $field:ident,)* })*) => {
        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug)]
            pub struct $name<'a> {
                $($(#[$field_doc])* pub $field: &'a str,)*
            }

            impl Text for $name<'_> {
                fn kind(&self) -> &'static str {
                    $kind
                }

                fn template(&self) -> &'static str {
                    include_str!(concat!("texts/", $kind, ".txt"))
                }

                fn values(&self) -> Vec<(&'static str, &str)> {
                    vec![$((stringify!($field), self.$field)),*]
                }
            }
        )*

        /// Kind, file and names of values of each.
        #[cfg(test)]
        const ALL: &[(&str, &str, &[&str])] = &[
            $(($kind, include_str!(concat!("texts/", $kind, ".txt")), &[$(stringify!($field)),*]),)*
        ];
    };
}

texts! {
    /// Confirms the address of somebody who signs a vendor up.
    Confirm = "confirm" {
        /// Shown name of the vendor.
        vendor,
        /// What to type.
        code,
        /// For how many minutes it is good.
        minutes,
    }
    /// Signs somebody in.
    SignIn = "sign_in" {
        /// What to type.
        code,
        /// For how many minutes it is good.
        minutes,
    }
    /// Asks once more who it is, before something that matters.
    Reauthenticate = "reauthenticate" {
        /// Shown name of the vendor.
        vendor,
        /// What to type.
        code,
        /// For how many minutes it is good.
        minutes,
    }
    /// The operator took a vendor in.
    VendorApproved = "vendor_approved" {
        /// Shown name of the vendor.
        vendor,
    }
    /// The operator did not.
    VendorRefused = "vendor_refused" {
        /// Shown name of the vendor.
        vendor,
        /// Why.
        reason,
    }
    /// Somebody is asked to act for a vendor.
    MemberAdded = "member_added" {
        /// Shown name of the vendor.
        vendor,
        /// Its name in manifests.
        name,
        /// `owner`, `developer` or `finance`.
        role,
        /// Who asks them.
        by,
        /// What to type.
        code,
        /// For how many days it is good.
        days,
    }
    /// To the vendor and its owners: somebody is asked to become an owner or finance member.
    MemberInvited = "member_invited" {
        /// Shown name of the vendor.
        vendor,
        /// Who is asked.
        email,
        /// `owner` or `finance`.
        role,
        /// Who asks them.
        by,
    }
    /// To the vendor and its owners: somebody acts for it no more.
    MemberRemoved = "member_removed" {
        /// Shown name of the vendor.
        vendor,
        /// Who.
        email,
        /// `owner`, `developer` or `finance`.
        role,
        /// Who removed them.
        by,
    }
    /// A key signs a vendor's releases from now on.
    KeyAdded = "key_added" {
        /// Shown name of the vendor.
        vendor,
        /// The key, in hexadecimal.
        key,
        /// What its owner calls it.
        title,
        /// Who registered it.
        by,
    }
    /// To the address from before: a vendor's mails go elsewhere.
    ContactChanged = "contact_changed" {
        /// Shown name of the vendor.
        vendor,
        /// The new address.
        email,
        /// Who changed it.
        by,
        /// Until when nothing is paid out.
        held_until,
    }
    /// To the address from before: payout details were changed.
    PayoutChanged = "payout_changed" {
        /// Shown name of the vendor.
        vendor,
        /// The last digits of the new IBAN.
        iban_end,
        /// Who changed them.
        by,
        /// Until when nothing is paid out.
        held_until,
    }
    /// A release came.
    ReleaseSubmitted = "release_submitted" {
        /// Wire name of the service.
        service,
        /// Its version.
        version,
    }
    /// A release may serve.
    ReleaseApproved = "release_approved" {
        /// Wire name of the service.
        service,
        /// Its version.
        version,
    }
    /// A release may not.
    ReleaseRejected = "release_rejected" {
        /// Wire name of the service.
        service,
        /// Its version.
        version,
        /// Why, a line each.
        reasons,
    }
    /// A release serves no more.
    ReleaseStopped = "release_stopped" {
        /// Wire name of the service.
        service,
        /// Its version.
        version,
        /// Why.
        reason,
        /// Which one serves now, in words.
        instead,
    }
    /// To the vendor: the operator stopped a service.
    ServiceSuspended = "service_suspended" {
        /// Wire name of the service.
        service,
        /// Why.
        reason,
    }
    /// To the vendor: it goes on.
    ServiceResumed = "service_resumed" {
        /// Wire name of the service.
        service,
    }
    /// To admins: a service ends.
    ServiceDiscontinued = "service_discontinued" {
        /// Shown name of the service.
        service,
        /// The last day.
        ends_at,
        /// The account's page.
        link,
    }
    /// To admins: a service has ended.
    ServiceEnded = "service_ended" {
        /// Shown name of the service.
        service,
        /// What goes back, in words.
        refunded,
    }
    /// To admins: prices will rise.
    PriceNotice = "price_notice" {
        /// Shown name of the service.
        service,
        /// A line for each price that changes.
        prices,
        /// From when on.
        from,
        /// The account's page.
        link,
    }
    /// To admins: a new major version waits for their consent.
    NewMajor = "new_major" {
        /// Shown name of the service.
        service,
        /// Its version.
        version,
        /// The account's page.
        link,
    }
    /// To admins: their database moved to where a service may not be used.
    HostingSuspended = "hosting_suspended" {
        /// Shown name of the service.
        service,
        /// Why not.
        reason,
        /// Credits that stay.
        credits,
    }
    /// To admins: it may be used again.
    HostingResumed = "hosting_resumed" {
        /// Shown name of the service.
        service,
        /// Credits that are there.
        credits,
    }
    /// To admins: credits run out.
    LowCredit = "low_credit" {
        /// Shown name of the service.
        service,
        /// What is left, with its unit.
        balance,
        /// Below what to warn.
        threshold,
        /// The account's page.
        link,
    }
}

/// Letters of a subject at most.
const SUBJECT: usize = 150;

/// Subject and body.
pub(super) fn rendered(text: &impl Text, host: &str) -> (String, String) {
    let mut values = text.values();
    values.push(("host", host));
    let (subject, body) = text.template().split_once("\n\n").unwrap_or((text.template(), ""));
    let subject =
        filled(subject, &values).chars().map(|c| if c.is_control() { ' ' } else { c }).take(SUBJECT).collect();
    let body = filled(body, &values).chars().filter(|c| *c == '\n' || !c.is_control()).collect();
    (subject, body)
}

/// Puts values in, once: what looks like a name in a value stays as it is.
fn filled(template: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(template.len() * 2);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let value = after.split_once('}').and_then(|(name, after)| {
            values.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value, after))
        });
        match value {
            Some((value, after)) => {
                filled.push_str(value);
                rest = after;
            }
            None => {
                filled.push('{');
                rest = after;
            }
        }
    }
    filled.push_str(rest);
    filled
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_has_a_subject_a_body_and_all_its_values() {
        for (kind, text, fields) in ALL {
            let (subject, body) = text.split_once("\n\n").unwrap_or_else(|| panic!("{kind} has no body"));
            assert!(!subject.contains('\n') && subject.len() < 100, "{kind}: {subject}");
            assert!(body.lines().all(|line| line.len() <= 100), "{kind} has long lines");
            for field in *fields {
                assert!(text.contains(&format!("{{{field}}}")), "{kind} does not say {field}");
            }
            let values: Vec<_> = fields.iter().chain(&["host"]).map(|name| (*name, "x")).collect();
            let filled = filled(text, &values);
            assert!(!filled.contains(['{', '}']), "{kind} names a value that it is not given:\n{filled}");
        }
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/mail/texts");
        assert_eq!(std::fs::read_dir(folder).unwrap().count(), ALL.len(), "a file of no kind");
    }

    #[test]
    fn values_are_neither_read_as_names_nor_as_further_lines_of_the_subject() {
        let text = VendorRefused { vendor: "{reason}\r\nBcc: x@y.example", reason: "a\u{0}\u{7}b\nc" };
        let (subject, body) = rendered(&text, "https://h.example");
        assert_eq!(subject.lines().count(), 1, "{subject:?}");
        assert!(subject.contains("{reason}  Bcc: x@y.example"), "{subject:?}");
        assert!(body.contains("ab\nc") && body.contains("https://h.example") && !body.contains('\r'), "{body}");
        let long = VendorApproved { vendor: &"é".repeat(1_000) };
        assert_eq!(rendered(&long, "").0.chars().count(), SUBJECT);
    }
}
