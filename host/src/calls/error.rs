//! Why a call has no answer. Each door translates it into its protocol, once.

use iap_core::Credits;
use iap_runtime::{Busy, Failure, Fault};
use iap_store::{PostError, StoreError};

/// Why a call has no answer.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The service has no such operation.
    #[error("service {service} has no operation {operation:?}")]
    UnknownOperation {
        /// The service.
        service: String,
        /// The operation.
        operation: String,
    },
    /// A remote provider is called at its own address.
    #[error("service {0} is a remote provider: call the provider, which draws credits here")]
    Remote(String),
    /// The account may not use the service.
    #[error("{message}")]
    Standing {
        /// Code of the contract.
        code: &'static str,
        /// One sentence with the remedy.
        message: String,
    },
    /// The account lacks credits.
    #[error("{needed} credits are needed and {available} are available; buy a pack")]
    InsufficientCredit {
        /// Credits asked for.
        needed: Credits,
        /// Credits that may be spent.
        available: Credits,
    },
    /// The ledger refuses whatever the plugin says: `account-in-debt`, `spending-cap` or `posting-stopped`.
    #[error("{message}")]
    Ledger {
        /// The code.
        code: &'static str,
        /// One sentence with the remedy.
        message: String,
    },
    /// The plugin refused or failed in its own words.
    #[error("{}", words(.0))]
    Failure(Failure),
    /// The plugin was stopped.
    #[error("{fault}; {}", if *.charged { "what was delivered before stays charged" } else { "nothing was charged" })]
    Fault {
        /// Why.
        fault: Fault,
        /// A capture had succeeded before.
        charged: bool,
    },
    /// There was no room.
    #[error("{0}")]
    Busy(Busy),
    /// A free operation was called too often.
    #[error("this operation was called too often; try again in {0} s")]
    TooOften(u32),
    /// The idempotency key was used with another request.
    #[error("the idempotency key was used before with another {field}; use a new key for a new request")]
    KeyReused {
        /// The first member that differs.
        field: String,
    },
    /// An earlier call with the same key or work still runs.
    #[error("the same work is being done by an earlier call; ask again in a moment")]
    StillRunning,
    /// What the call, or an earlier one with the same key or work, did is not known yet.
    #[error(
        "the outcome is not known yet: the provider did not answer, and is asked what it did. If it did its work that is charged, else everything goes back; ask again later"
    )]
    OutcomeUnknown,
    /// The input is not what it should be.
    #[error("{0}")]
    BadInput(String),
    /// The request's documents have no room: one sentence that names the limit.
    #[error("the documents of the request have no room: {0}")]
    NoRoom(String),
    /// The host failed.
    #[error("the host failed: {0}")]
    Host(String),
}

fn words(failure: &Failure) -> String {
    match failure {
        Failure::BadRequest { field, message } if field.is_empty() => message.clone(),
        Failure::BadRequest { field, message } => format!("{field}: {message}"),
        Failure::InsufficientCredit => "the account lacks credits; buy a pack".to_owned(),
        Failure::ProviderUnavailable(_) => {
            "the service's provider is not available; try again later. Nothing was charged".to_owned()
        }
        Failure::Refused(reason) => reason.clone(),
        Failure::Internal(_) => "the service failed; nothing was charged. Its vendor can see why".to_owned(),
        Failure::Other { message, .. } => message.clone(),
    }
}

impl From<StoreError> for CallError {
    fn from(error: StoreError) -> Self {
        Self::Host(error.to_string())
    }
}

impl From<PostError> for CallError {
    fn from(error: PostError) -> Self {
        Self::Host(error.to_string())
    }
}
