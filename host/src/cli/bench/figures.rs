//! Figures, as lines or as JSON.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

/// What was measured.
pub struct Figures {
    json: bool,
    all: Vec<Value>,
}

#[expect(clippy::print_stdout, reason = "printing is what it is for")]
impl Figures {
    pub fn new(json: bool) -> Self {
        Self { json, all: Vec::new() }
    }

    /// A whole number of something.
    pub fn add(&mut self, name: &str, value: u64, unit: &str) {
        if !self.json {
            println!("{name:<48} {value:>10} {unit}");
        }
        self.all.push(json!({ "name": name, "value": value, "unit": unit }));
    }

    /// How often something was done in a time.
    pub fn rate(&mut self, name: &str, count: u64, time: Duration) {
        let per_second = u128::from(count) * 1_000_000_000 / time.as_nanos().max(1);
        self.add(name, u64::try_from(per_second).unwrap_or(u64::MAX), "/s");
    }

    /// Median and 99th percentile, in microseconds rounded up.
    pub fn latency(&mut self, name: &str, latencies: &Latencies) {
        for (label, quantile) in [("p50", 0.5), ("p99", 0.99)] {
            self.add(&format!("{name}, {label}"), latencies.0.value_at_quantile(quantile).div_ceil(1_000), "us");
        }
    }

    pub fn finish(&self) {
        if self.json {
            println!("{}", Value::from(self.all.clone()));
        }
    }
}

/// Longest latency told apart from longer ones: a minute, in nanoseconds.
const LONGEST: u64 = 60_000_000_000;

/// Latencies of one kind, in nanoseconds with three digits.
pub struct Latencies(Histogram<u64>);

impl Latencies {
    pub fn new() -> Self {
        Self(Histogram::new_with_max(LONGEST, 3).expect("three digits are allowed"))
    }

    pub fn record(&mut self, latency: Duration) {
        self.0.saturating_record(u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX));
    }

    pub fn join(&mut self, other: &Self) {
        self.0.add(&other.0).expect("histograms of one shape add up");
    }

    /// The 99th percentile.
    pub fn p99(&self) -> Duration {
        Duration::from_nanos(self.0.value_at_quantile(0.99))
    }

    pub fn len(&self) -> u64 {
        self.0.len()
    }
}
