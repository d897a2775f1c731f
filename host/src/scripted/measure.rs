//! What a release costs to run: fuel, memory and time of each operation, for the registry's report.

use std::{
    collections::BTreeMap,
    path::PathBuf,
    time::{Duration, Instant},
};

use iap_core::{Credits, Time};
use iap_runtime::{Admission, EgressPolicy, EngineOptions};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{
    Subject, example,
    outcome::{Outcome, Seen},
    play::How,
    providers::Otherwise,
    script::{Action, Expected, Step, Test, Totals},
    subject::{PROVIDERS, ScriptedError},
};

/// Credits of the account that measures: enough for any operation.
const CREDITS: Credits = Credits::whole(1_000_000);
/// The moment at which it is, to a plugin: 2026-01-01 00:00 UTC.
const NOW: Time = Time(1_767_225_600_000);

/// How to measure.
#[derive(Clone, Copy, Debug)]
pub struct MeasureOptions {
    /// Longest time for all runs, on the clock, after compiling: operations that were not begun by then are told as `not-run`.
    pub time: Duration,
}

impl Default for MeasureOptions {
    fn default() -> Self {
        Self { time: Duration::from_secs(60) }
    }
}

/// What a release costs to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Measured {
    /// Compiling, with counted fuel and without a cache.
    pub compile_micros: u64,
    /// The first run after compiling, with making its instance; 0 if no operation has an example.
    pub cold_start_micros: u64,
    /// In the order of the manifest.
    pub operations: Vec<OperationMeasured>,
}

/// What an operation costs to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OperationMeasured {
    /// Name of the operation.
    pub operation: String,
    /// Its input schema has an example: without one, nothing is run.
    pub has_example: bool,
    /// What it would cost.
    pub quote: Option<Run>,
    /// The operation itself, with providers that answer 503.
    pub handle: Option<Run>,
}

/// One run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// `answered`, the code of a failure, the class of a fault, or `not-run`.
    pub outcome: String,
    /// Words of a failure or fault.
    pub message: Option<String>,
    /// About one for each instruction of the guest.
    pub fuel: Option<u64>,
    /// Most bytes of linear memory.
    pub peak_memory: u64,
    /// Processor time.
    pub cpu_micros: u64,
    /// On the clock.
    pub wall_micros: u64,
    /// Requests to providers.
    pub http_requests: u32,
    /// Lines of a quote.
    pub lines: u32,
}

/// Runs `quote` and `handle` of each operation once, with an example of its input, in an engine of its own.
pub async fn measure(component: Vec<u8>, options: MeasureOptions) -> Result<Measured, ScriptedError> {
    // Two calls reserve little address space, so that a process with limits can have it too.
    let admission = Admission { host: 2, plugin: 2, account: 2, ..Admission::default() };
    let egress = EgressPolicy::only([PROVIDERS.parse().expect("it is a network")]);
    let engine = EngineOptions { workers: 1, admission, egress, fuel: true, ..EngineOptions::default() };
    let mut subject = Subject::load_with(component, engine).await?;
    let compile_micros = micros(subject.compiling);
    let until = Instant::now() + options.time;
    let mut operations = Vec::new();
    let declared: Vec<(String, Option<String>)> = subject
        .manifest()
        .operations
        .iter()
        .map(|operation| (operation.name.clone(), operation.input.clone()))
        .collect();
    for (operation, schema) in declared {
        let input = subject.schema(schema.as_deref()).and_then(|schema| example::example(&schema));
        let has_example = input.is_some();
        let (quote, handle) = match input {
            None => (None, None),
            Some(_) if until <= Instant::now() => (Some(Run::not_run()), Some(Run::not_run())),
            Some(input) => {
                let how = How { fault: None, otherwise: Otherwise::Unavailable, drain: false };
                let played = subject.play(&both(&operation, &input), how).await?;
                let mut runs = played.steps.iter().map(Run::from);
                (runs.next(), runs.next())
            }
        };
        operations.push(OperationMeasured { operation, has_example, quote, handle });
    }
    let first = operations.iter().find_map(|operation| operation.quote.as_ref());
    Ok(Measured { compile_micros, cold_start_micros: first.map_or(0, |run| run.wall_micros), operations })
}

/// A test that asks for a quote and then calls.
fn both(operation: &str, input: &Value) -> Test {
    let step = |action| Step { line: 0, action, expect: Expected::default() };
    let (name, input) = (operation.to_owned(), input.clone());
    Test {
        file: PathBuf::new(),
        line: 0,
        name: name.clone(),
        credits: CREDITS,
        now: NOW,
        standing: "active".to_owned(),
        max_credits: None,
        properties: BTreeMap::new(),
        config: BTreeMap::new(),
        secrets: BTreeMap::new(),
        repeats: Vec::new(),
        providers: Vec::new(),
        steps: vec![
            step(Action::Quote { operation: name.clone(), input: input.clone() }),
            step(Action::Call { operation: name, input }),
        ],
        expect: Totals::default(),
    }
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

impl Run {
    fn not_run() -> Self {
        Self {
            outcome: "not-run".to_owned(),
            message: None,
            fuel: None,
            peak_memory: 0,
            cpu_micros: 0,
            wall_micros: 0,
            http_requests: 0,
            lines: 0,
        }
    }
}

impl From<&Seen> for Run {
    fn from(seen: &Seen) -> Self {
        let lines = match &seen.outcome {
            Outcome::Quoted(priced) => u32::try_from(priced.lines.len()).unwrap_or(u32::MAX),
            _ => 0,
        };
        let run =
            Self { outcome: seen.outcome.code().to_owned(), message: seen.outcome.message(), lines, ..Self::not_run() };
        let Some(spent) = seen.spent else { return run };
        Self {
            fuel: spent.fuel,
            peak_memory: spent.peak_memory,
            cpu_micros: micros(spent.cpu),
            wall_micros: micros(spent.wall),
            http_requests: spent.http_requests,
            ..run
        }
    }
}
