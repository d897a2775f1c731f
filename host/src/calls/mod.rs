//! One metered call, end to end: the heart of the host.
//!
//! ```text
//! door ── Request ──► run ─┬─ idempotency key known? ──► the first answer
//!                          ├─ natural keys claimed, repeats waited for ──► inflight
//!                          ├─ plugin.handle(…, Ledgered)  billing, store, jobs … ──► store.post + riders
//!                          └─ settle: what is left open ends as the operation declares
//! ```
//!
//! Two commits serve a charged call: one with the hold, one with the capture. Everything that must
//! happen with them (the call's row, natural keys, what the plugin stores, jobs) rides along.

mod backend;
mod billing;
mod caller;
mod error;
mod inflight;
mod job_context;
mod late;
mod progress;
mod rate;
pub mod recover;
mod run;
mod settle;
mod staged;
pub mod unknown;
mod unsettled;

use std::sync::Arc;

use iap_core::{Credits, ids::CallId};

pub use backend::Ledgered;
pub use caller::Caller;
pub use error::CallError;
pub use inflight::Inflight;
pub use job_context::{JobContext, OfHold};
pub use rate::FreeCalls;
pub use run::{differing_field, quote, run};
pub use settle::{end_of_job, settle_job};

use crate::{accounts::Met, blobs::Documents, catalog::Service};

/// A request to invoke an operation.
#[derive(Clone, Debug)]
pub struct Request {
    /// The service.
    pub service: Arc<Service>,
    /// Name of the operation.
    pub operation: String,
    /// JSON input, without its documents.
    pub input: Vec<u8>,
    /// Documents that the door took out of it.
    pub documents: Documents,
    /// Who calls.
    pub met: Met,
    /// `odoo` or `rest`.
    pub door: &'static str,
    /// For which company.
    pub company: Option<String>,
    /// The most that the caller is willing to pay.
    pub max_credits: Option<Credits>,
    /// Key and fingerprint (`{field: hash}` as JSON) of the request.
    pub idempotency: Option<(String, String)>,
    /// URL of the database that the request gave.
    pub callback_url: Option<String>,
}

/// An answered call.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The call.
    pub id: CallId,
    /// JSON output.
    pub output: Vec<u8>,
    /// Priced lines as JSON; empty if nothing was charged.
    pub lines: String,
    /// Credits taken.
    pub credits: Credits,
    /// Whether it is the stored answer of an earlier call.
    pub repeated: bool,
    /// Whether that call's outcome was found out after it had ended: it was done and charged, and there is no output.
    pub settled: bool,
}
