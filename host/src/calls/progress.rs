//! What is known of a call while it runs.

use std::collections::{HashMap, HashSet};

use iap_core::{Credits, ids::HoldId};

use super::{job_context::OfHold, staged::Staged};

/// What is known of a call so far.
#[derive(Default)]
pub(super) struct Progress {
    pub staged: Staged,
    /// The call's row is stored.
    pub begun: bool,
    /// The call's natural keys.
    pub keys: Vec<String>,
    /// Those of them to be claimed with the next hold.
    pub unclaimed: Vec<String>,
    /// Those of them with a stored answer.
    pub answered: HashSet<String>,
    /// Credits of its live holds and captures: what `max_per_call` and `max_credits` bound.
    pub engaged: Credits,
    /// They are to be counted first: the call began before this run.
    pub uncounted: bool,
    /// The call has ended: what is obtained now comes too late.
    pub ended: bool,
    /// Its holds are settled; only its end may still have to be stored.
    pub holds_settled: bool,
    /// A hold of which nobody knows whether it is stored: the database's answer was lost.
    pub lost: Option<HoldId>,
    /// Kept holds that a job takes up: of jobs that wait to be stored, and of stored ones.
    pub job_holds: Vec<HoldId>,
    pub stored_job_holds: Vec<HoldId>,
    pub captured: Credits,
    /// Lines that it took, as JSON.
    pub lines: String,
    /// What its holds, and that of its job, were obtained for.
    pub of_holds: HashMap<HoldId, OfHold>,
    pub kept: bool,
    /// Why `authorize` refused for credits.
    pub shortage: Option<(Credits, Credits)>,
    /// Holds of which the plugin would be asked if their outcome were not known.
    pub questions: Vec<HoldId>,
    /// What the call did is not known.
    pub unknown: bool,
    /// Why the ledger refused for another reason that no plugin can do anything about: code and sentence.
    pub barred: Option<(&'static str, String)>,
    /// Jobs and callbacks that wait, by queue, as they were counted and with the call's own.
    pub waiting: HashMap<i64, i64>,
    /// A job or callback was enqueued.
    pub enqueued: bool,
    /// Another host took a natural key: the call begins anew.
    pub collided: bool,
}

impl Progress {
    /// What was staged is stored.
    pub fn stored(&mut self) {
        self.staged = Staged::default();
        let holds = std::mem::take(&mut self.job_holds);
        self.stored_job_holds.extend(holds);
    }

    /// Lines were taken, beside those before.
    pub fn took(&mut self, lines: &str) {
        self.lines = match (self.lines.as_str(), lines) {
            ("[]", lines) => lines.to_owned(),
            (before, "[]") => before.to_owned(),
            (before, lines) => format!("{},{}", before.trim_end_matches(']'), lines.trim_start_matches('[')),
        };
    }
}
