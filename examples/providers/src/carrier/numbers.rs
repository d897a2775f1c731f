//! Numbers that misbehave, by their last four digits. All others work.

use axum::http::StatusCode;

use super::error::ApiError;

/// One ending, and what a message to such a number meets.
#[derive(Debug, Clone, Copy)]
pub struct Misbehaviour {
    /// The last four digits of the number.
    pub suffix: &'static str,
    /// What happens, in words for people.
    pub effect: &'static str,
    pub(super) behaviour: Behaviour,
}

/// What the carrier does with a message, once its fields are in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Behaviour {
    /// Refused with a Twilio error; nothing is accepted.
    Refuse(Refusal),
    /// Answered late with HTTP 504; nothing is accepted.
    Hang,
    /// Answered with a page that is no JSON, and status 200; nothing is accepted.
    Garbage,
    /// The connection ends after the request was read; nothing is accepted.
    Drop,
    /// Accepted at once, answered late: the caller cannot know.
    AcceptThenHang,
    /// Accepted; the outcome says how it goes on.
    Accept(Outcome),
}

/// Why a number is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Refusal {
    UnknownNumber,
    RegionNotEnabled,
    OptedOut,
    TooManyRequests,
    ServerError,
}

/// How an accepted message ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// `sent`, `delivered`.
    Delivered,
    /// `failed` with error 30007.
    Failed,
    /// `sent`, `undelivered` with error 30003.
    Undelivered,
    /// Never any status.
    Silent,
    /// As delivered, but the callbacks carry a signature made with another key.
    BadSignature,
}

/// Every ending that misbehaves, with what it does.
pub const MISBEHAVING: [Misbehaviour; 13] = [
    row("0404", "refused as no valid number: HTTP 400, error 21211", Behaviour::Refuse(Refusal::UnknownNumber)),
    row("0408", "refused, region not enabled: HTTP 403, error 21408", Behaviour::Refuse(Refusal::RegionNotEnabled)),
    row("0610", "refused, recipient opted out: HTTP 400, error 21610", Behaviour::Refuse(Refusal::OptedOut)),
    row("0429", "refused, too many requests: HTTP 429, error 20429", Behaviour::Refuse(Refusal::TooManyRequests)),
    row("0500", "the carrier fails: HTTP 500, error 20500", Behaviour::Refuse(Refusal::ServerError)),
    row("0502", "HTTP 200 with an HTML page instead of JSON; not accepted", Behaviour::Garbage),
    row("0503", "the connection drops after the request was read; not accepted", Behaviour::Drop),
    row("0504", "hangs, then HTTP 504; not accepted", Behaviour::Hang),
    row("0505", "accepted, but hangs before it answers 201: the caller cannot know", Behaviour::AcceptThenHang),
    row("0666", "accepted, then status failed, error 30007", Behaviour::Accept(Outcome::Failed)),
    row("0667", "accepted, sent, then undelivered, error 30003", Behaviour::Accept(Outcome::Undelivered)),
    row("0700", "accepted, and never any status", Behaviour::Accept(Outcome::Silent)),
    row(
        "0701",
        "accepted and delivered, but callbacks carry a bad signature",
        Behaviour::Accept(Outcome::BadSignature),
    ),
];

const fn row(suffix: &'static str, effect: &'static str, behaviour: Behaviour) -> Misbehaviour {
    Misbehaviour { suffix, effect, behaviour }
}

/// What happens to a message to this number.
pub(super) fn behaviour(to: &str) -> Behaviour {
    MISBEHAVING
        .iter()
        .find(|known| to.ends_with(known.suffix))
        .map_or(Behaviour::Accept(Outcome::Delivered), |known| known.behaviour)
}

impl Refusal {
    /// The refusal as Twilio words it.
    pub(super) fn error(self, to: &str) -> ApiError {
        match self {
            Self::UnknownNumber => invalid_to(to),
            Self::RegionNotEnabled => ApiError::new(
                StatusCode::FORBIDDEN,
                21408,
                format!(
                    "Permission to send an SMS has not been enabled for the region indicated by the 'To' number: {to}"
                ),
            ),
            Self::OptedOut => ApiError::field(21610, "Attempt to send to unsubscribed recipient"),
            Self::TooManyRequests => ApiError::too_many(),
            Self::ServerError => ApiError::internal(),
        }
    }
}

/// The refusal of a number that is none.
pub(super) fn invalid_to(to: &str) -> ApiError {
    ApiError::field(21211, format!("Invalid 'To' Phone Number: {to}"))
}

/// Whether this is a number in E.164 form: a plus, no leading zero, 7 to 15 digits.
pub(super) fn is_e164(number: &str) -> bool {
    number.strip_prefix('+').is_some_and(|digits| {
        (7..=15).contains(&digits.len()) && !digits.starts_with('0') && digits.bytes().all(|b| b.is_ascii_digit())
    })
}

/// Whether Twilio could send from this: a number, a short code, or a name with a letter in it.
pub(super) fn is_sender(from: &str) -> bool {
    let short_code = (3..=8).contains(&from.len()) && from.bytes().all(|b| b.is_ascii_digit());
    let name = (1..=11).contains(&from.len())
        && from.bytes().all(|b| b.is_ascii_alphanumeric() || b" +-_&".contains(&b))
        && from.bytes().any(|b| b.is_ascii_alphabetic());
    is_e164(from) || short_code || name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_everyday_tests_are_ordinary() {
        for to in [
            "+32475000001",
            "+32475000002",
            "+32475000099",
            "+32475000098",
            "+32475000097",
            "+32475123456",
            "+33612345678",
        ] {
            assert!(is_e164(to));
            assert_eq!(behaviour(to), Behaviour::Accept(Outcome::Delivered), "{to}");
        }
    }

    #[test]
    fn senders_are_numbers_short_codes_or_names() {
        for good in ["+15005550006", "12345", "My Company", "A"] {
            assert!(is_sender(good), "{good}");
        }
        for bad in ["12", "123456789", "Twelve chars", "Ünicode", "+0123", "--"] {
            assert!(!is_sender(bad), "{bad}");
        }
    }
}
