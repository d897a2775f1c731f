//! The checking process, from its first breath: `iap inspect-release`.

use std::{
    collections::BTreeMap,
    io::{self, BufRead as _, Read as _, Write as _},
    time::Duration,
};

use anyhow::Context as _;
use iap_core::{manifest::Manifest, release::ReleaseFiles};
use iap_runtime::{
    Admission, EgressPolicy, Engine, EngineOptions, PluginSpec, Settings, SizeClass,
    release::{check_imports, read_release},
};

use crate::scripted::{MeasureOptions, measure};

use super::{
    confine, declared,
    protocol::{Line, Request, Stage},
    report::{Code, Inspection},
};

/// Longest line that goes in.
const MAX_REQUEST: u64 = 4_096;
/// Reasons that a vendor is told at once, and bytes of each: a manifest of a million mistakes is not a longer answer.
const MAX_REASONS: usize = 50;
const MAX_REASON: usize = 1_000;

/// Reads one upload from standard input, checks it and says what it found on standard output. Its first act is to limit the
/// process, which must have one thread.
pub fn check() -> anyhow::Result<()> {
    let mut input = io::stdin().lock();
    let mut line = String::new();
    (&mut input).take(MAX_REQUEST).read_line(&mut line)?;
    let request: Request =
        serde_json::from_str(&line).context("this command is run by `iap serve`, which says what to check")?;
    if let Err(error) = confine::limit(&request.limits) {
        return say(&Line::Broken(format!("its limits cannot be set: {error}")));
    }
    let mut component = vec![0; request.size];
    input.read_exact(&mut component)?;
    drop(input);
    say(&Line::Stage(Stage::Reading))?;
    let known = match read(&component) {
        Ok(known) => known,
        Err(reasons) => return refuse(reasons),
    };
    say(&Line::Stage(Stage::Compiling))?;
    confine::isolate();
    end_with_the_host()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    runtime.block_on(compile_and_run(&request, component, known))
}

/// What a component says of itself.
struct Known {
    inspection: Inspection,
    files: ReleaseFiles,
    manifest: Manifest,
    class: SizeClass,
}

fn read(component: &[u8]) -> Result<Known, Vec<String>> {
    let release = read_release(component).map_err(|error| vec![error.to_string()])?;
    let files = ReleaseFiles::from_section(&release.files).map_err(|error| vec![error.to_string()])?;
    let manifest =
        Manifest::parse(&files).map_err(|errors| errors.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    check_imports(&release.imports, &manifest).map_err(|error| vec![error.to_string()])?;
    let mut inspection = Inspection {
        size: u64::try_from(component.len()).unwrap_or(u64::MAX),
        class: match release.class {
            SizeClass::Small => "small".to_owned(),
            SizeClass::Large => "large".to_owned(),
        },
        ..Inspection::default()
    };
    declared::describe(&mut inspection, &manifest, &release.imports);
    Ok(Known { inspection, files, manifest, class: release.class })
}

async fn compile_and_run(request: &Request, component: Vec<u8>, known: Known) -> anyhow::Result<()> {
    // As the serving engine, but for one call: its pools are small.
    let options = EngineOptions {
        workers: 1,
        admission: Admission { host: 1, ..Admission::default() },
        egress: EgressPolicy::only([]),
        ..EngineOptions::default()
    };
    let engine = match Engine::new(options) {
        Ok(engine) => engine,
        Err(error) => return say(&Line::Broken(error.to_string())),
    };
    let Known { mut inspection, files, manifest, class } = known;
    let spec = PluginSpec { manifest, settings: Settings::default(), class };
    let examined = match engine.examine(component.clone(), spec).await {
        Ok(examined) => examined,
        Err(error) => return refuse(vec![why_not_loaded(&error.to_string(), request)]),
    };
    drop(engine);
    inspection.exports = examined.exports;
    inspection.code = Code {
        compile_micros: micros(examined.compile),
        size: examined.code_size,
        cold_start_micros: micros(examined.cold_start),
    };
    let files: BTreeMap<String, String> = files.iter().map(|(path, text)| (path.to_owned(), text.to_owned())).collect();
    say(&Line::Accepted(Box::new(inspection), files))?;
    say(&Line::Stage(Stage::Measuring))?;
    confine::allow_more(&request.limits)?;
    // A release is good without figures, so the rest only adds to what was said.
    let options = MeasureOptions { time: Duration::from_secs(request.limits.processor_seconds) };
    match measure(component, options).await {
        Ok(measured) => say(&Line::Measured(measured.operations.into_iter().map(Into::into).collect())),
        Err(error) => say(&Line::Unmeasured(error.to_string())),
    }
}

/// Where memory ended, wasmtime says so in the system's words.
fn why_not_loaded(error: &str, request: &Request) -> String {
    if error.contains("os error 12") || error.contains("Cannot allocate memory") {
        return super::ends::needs_memory("compiling", &request.limits);
    }
    error.to_owned()
}

fn micros(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

fn refuse(mut reasons: Vec<String>) -> anyhow::Result<()> {
    let more = reasons.len().saturating_sub(MAX_REASONS);
    reasons.truncate(MAX_REASONS);
    for reason in &mut reasons {
        reason.truncate(reason.floor_char_boundary(MAX_REASON));
    }
    if 0 < more {
        reasons.push(format!("and {more} more"));
    }
    say(&Line::Refused(reasons))
}

fn say(line: &Line) -> anyhow::Result<()> {
    let mut output = io::stdout().lock();
    serde_json::to_writer(&mut output, line)?;
    output.write_all(b"\n")?;
    Ok(output.flush()?)
}

/// The host keeps standard input open as long as it lives and waits.
fn end_with_the_host() -> io::Result<()> {
    let watch = || {
        drop(io::copy(&mut io::stdin().lock(), &mut io::sink()));
        std::process::exit(0);
    };
    std::thread::Builder::new().name("iap-parent".to_owned()).spawn(watch).map(drop)
}
