//! How far a message has come, in the carrier's words and in the database's.

/// What the database is told, in the order in which it can happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// Given to the recipient's network.
    Sent,
    /// It will not arrive.
    Failed(Why),
    /// It arrived. Nothing comes after that; an error would overwrite it in the database.
    Delivered,
}

/// Why a message does not arrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Why {
    /// Nobody said.
    NotDelivered,
    /// It came too late.
    Expired,
    /// The number is not in use, or takes no messages.
    InvalidDestination,
    /// This sender may not send there.
    NotAllowed,
    /// Filtered by the network, or blocked by the recipient.
    Rejected,
}

impl Status {
    /// What a callback's form says; nothing while the message is on its way.
    pub(super) fn of_form(form: &[(String, String)]) -> Option<Self> {
        let value = |name| form.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
        let code = value("ErrorCode").and_then(|code| code.parse().ok()).unwrap_or_default();
        match value("MessageStatus").or_else(|| value("SmsStatus"))? {
            "sent" => Some(Self::Sent),
            "delivered" | "read" => Some(Self::Delivered),
            "undelivered" => Some(Self::Failed(undelivered(code))),
            "failed" | "canceled" => Some(Self::Failed(failed(code))),
            _ => None,
        }
    }

    /// As stored, which is as named.
    pub(super) fn of_stored(bytes: &[u8]) -> Option<Self> {
        let all = [
            Self::Sent,
            Self::Delivered,
            Self::Failed(Why::NotDelivered),
            Self::Failed(Why::Expired),
            Self::Failed(Why::InvalidDestination),
            Self::Failed(Why::NotAllowed),
            Self::Failed(Why::Rejected),
        ];
        all.into_iter().find(|status| status.name().as_bytes() == bytes)
    }

    /// As the database is told.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Failed(Why::NotDelivered) => "not_delivered",
            Self::Failed(Why::Expired) => "expired",
            Self::Failed(Why::InvalidDestination) => "invalid_destination",
            Self::Failed(Why::NotAllowed) => "not_allowed",
            Self::Failed(Why::Rejected) => "rejected",
        }
    }

    /// Whether it is news after `known`. A second error is not: the first one said it.
    pub(super) fn follows(self, known: Self) -> bool {
        self.rank() > known.rank()
    }

    fn rank(self) -> u8 {
        match self {
            Self::Sent => 1,
            Self::Failed(_) => 2,
            Self::Delivered => 3,
        }
    }
}

/// Twilio's error codes of a message that it could not hand over.
fn failed(code: u32) -> Why {
    match code {
        // Handset unreachable, unknown, a landline; no mobile number, not a number.
        30003 | 30005 | 30006 | 21211 | 21214 | 21217 | 21614 | 21635 => Why::InvalidDestination,
        // Blocked, filtered, opted out.
        30004 | 30007 | 21610 => Why::Rejected,
        // The sender is not registered or not verified for the destination, or the region is not enabled.
        30032 | 30034 | 21408 | 21612 => Why::NotAllowed,
        // Longer in the queue than it may wait.
        30036 => Why::Expired,
        _ => Why::NotDelivered,
    }
}

/// As [`failed`], but a handset that could not be reached after the network had taken the message may just
/// be switched off: that is no bounce.
fn undelivered(code: u32) -> Why {
    if code == 30003 { Why::NotDelivered } else { failed(code) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(status: &str, code: &str) -> Option<&'static str> {
        let form = [("MessageStatus", status), ("ErrorCode", code)].map(|(name, value)| (name.into(), value.into()));
        Status::of_form(&form).map(Status::name)
    }

    #[test]
    fn the_carriers_words_have_meanings() {
        for (word, code, expected) in [
            ("queued", "", None),
            ("accepted", "", None),
            ("scheduled", "", None),
            ("sending", "", None),
            ("a-word-of-tomorrow", "", None),
            ("sent", "", Some("sent")),
            ("delivered", "", Some("delivered")),
            ("undelivered", "", Some("not_delivered")),
            ("undelivered", "30003", Some("not_delivered")),
            ("undelivered", "30005", Some("invalid_destination")),
            ("undelivered", "30007", Some("rejected")),
            ("failed", "30003", Some("invalid_destination")),
            ("failed", "30005", Some("invalid_destination")),
            ("failed", "30006", Some("invalid_destination")),
            ("failed", "30004", Some("rejected")),
            ("failed", "30007", Some("rejected")),
            ("failed", "30008", Some("not_delivered")),
            ("failed", "30034", Some("not_allowed")),
            ("failed", "30036", Some("expired")),
            ("failed", "not a number", Some("not_delivered")),
        ] {
            assert_eq!(status(word, code), expected, "{word} {code}");
        }
        assert_eq!(Status::of_form(&[]), None);
    }

    #[test]
    fn progress_only_goes_forward() {
        let bounce = Status::Failed(Why::Rejected);
        assert!(Status::Delivered.follows(Status::Sent) && bounce.follows(Status::Sent));
        assert!(!Status::Sent.follows(Status::Sent), "a repeat is no news");
        assert!(!Status::Sent.follows(Status::Delivered) && !Status::Sent.follows(bounce));
        assert!(!bounce.follows(Status::Delivered), "an error would overwrite a delivery");
        assert!(!bounce.follows(Status::Failed(Why::NotDelivered)));
    }

    #[test]
    fn what_is_stored_is_read_again() {
        for word in ["sent", "delivered", "not_delivered", "expired", "invalid_destination", "not_allowed", "rejected"]
        {
            assert_eq!(Status::of_stored(word.as_bytes()).map(Status::name), Some(word));
        }
        assert_eq!(Status::of_stored(b"processing"), None);
    }
}
