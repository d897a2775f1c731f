//! An upload is looked into by a process of its own.
//!
//! The host neither parses nor compiles an upload before that process accepted it. It is this very program
//! (`iap inspect-release`), started anew for each upload with nothing: no environment, no files, limits of memory and
//! processor time, below everything else in the scheduler's eyes. It may crash, hang, lie or end; each is a reason for the
//! vendor, and the host goes on.
//!
//! What it says is believed as far as it describes; the host does not run code that it compiled. When the release is
//! loaded, the host reads and compiles the same bytes again, as far as they were seen to be good, on one thread that gives
//! way to calls.

mod checking;
mod confine;
mod declared;
mod ends;
mod process;
mod protocol;
mod report;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use iap_runtime::{SizeClass, release::ReleaseError};
use tokio::sync::Semaphore;

pub use self::{
    checking::check,
    protocol::Limits,
    report::{Code, Declared, EndpointReport, Inspection, Measured, OperationReport, PriceReport, Run},
};
use self::{
    ends::{Blame, Death},
    process::Said,
};

/// Why there is no inspection.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// The upload may not be published: each reason with what to do.
    #[error("{}", .0.join("; "))]
    Refused(Vec<String>),
    /// Others wait already, or the machine has too much else to do. Nothing was decided: send it again.
    #[error("uploads of others are being checked; try again in {} s", .retry_after.as_secs())]
    Busy {
        /// When there should be room.
        retry_after: Duration,
    },
    /// Uploads cannot be checked on this host; operators have to look.
    #[error("uploads cannot be checked on this host: {0}; the operator has to look at it")]
    Broken(String),
}

/// How uploads are checked.
#[derive(Clone, Debug)]
pub struct InspectorOptions {
    /// The program that checks; by default this one.
    pub program: PathBuf,
    /// What checking one upload may use.
    pub limits: Limits,
    /// Uploads checked at once.
    pub processes: usize,
    /// Uploads that wait, beside those that are checked.
    pub queue: usize,
    /// Uploads of one vendor that are checked or wait.
    pub each: usize,
}

impl Default for InspectorOptions {
    fn default() -> Self {
        Self { program: process::own_program(), limits: Limits::default(), processes: 1, queue: 8, each: 2 }
    }
}

/// Has uploads checked, a few at a time. One for each host.
#[derive(Debug)]
pub struct Inspector {
    options: InspectorOptions,
    turns: Semaphore,
    places: Mutex<BTreeMap<String, usize>>,
    /// How long the last one took, in milliseconds.
    lasted: AtomicU64,
}

impl Default for Inspector {
    fn default() -> Self {
        Self::new(InspectorOptions::default())
    }
}

impl Inspector {
    /// With other options than usual.
    pub fn new(options: InspectorOptions) -> Self {
        let turns = Semaphore::new(options.processes.max(1));
        Self { options, turns, places: Mutex::default(), lasted: AtomicU64::new(1_000) }
    }

    /// [`Inspector::inspect_for`] nobody in particular.
    pub async fn inspect(&self, component: Arc<Vec<u8>>) -> Result<Inspection, InspectError> {
        self.inspect_for("", component).await
    }

    /// Looks into an upload of a vendor, after those that came before. If this future is dropped, so is the process.
    pub async fn inspect_for(&self, vendor: &str, component: Arc<Vec<u8>>) -> Result<Inspection, InspectError> {
        let size = component.len();
        if SizeClass::for_size(size).is_none() {
            return Err(InspectError::Refused(vec![ReleaseError::TooLarge(size).to_string()]));
        }
        let _place = self.place(vendor)?;
        let broken = |error: &dyn std::fmt::Display| InspectError::Broken(error.to_string());
        let _turn = self.turns.acquire().await.map_err(|error| broken(&error))?;
        let began = Instant::now();
        let said = process::converse(&self.options.program, self.options.limits, component).await;
        let lasted = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.lasted.store(lasted, Ordering::Relaxed);
        match said.map_err(|error| broken(&format!("no process can be started: {error}")))? {
            Said::Accepted(mut inspection, cut_short) => {
                if let Some(death) = cut_short {
                    inspection.warnings.push(self.not_measured(&death));
                }
                Ok(*inspection)
            }
            Said::Refused(reasons) => Err(InspectError::Refused(reasons)),
            Said::Broken(why) => {
                tracing::error!(why, "An upload could not be checked");
                Err(InspectError::Broken(why))
            }
            Said::Died(death) => Err(self.died(&death)),
        }
    }

    /// Uploads that are checked or wait.
    pub fn waiting(&self) -> usize {
        self.places.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }

    fn died(&self, death: &Death) -> InspectError {
        tracing::warn!(?death, "A process that checked an upload died; the upload is refused");
        match death.blame(&self.options.limits) {
            Blame::Upload(reason) => InspectError::Refused(vec![reason]),
            Blame::Machine => InspectError::Busy { retry_after: self.retry_after() },
        }
    }

    fn not_measured(&self, death: &Death) -> String {
        match death.blame(&self.options.limits) {
            Blame::Upload(reason) => format!("its operations could not be measured: {reason}"),
            Blame::Machine => "its operations could not be measured: the machine had too much else to do".to_owned(),
        }
    }

    fn retry_after(&self) -> Duration {
        Duration::from_millis(self.lasted.load(Ordering::Relaxed))
            .clamp(Duration::from_secs(5), Duration::from_secs(120))
    }

    /// A place in the queue, if there is one for this vendor.
    fn place(&self, vendor: &str) -> Result<Place<'_>, InspectError> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let (all, own) = (places.values().sum::<usize>(), places.get(vendor).copied().unwrap_or(0));
        let full = self.options.processes + self.options.queue <= all;
        // Nobody in particular may fill the queue.
        if full || (!vendor.is_empty() && self.options.each <= own) {
            return Err(InspectError::Busy { retry_after: self.retry_after() });
        }
        places.insert(vendor.to_owned(), own + 1);
        Ok(Place { inspector: self, vendor: vendor.to_owned() })
    }
}

/// Counts an upload that is checked or waits.
struct Place<'a> {
    inspector: &'a Inspector,
    vendor: String,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut places = self.inspector.places.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = places.get_mut(&self.vendor) {
            *count -= 1;
            if *count == 0 {
                places.remove(&self.vendor);
            }
        }
    }
}
