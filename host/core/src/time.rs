//! Time, always given from outside.

use serde::{Deserialize, Serialize};

/// A moment: Unix milliseconds, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(pub i64);

impl Time {
    /// Later than everything: "never".
    pub const NEVER: Self = Self(i64::MAX);

    /// This moment plus milliseconds, at most [`Time::NEVER`].
    pub const fn plus_millis(self, millis: i64) -> Self {
        Self(self.0.saturating_add(millis))
    }

    /// This moment plus seconds, at most [`Time::NEVER`].
    pub const fn plus_seconds(self, seconds: i64) -> Self {
        self.plus_millis(seconds.saturating_mul(1000))
    }

    /// Unix milliseconds.
    pub const fn millis(self) -> i64 {
        self.0
    }
}

/// Where the time comes from: the system in production, a fixed value in tests.
pub trait Clock: Send + Sync {
    /// The present moment.
    fn now(&self) -> Time;
}
