//! Work after the answer: each job runs at least once, so make it safe to repeat.
//!
//! Codes of errors: `no-hold`, `not-granted`, `too-large`, `too-many-jobs`.

use serde::Serialize;

use crate::{imports, json};

pub use crate::Error;

/// When and how a job runs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Options {
    pub(crate) delay: u32,
    pub(crate) dedupe_key: Option<String>,
    pub(crate) hold: Option<String>,
}

impl Options {
    /// At once, without a hold.
    pub fn new() -> Self {
        Self::default()
    }

    /// Seconds to wait before the first run.
    pub fn delay(mut self, seconds: u32) -> Self {
        self.delay = seconds;
        self
    }

    /// A second job with a key that waits or runs is not enqueued.
    pub fn dedupe_key(mut self, key: impl Into<String>) -> Self {
        self.dedupe_key = Some(key.into());
        self
    }

    /// A kept hold that the job resumes: see [`Hold::keep`](crate::Hold::keep).
    pub fn hold(mut self, hold_id: impl Into<String>) -> Self {
        self.hold = Some(hold_id.into());
        self
    }
}

/// Enqueues a job to run at once; it is committed with the call's next ledger
/// step, or at its end. Answers the job's id.
///
/// # Errors
///
/// See the module.
///
/// # Panics
///
/// If the payload cannot be JSON, as a map whose keys are not strings.
pub fn enqueue<T: Serialize + ?Sized>(name: &str, payload: &T) -> Result<String, Error> {
    enqueue_with(name, payload, Options::new())
}

/// As [`enqueue`], with a delay, a key against duplicates, or a kept hold.
///
/// # Errors
///
/// See the module.
///
/// # Panics
///
/// As [`enqueue`].
pub fn enqueue_with<T: Serialize + ?Sized>(name: &str, payload: &T, options: Options) -> Result<String, Error> {
    imports::job_enqueue(name, json::write(payload), options)
}
