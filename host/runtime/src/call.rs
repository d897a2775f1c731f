//! One call: what goes in, and the state its host calls share.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use iap_core::ids::{AccountId, HoldId};
use tokio::time::Instant;

use crate::{
    backend::{Backend, HostFault, Remembered},
    bindings::{exports::iap::service::plugin as wire, types},
    egress::{Egress, Meter},
    ended::{Ended, Fault, Limit},
    holds::{Hold, Holds, State},
    limits::{Budget, Kind, Limiter},
    settings::{Permission, Settled},
};

/// `types.context`
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// Id of the call or job run, as text.
    pub call_id: String,
    /// Opaque reference of the account.
    pub account_ref: String,
    /// `active`, or the code of the refusal that `authorize` would give.
    pub standing: String,
    /// Named values of the contract.
    pub properties: Vec<(String, String)>,
}

/// `plugin.call`
#[derive(Clone, Debug, Default)]
pub struct Call {
    /// Who calls.
    pub context: Context,
    /// Name of the operation.
    pub operation: String,
    /// JSON.
    pub input: Vec<u8>,
    /// Answers of earlier calls under the natural keys in `input`.
    pub repeats: Vec<Remembered>,
}

/// `plugin.job`
#[derive(Clone, Debug, Default)]
pub struct Job {
    /// For whom.
    pub context: Context,
    /// Id of the job, as text.
    pub id: String,
    /// Its name, as enqueued.
    pub name: String,
    /// Its payload, as enqueued.
    pub payload: Vec<u8>,
    /// 1 for the first run.
    pub attempt: u32,
    /// The kept hold it was enqueued with.
    pub hold: Option<HoldId>,
}

/// `plugin.hook-request`
#[derive(Clone, Debug, Default)]
pub struct HookRequest {
    /// In capitals.
    pub method: String,
    /// The declared hook's path.
    pub path: String,
    /// The public URL as addressed.
    pub url: String,
    /// Names in lower case.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Body.
    pub body: Vec<u8>,
    /// Named values of the contract.
    pub properties: Vec<(String, String)>,
}

/// `plugin.hook-response`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct HookResponse {
    /// Status, 200 to 599.
    pub status: u16,
    /// As the plugin gave them: the host must still choose which to pass on.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Body.
    pub body: Vec<u8>,
}

/// `types.failure`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The request is wrong.
    BadRequest {
        /// Path of the member.
        field: String,
        /// What is wrong.
        message: String,
    },
    /// The account lacks credits.
    InsufficientCredit,
    /// The provider did not do its part; seconds to wait, if known.
    ProviderUnavailable(Option<u32>),
    /// The service declines.
    Refused(String),
    /// A defect of the plugin.
    Internal(String),
    /// Anything else.
    Other {
        /// The service's own code.
        code: String,
        /// For the user.
        message: String,
    },
}

/// As long as a writer tries to store what it was given, while its database is away.
const PATIENCE: Duration = Duration::from_secs(15);

/// What the host grants one call.
#[derive(Clone, Copy, Debug)]
pub struct CallGrant {
    /// May act without a hold: the operation is declared `free`, or the job was enqueued under a hold
    /// or by a free operation.
    pub free: bool,
    /// Longest time on the clock, from admission.
    pub time: Duration,
    /// Most time beyond it that the guest may spend waiting for the ledger, which is not its fault.
    pub patience: Duration,
    /// Whose calls are counted together.
    pub account: Option<AccountId>,
    /// Most bytes of an answer.
    pub max_output: usize,
}

impl Default for CallGrant {
    fn default() -> Self {
        Self { free: false, time: Duration::from_secs(10), patience: PATIENCE, account: None, max_output: 4 << 20 }
    }
}

/// The state that the host calls of one guest share.
pub(crate) struct CallState {
    pub kind: Kind,
    pub free: bool,
    /// When its time is over, if it does not wait for the ledger.
    pub deadline: Instant,
    pub budget: Budget,
    pub limiter: Limiter,
    /// Nanoseconds of processor time, without the present turn.
    pub cpu: Arc<AtomicU64>,
    pub host_calls: u32,
    pub jobs: u32,
    pub callbacks: u32,
    pub log_bytes: u32,
    /// What the guest's panic hook logged.
    pub panic: Option<String>,
    pub settings: Arc<Settled>,
    pub backend: Arc<dyn Backend>,
    pub egress: Arc<Egress>,
    pub holds: Holds,
    pub meter: Arc<Meter>,
}

impl CallState {
    /// Counts a host call. Every capability begins with it.
    pub(crate) fn enter(&mut self) -> wasmtime::Result<()> {
        if self.host_calls >= self.budget.host_calls {
            self.limiter.exceeded = Some(Limit::HostCalls);
            return Err(wasmtime::Error::new(Limit::HostCalls));
        }
        self.host_calls += 1;
        Ok(())
    }

