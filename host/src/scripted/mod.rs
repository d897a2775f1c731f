//! A scripted host: a component in the real sandbox, with everything outside of it as a script says.
//!
//! ```text
//! tests/*.toml ── script::read ──► Test ── Subject::play ──► Played ── verdict ──► what is not as expected
//!                                            │ World: credits, store, blobs, jobs, clock      hostile: the same
//!                                            └ Providers: a real server on 127.0.0.1          with a fault each
//! ```
//!
//! The sandbox, its limits and permissions, and the prices are the real ones; [`World`](world) stands in for ledger and
//! store, in memory, the same in every run. `iap plugin test` runs scripts, [`measure`](measure()) tells what a release costs to run.

pub mod compare;
pub mod example;
mod fault;
pub mod hostile;
mod measure;
pub mod schema;
pub mod script;
pub mod suite;
pub mod verdict;

mod backend;
mod documents;
mod ledger;
mod outcome;
mod play;
mod preflight;
mod providers;
mod settle;
mod sign;
mod subject;
mod world;

pub use fault::{Answer, Fault, Moments};
pub use measure::{MeasureOptions, Measured, OperationMeasured, Run, measure};
pub use outcome::{Outcome, Seen, Spent};
pub use play::{How, Played};
pub use providers::{Otherwise, Providers, Received, Scripted};
pub use subject::{ScriptedError, Subject};
