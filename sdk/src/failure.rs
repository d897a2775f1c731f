use std::fmt;

use crate::{Error, Refusal, http};

/// Why an operation, quote or job gives no answer.
///
/// `?` turns the errors of the capabilities into failures: a [`Refusal`] keeps
/// its code, a request that found no provider becomes
/// [`ProviderUnavailable`](Failure::ProviderUnavailable), everything else is
/// [`Internal`](Failure::Internal).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The request is wrong; repeating it cannot help.
    BadRequest {
        /// Path of the JSON member, as in `messages[2].number`; empty for the whole body.
        field: String,
        /// What is wrong and what to send instead.
        message: String,
    },
    /// The account lacks credits. The host adds how many, and the buy page.
    InsufficientCredit,
    /// The provider behind the service did not do its part. A job is tried again.
    ProviderUnavailable {
        /// Seconds to wait, if known.
        retry_after: Option<u32>,
    },
    /// The service declines, with the reason for the user.
    Refused(String),
    /// A defect of the plugin, with details for the vendor's log. A job is tried again.
    Internal(String),
    /// Anything else, with a code of the service's own.
    Other {
        /// Stable code that callers may act on.
        code: String,
        /// One sentence for people.
        message: String,
    },
}

impl Failure {
    /// A wrong member of the request; `field` is its path.
    pub fn bad_request(field: impl Into<String>, message: impl Into<String>) -> Self {
        Self::BadRequest { field: field.into(), message: message.into() }
    }

    /// A provider that did not answer as it should, with no known time to wait.
    pub fn provider_unavailable() -> Self {
        Self::ProviderUnavailable { retry_after: None }
    }

    /// A reason that the user reads.
    pub fn refused(reason: impl Into<String>) -> Self {
        Self::Refused(reason.into())
    }

    /// Details that the vendor reads.
    pub fn internal(details: impl Into<String>) -> Self {
        Self::Internal(details.into())
    }

    /// A failure with a code of the service's own.
    pub fn other(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Other { code: code.into(), message: message.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadRequest { field, message } if field.is_empty() => write!(f, "bad request: {message}"),
            Self::BadRequest { field, message } => write!(f, "bad request: {field}: {message}"),
            Self::InsufficientCredit => f.write_str("insufficient credit"),
            Self::ProviderUnavailable { retry_after: None } => f.write_str("provider unavailable"),
            Self::ProviderUnavailable { retry_after: Some(seconds) } => {
                write!(f, "provider unavailable, try again in {seconds} s")
            }
            Self::Refused(reason) => write!(f, "refused: {reason}"),
            Self::Internal(details) => write!(f, "internal: {details}"),
            Self::Other { code, message } => write!(f, "{code}: {message}"),
        }
    }
}

impl std::error::Error for Failure {}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        match refusal.code.as_str() {
            "insufficient-credit" => Self::InsufficientCredit,
            _ => Self::Other { code: refusal.code, message: refusal.message },
        }
    }
}

impl From<http::Error> for Failure {
    fn from(error: http::Error) -> Self {
        match error.code.as_str() {
            "unreachable" | "timeout" | "too-large" | "broken" => Self::provider_unavailable(),
            _ => Self::Internal(error.to_string()),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Internal(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_keeps_its_code() {
        let short = Refusal::new("insufficient-credit", "buy more");
        assert_eq!(Failure::from(short), Failure::InsufficientCredit);
        let suspended = Refusal::new("account-suspended", "ask the operator");
        assert_eq!(Failure::from(suspended), Failure::other("account-suspended", "ask the operator"));
    }

    #[test]
    fn a_provider_that_cannot_be_reached_is_not_a_defect_of_the_plugin() {
        let lost = http::Error::new("timeout", "no answer in 5 s");
        assert_eq!(Failure::from(lost), Failure::provider_unavailable());
        let undeclared = http::Error::new("not-declared", "no endpoint `x`");
        assert!(matches!(Failure::from(undeclared), Failure::Internal(_)));
    }
}
