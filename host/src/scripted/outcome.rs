//! What came of a step of a test.

use std::time::Duration;

use iap_core::{Credits, prices::PricedLines};
use iap_runtime::{Ended, Failure, HookResponse, Limit};

/// How a step went.
#[derive(Clone, Debug)]
pub struct Seen {
    /// What came of it.
    pub outcome: Outcome,
    /// Credits that it took.
    pub charged: Credits,
    /// What it used, if a plugin ran once.
    pub spent: Option<Spent>,
}

/// What came of a step.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The operation's answer.
    Answered(Vec<u8>),
    /// A quote's lines, priced.
    Quoted(PricedLines),
    /// A failure of the contract.
    Failed(Failure),
    /// A request with effects was never answered, and the plugin is asked later (`on_unknown = "ask"`).
    Unknown,
    /// The plugin broke off.
    Fault(iap_runtime::Fault),
    /// The hook's answer.
    Hook(HookResponse),
    /// The input cannot be used, or the quote's lines not be priced.
    Refused(String),
    /// Nothing to tell.
    Done,
}

/// What one run of a plugin used.
#[derive(Clone, Copy, Debug)]
pub struct Spent {
    /// See [`Ended::fuel`].
    pub fuel: Option<u64>,
    /// Bytes of linear memory.
    pub peak_memory: u64,
    /// Processor time.
    pub cpu: Duration,
    /// On the real clock.
    pub wall: Duration,
    /// Requests to providers.
    pub http_requests: u32,
}

impl<T> From<&Ended<T>> for Spent {
    fn from(ended: &Ended<T>) -> Self {
        Self {
            fuel: ended.fuel,
            peak_memory: ended.peak_memory,
            cpu: ended.cpu,
            wall: ended.duration,
            http_requests: ended.http_requests,
        }
    }
}

impl Outcome {
    /// `answered`, or the code of what came in place of an answer.
    pub fn code(&self) -> &str {
        match self {
            Self::Answered(_) | Self::Quoted(_) | Self::Hook(_) | Self::Done => "answered",
            Self::Failed(failure) => code(failure),
            Self::Unknown => "outcome-unknown",
            Self::Fault(fault) => fault.class(),
            Self::Refused(_) => "bad-request",
        }
    }

    /// The words of a failure or fault.
    pub fn message(&self) -> Option<String> {
        Some(match self {
            Self::Answered(_) | Self::Quoted(_) | Self::Hook(_) | Self::Done | Self::Unknown => return None,
            Self::Failed(failure) => match failure {
                Failure::BadRequest { field, message } if field.is_empty() => message.clone(),
                Failure::BadRequest { field, message } => format!("{field}: {message}"),
                Failure::Refused(text) | Failure::Internal(text) => text.clone(),
                Failure::Other { message, .. } => message.clone(),
                Failure::InsufficientCredit | Failure::ProviderUnavailable(_) => return None,
            },
            Self::Fault(fault) => fault.to_string(),
            Self::Refused(why) => why.clone(),
        })
    }

    /// Whether the memory limit ended it.
    pub(super) fn is_out_of_memory(&self) -> bool {
        matches!(self, Self::Fault(iap_runtime::Fault::Limit(Limit::Memory)))
    }
}

fn code(failure: &Failure) -> &str {
    match failure {
        Failure::BadRequest { .. } => "bad-request",
        Failure::InsufficientCredit => "insufficient-credit",
        Failure::ProviderUnavailable(_) => "provider-unavailable",
        Failure::Refused(_) => "refused",
        Failure::Internal(_) => "internal",
        Failure::Other { code, .. } => code,
    }
}
