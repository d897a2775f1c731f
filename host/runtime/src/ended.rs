//! How a call ended: who is at fault, and what is left to settle.

use std::time::Duration;

use iap_core::ids::HoldId;
use wasmtime::{PoolConcurrencyLimitError, Trap};

use crate::{backend::HostFault, call::Failure, limits::Limiter};

/// The end of a call, job run, quote or hook.
///
/// A trap runs no guest destructor, so whoever called must settle `open_holds` in any case.
#[derive(Debug)]
pub struct Ended<T> {
    /// The plugin's answer or failure, or why there is neither.
    pub result: Result<Result<T, Failure>, Fault>,
    /// A request with effects (not `GET`, `HEAD` or `OPTIONS`) went out, or may have.
    pub sent: bool,
    /// A request with effects went out and its response never came: what it did is unknown.
    pub unanswered: bool,
    /// Holds obtained by this call that are neither captured, released nor kept.
    pub open_holds: Vec<HoldId>,
    /// Holds resumed by this call that are neither captured, released nor kept again.
    pub resumed_holds: Vec<HoldId>,
    /// Holds that outlive the call.
    pub kept_holds: Vec<HoldId>,
    /// A capture succeeded: with a fault, the answer is partial.
    pub captured: bool,
    /// Outbound requests made.
    pub http_requests: u32,
    /// Bytes of log kept.
    pub log_bytes: u32,
    /// Most bytes of linear memory in use.
    pub peak_memory: u64,
    /// What the guest computed, about one for each instruction, where the engine counts it.
    pub fuel: Option<u64>,
    /// Processor time.
    pub cpu: Duration,
    /// From its start to its end, with making and dropping the instance; without the wait for admission.
    pub duration: Duration,
    /// The wait for admission.
    pub waited: Duration,
}

impl<T> Ended<T> {
    /// A call that never began.
    pub(crate) fn before_start(fault: Fault, waited: Duration) -> Self {
        Self {
            result: Err(fault),
            sent: false,
            unanswered: false,
            open_holds: Vec::new(),
            resumed_holds: Vec::new(),
            kept_holds: Vec::new(),
            captured: false,
            http_requests: 0,
            log_bytes: 0,
            peak_memory: 0,
            fuel: None,
            cpu: Duration::ZERO,
            duration: Duration::ZERO,
            waited,
        }
    }
}

/// Why a call has no answer, by who is at fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// The guest panicked or did something undefined; the message is its own, if it gave one.
    #[error("the plugin failed: {0}")]
    Guest(String),
    /// The guest used more than it may.
    #[error("the plugin {0}")]
    Limit(#[from] Limit),
    /// The host failed: not the plugin's doing.
    #[error("the host failed: {0}")]
    Host(String),
    /// There was no room to run the call; it did not begin.
    #[error("{0}")]
    Busy(#[from] Busy),
}

/// What a guest may not exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Limit {
    /// Linear memory.
    #[error("needs more memory than its limit")]
    Memory,
    /// Processor time.
    #[error("computed longer than its limit")]
    Cpu,
    /// Time on the clock.
    #[error("took longer than its time limit")]
    WallClock,
    /// Table elements.
    #[error("needs larger tables than its limit")]
    Table,
    /// Stack depth.
    #[error("recursed deeper than its stack")]
    Stack,
    /// Handles that live at once.
    #[error("holds more handles than its limit")]
    Handles,
    /// Bytes given to the host in one call.
    #[error("passed more bytes to the host at once than its limit")]
    Transfer,
    /// Calls into the host.
    #[error("called the host more often than its limit")]
    HostCalls,
    /// Size of the answer.
    #[error("answered with more bytes than its limit")]
    Output,
}

/// Whose queue was full or too slow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Busy {
    /// Too many calls of this account at once.
    #[error("this account has too many calls running; try again in a moment")]
    Account,
    /// Too many calls of this plugin at once.
    #[error("this service has too many calls running; try again in a moment")]
    Plugin,
    /// Too many calls at once.
    #[error("the host has too many calls running; try again in a moment")]
    Host,
}

