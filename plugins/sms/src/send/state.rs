//! What became of a message, and how each generation of databases calls it.

use iap_sdk::Refusal;
use serde::Serialize;

use iap_sdk::Credits;

/// What became of a message in this call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The carrier has it.
    Success,
    /// A job sends it and reports.
    Processing,
    /// The account lacks credits.
    InsufficientCredit,
    /// Not an international number, or the carrier knows no such number.
    WrongNumberFormat,
    /// No number was given.
    NumberMissing,
    /// No price for the country, or the carrier does not serve it.
    CountryNotSupported,
    /// The carrier did not take it, or nobody knows.
    ServerError,
    /// The account may not spend.
    Unregistered,
    /// The account must confirm a telephone number first.
    RegistrationNeeded,
    /// Empty, or too long.
    IncompatibleContent,
    /// The recipient wants no messages from this sender.
    Rejected,
}

impl State {
    /// Whether the message is paid for.
    pub fn is_accepted(self) -> bool {
        matches!(self, Self::Success | Self::Processing)
    }

    /// For 17.0 and later.
    pub fn name_v3(self) -> &'static str {
        match self {
            Self::Success => "success",
            Self::Processing => "processing",
            Self::InsufficientCredit => "insufficient_credit",
            Self::WrongNumberFormat => "wrong_number_format",
            Self::NumberMissing => "sms_number_missing",
            Self::CountryNotSupported => "country_not_supported",
            Self::ServerError => "server_error",
            Self::Unregistered => "unregistered",
            Self::RegistrationNeeded => "registration_needed",
            Self::IncompatibleContent => "incompatible_content",
            Self::Rejected => "rejected",
        }
    }

    /// For 14.0 to 16.0.
    pub fn name_v2(self) -> &'static str {
        match self {
            Self::Success | Self::Processing => "success",
            Self::InsufficientCredit => "insufficient_credit",
            Self::WrongNumberFormat | Self::NumberMissing | Self::CountryNotSupported => "wrong_number_format",
            Self::Unregistered | Self::RegistrationNeeded => "unregistered",
            Self::ServerError | Self::IncompatibleContent | Self::Rejected => "server_error",
        }
    }

    /// For 13.0.
    pub fn name_v1(self) -> &'static str {
        match self {
            Self::Unregistered | Self::RegistrationNeeded => "server_error",
            _ => self.name_v2(),
        }
    }

    /// For delivery reports.
    pub fn name_in_report(self) -> &'static str {
        if self.is_accepted() { "sent" } else { self.name_v3() }
    }
}

/// What became of a message, with its price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// What became of it.
    pub state: State,
    /// Credits spent.
    pub credit: Credits,
    /// For the user, where there is more to say than the state.
    pub reason: Option<String>,
}

impl Verdict {
    /// Accepted at this price.
    pub fn accepted(state: State, credit: Credits) -> Self {
        Self { state, credit, reason: None }
    }

    /// Not sent, for free.
    pub fn refused(state: State) -> Self {
        Self { state, credit: Credits::ZERO, reason: None }
    }

    /// Not sent, for free, with the reason for the user.
    pub fn refused_because(state: State, reason: impl Into<String>) -> Self {
        Self { reason: Some(reason.into()), ..Self::refused(state) }
    }

    /// What the host's refusal to set credits aside means for a message.
    pub fn of_refusal(refusal: &Refusal) -> Self {
        let state = match refusal.code.as_str() {
            "insufficient-credit" => State::InsufficientCredit,
            "account-disabled" | "account-suspended" | "hosting-refused" | "seen-elsewhere" | "consent-needed" => {
                State::Unregistered
            }
            _ => State::ServerError,
        };
        Self::refused_because(state, refusal.message.as_str())
    }

    /// The reason, or else the state in words.
    pub fn reason_or_default(&self) -> String {
        self.reason.clone().unwrap_or_else(|| self.state.name_v3().replace('_', " "))
    }
}

/// One object of the answer to 17.0 and later.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Item {
    /// As given.
    uuid: String,
    /// [`State::name_v3`].
    state: &'static str,
    /// Credits spent.
    credit: Credits,
    /// 19.0 stores it with the failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    failure_reason: Option<String>,
}

impl Item {
    /// The answer for one uuid.
    pub fn new(uuid: String, verdict: Verdict) -> Self {
        Self { uuid, state: verdict.state.name_v3(), credit: verdict.credit, failure_reason: verdict.reason }
    }
}

/// What is remembered under a uuid: an [`Item`] without it, so that the host has room for those of a mailing.
#[derive(Clone, Debug, Serialize)]
pub struct Memory {
    state: &'static str,
    credit: Credits,
}

impl Memory {
    /// Of a verdict without a reason.
    pub fn of(verdict: &Verdict) -> Self {
        Self { state: verdict.state.name_v3(), credit: verdict.credit }
    }
}

/// Whether a remembered answer says that the message was taken on. One that failed may be sent again.
pub(super) fn was_accepted(item: &serde_json::Value) -> bool {
    let state = item.get("state").and_then(serde_json::Value::as_str);
    state.is_some_and(|state| [State::Success, State::Processing].iter().any(|accepted| accepted.name_v3() == state))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [State; 11] = [
        State::Success,
        State::Processing,
        State::InsufficientCredit,
        State::WrongNumberFormat,
        State::NumberMissing,
        State::CountryNotSupported,
        State::ServerError,
        State::Unregistered,
        State::RegistrationNeeded,
        State::IncompatibleContent,
        State::Rejected,
    ];

    #[test]
    fn old_databases_get_only_states_that_they_know() {
        let v1 = ["success", "insufficient_credit", "wrong_number_format", "server_error"];
        for state in ALL {
            assert!(v1.contains(&state.name_v1()), "{state:?}");
            assert!(v1.contains(&state.name_v2()) || state.name_v2() == "unregistered", "{state:?}");
        }
        assert_eq!(State::RegistrationNeeded.name_v2(), "unregistered");
        assert_eq!(State::RegistrationNeeded.name_v1(), "server_error");
    }

    #[test]
    fn reports_have_names_that_databases_accept() {
        for state in ALL {
            let name = state.name_in_report();
            assert!(!name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
        }
    }

    #[test]
    fn refusals_of_the_account_are_told_apart_from_those_of_the_purse() {
        for (code, state) in [
            ("insufficient-credit", State::InsufficientCredit),
            ("account-disabled", State::Unregistered),
            ("account-suspended", State::Unregistered),
            ("hosting-refused", State::Unregistered),
            ("seen-elsewhere", State::Unregistered),
            ("consent-needed", State::Unregistered),
            ("over-max-per-call", State::ServerError),
            ("a-code-of-tomorrow", State::ServerError),
        ] {
            let verdict = Verdict::of_refusal(&Refusal::new(code, "Ask the operator."));
            assert_eq!((verdict.state, verdict.credit), (state, Credits::ZERO), "{code}");
            assert_eq!(verdict.reason.as_deref(), Some("Ask the operator."));
        }
    }
}