    /// "No hold, no effect". The inner `Err` is a code of the contract and a sentence.
    pub(crate) fn may_act(&self) -> Result<(), (&'static str, &'static str)> {
        match self.kind {
            Kind::Quote => Err(("not-granted", "a quote has no effects")),
            Kind::Operation | Kind::Job if self.free || self.holds.any() => Ok(()),
            Kind::Operation | Kind::Job => Err((
                "no-hold",
                "obtain a hold with billing.authorize first, or declare the operation free in plugin.toml",
            )),
            Kind::Hook => Ok(()),
        }
    }

    /// Whether the operator has taken a declared permission back.
    pub(crate) fn denied(&self, permission: &Permission) -> bool {
        self.settings.denies(permission)
    }

    /// Time left on the clock.
    pub(crate) fn remaining(&self) -> Duration {
        (self.deadline + self.holds.waited()).saturating_duration_since(Instant::now())
    }

    /// What is to be said about the call, once nothing is under way any more.
    pub(crate) fn end<T>(&self, result: Result<Result<T, Failure>, Fault>, waited: Duration) -> Ended<T> {
        let holds = self.holds.snapshot();
        let left = |resumed| {
            let left = |hold: &&Hold| matches!(hold.state, State::Open | State::Dropped) && hold.resumed == resumed;
            holds.iter().filter(left).map(|hold| hold.id).collect()
        };
        Ended {
            result,
            sent: self.meter.sent.load(Ordering::Relaxed) > 0,
            unanswered: self.meter.unanswered.load(Ordering::Relaxed) > 0,
            open_holds: left(false),
            resumed_holds: left(true),
            kept_holds: holds.iter().filter(|hold| hold.state == State::Kept).map(|hold| hold.id).collect(),
            captured: holds.iter().any(|hold| hold.state == State::Captured),
            http_requests: self.meter.requests.load(Ordering::Relaxed),
            log_bytes: self.log_bytes,
            peak_memory: u64::try_from(self.limiter.peak_memory).unwrap_or(u64::MAX),
            fuel: None,
            cpu: Duration::from_nanos(self.cpu.load(Ordering::Relaxed)),
            duration: Duration::ZERO,
            waited,
        }
    }
}

/// An error of the host itself, as a trap.
pub(crate) fn host_fault(fault: HostFault) -> wasmtime::Error {
    wasmtime::Error::new(fault)
}

pub(crate) fn named(values: Vec<(String, String)>) -> Vec<types::Named> {
    values.into_iter().map(|(name, value)| types::Named { name, value }).collect()
}

impl From<Context> for types::Context {
    fn from(context: Context) -> Self {
        Self {
            call_id: context.call_id,
            account_ref: context.account_ref,
            standing: context.standing,
            properties: named(context.properties),
        }
    }
}

impl From<Call> for wire::Call {
    fn from(call: Call) -> Self {
        let repeats = call.repeats.into_iter().map(|r| types::Remembered { key: r.key, answer: r.answer }).collect();
        Self { context: call.context.into(), operation: call.operation, input: call.input, repeats }
    }
}

impl From<Job> for wire::Job {
    fn from(job: Job) -> Self {
        Self {
            context: job.context.into(),
            id: job.id,
            name: job.name,
            payload: job.payload,
            attempt: job.attempt,
            hold: job.hold.map(|hold| hold.to_string()),
        }
    }
}

impl From<HookRequest> for wire::HookRequest {
    fn from(request: HookRequest) -> Self {
        Self {
            method: request.method,
            path: request.path,
            url: request.url,
            headers: request.headers,
            body: request.body,
            properties: named(request.properties),
        }
    }
}

impl From<wire::HookResponse> for HookResponse {
    fn from(response: wire::HookResponse) -> Self {
        Self { status: response.status, headers: response.headers, body: response.body }
    }
}

impl From<types::Failure> for Failure {
    fn from(failure: types::Failure) -> Self {
        match failure {
            types::Failure::BadRequest(bad) => Self::BadRequest { field: text(bad.field), message: text(bad.message) },
            types::Failure::InsufficientCredit => Self::InsufficientCredit,
            types::Failure::ProviderUnavailable(seconds) => Self::ProviderUnavailable(seconds),
            types::Failure::Refused(reason) => Self::Refused(text(reason)),
            types::Failure::Internal(details) => Self::Internal(text(details)),
            types::Failure::Other(other) => Self::Other { code: text(other.code), message: text(other.message) },
        }
    }
}

/// A text of a failure is stored and shown: what is longer than 4 KiB is cut.
fn text(mut text: String) -> String {
    text.truncate(text.floor_char_boundary(4 << 10));
    text
}