impl Fault {
    /// Stable name, for metrics, logs and answers.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Guest(_) => "guest-fault",
            Self::Limit(limit) => limit.class(),
            Self::Host(_) => "host-fault",
            Self::Busy(Busy::Account) => "busy-account",
            Self::Busy(Busy::Plugin) => "busy-plugin",
            Self::Busy(Busy::Host) => "busy-host",
        }
    }

    /// Reads the class of a fault out of what ended the guest. `panic` is what its panic hook logged.
    pub(crate) fn classify(error: &wasmtime::Error, limiter: &Limiter, panic: Option<String>) -> Self {
        if let Some(limit) = limiter.exceeded.or_else(|| error.downcast_ref::<Limit>().copied()) {
            return Self::Limit(limit);
        }
        if let Some(fault) = error.downcast_ref::<HostFault>() {
            return Self::Host(fault.to_string());
        }
        if error.is::<PoolConcurrencyLimitError>() {
            return Self::Busy(Busy::Host);
        }
        match error.downcast_ref::<Trap>() {
            Some(Trap::StackOverflow) => Self::Limit(Limit::Stack),
            Some(Trap::Interrupt | Trap::OutOfFuel) => Self::Limit(Limit::Cpu),
            Some(Trap::AllocationTooLarge) => Self::Limit(Limit::Memory),
            Some(trap) => Self::Guest(panic.unwrap_or_else(|| trap.to_string())),
            None => Self::by_text(error),
        }
    }

    /// Three limits of wasmtime have private error types; only their texts tell them apart.
    fn by_text(error: &wasmtime::Error) -> Self {
        let text = error.root_cause().to_string();
        if text.contains("handle limit exceeded") {
            return Self::Limit(Limit::Handles);
        }
        if text.contains("hostcall fuel") || text.contains("too much data") {
            return Self::Limit(Limit::Transfer);
        }
        Self::Guest(text)
    }
}

impl Limit {
    /// Stable name, for metrics, logs and answers.
    pub fn class(self) -> &'static str {
        match self {
            Self::Memory => "limit-memory",
            Self::Cpu => "limit-cpu",
            Self::WallClock => "limit-time",
            Self::Table => "limit-table",
            Self::Stack => "limit-stack",
            Self::Handles => "limit-handles",
            Self::Transfer => "limit-transfer",
            Self::HostCalls => "limit-host-calls",
            Self::Output => "limit-output",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::SizeClass;

    fn check(error: wasmtime::Error, class: &str) {
        let limiter = Limiter::new(1 << 20, SizeClass::Small);
        assert_eq!(Fault::classify(&error, &limiter, None).class(), class, "{error}");
    }

    #[test]
    fn every_trap_has_its_class() {
        check(Trap::UnreachableCodeReached.into(), "guest-fault");
        check(Trap::IntegerDivisionByZero.into(), "guest-fault");
        check(wasmtime::Error::from(Trap::StackOverflow).context("wasm backtrace"), "limit-stack");
        check(Trap::Interrupt.into(), "limit-cpu");
        check(wasmtime::Error::new(Limit::Table).context("error while executing"), "limit-table");
        check(wasmtime::Error::new(HostFault(anyhow::anyhow!("database is down"))), "host-fault");
    }

    #[test]
    fn a_panic_is_told_in_the_words_of_the_guest() {
        let limiter = Limiter::new(1 << 20, SizeClass::Small);
        let trap = wasmtime::Error::from(Trap::UnreachableCodeReached);
        let fault = Fault::classify(&trap, &limiter, Some("panicked at src/lib.rs:1: boom".to_owned()));
        assert_eq!(fault, Fault::Guest("panicked at src/lib.rs:1: boom".to_owned()));
    }
}
