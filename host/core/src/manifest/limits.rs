//! `[permissions]` and `[limits]`.

use std::{ops::RangeInclusive, time::Duration};

use super::{
    Limits, Permissions, Table,
    values::{duration, show_size, size},
};

const MIB: u64 = 1 << 20;
const MEMORY: RangeInclusive<u64> = MIB..=128 * MIB;
/// Longest call, in seconds.
const LONGEST_CALL: u64 = 120;
/// Longest run of a job, in seconds.
const LONGEST_JOB: u64 = 600;

impl Default for Limits {
    fn default() -> Self {
        Self { memory: 32 * MIB, time: Duration::from_secs(10), job_time: Duration::from_secs(60) }
    }
}

/// Reads `[permissions]`.
pub(super) fn permissions(mut table: Table<'_, '_>) -> Permissions {
    let store = table.optional("store", size).unwrap_or(0);
    let blobs = table.optional("blobs", size).unwrap_or(0);
    let jobs = table.flag("jobs");
    let callback = table.flag("callback");
    table.finish();
    Permissions { store, blobs, jobs, callback }
}

/// Reads `[limits]`.
pub(super) fn limits(mut table: Table<'_, '_>) -> Limits {
    let usual = Limits::default();
    let memory = table.optional("memory", memory).unwrap_or(usual.memory);
    let time = table.optional("time", at_most(LONGEST_CALL)).unwrap_or(usual.time);
    let job_time = table.optional("job_time", at_most(LONGEST_JOB)).unwrap_or(usual.job_time);
    table.finish();
    Limits { memory, time, job_time }
}

fn memory(text: &str) -> Result<u64, String> {
    let bytes = size(text)?;
    if MEMORY.contains(&bytes) {
        return Ok(bytes);
    }
    Err(format!("{text:?} is out of range; write {} to {}", show_size(*MEMORY.start()), show_size(*MEMORY.end())))
}

fn at_most(seconds: u64) -> impl Fn(&str) -> Result<Duration, String> {
    move |text| match duration(text)? {
        time if time.is_zero() || time > Duration::from_secs(seconds) => {
            Err(format!("{text:?} is out of range; write 1 ms to {seconds} s"))
        }
        time => Ok(time),
    }
}
