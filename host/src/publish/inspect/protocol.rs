//! What host and checking process say to each other: a line and the upload go in, lines come out.

use std::{collections::BTreeMap, time::Duration};

use serde::{Deserialize, Serialize};

use super::report::{Inspection, Measured};

/// What checking one upload may use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Writable memory, in bytes.
    pub memory: u64,
    /// Processor time in seconds, for reading and compiling it; as much again for measuring its operations.
    pub processor_seconds: u64,
    /// Time on the clock, for all of it. The host keeps it.
    pub time: Duration,
    /// Runs only while nothing else wants the processor, as it should beside calls. On a machine that is busy for long it
    /// does not get done.
    pub background: bool,
}

impl Default for Limits {
    /// A JavaScript component of 12 MB, the largest that is known, needs a third of the memory and time on a slow machine.
    fn default() -> Self {
        Self { memory: 2 << 30, processor_seconds: 90, time: Duration::from_secs(600), background: true }
    }
}

/// The line that goes in, before the bytes of the upload.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Request {
    /// Bytes that follow.
    pub size: usize,
    pub limits: Limits,
}

/// What the process is about to do; where it dies, this is what the upload is refused for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Stage {
    /// Setting limits.
    #[default]
    Starting,
    /// Parsing it and its manifest.
    Reading,
    /// Compiling it and making an instance.
    Compiling,
    /// Running its operations.
    Measuring,
}

/// A line that comes out.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    /// What begins now.
    Stage(Stage),
    /// It may be published: what was found, and the release's text files by path.
    Accepted(Box<Inspection>, BTreeMap<String, String>),
    /// It may not: why, each with what to do.
    Refused(Vec<String>),
    /// What its operations used; after the answer, since that counts even if this fails.
    Measured(Vec<Measured>),
    /// Why nobody knows.
    Unmeasured(String),
    /// The process cannot do its work: no fault of the upload.
    Broken(String),
}
