//! `iap plugin test`.

use std::{fmt::Write as _, path::PathBuf, process::ExitCode};

use anyhow::bail;
use iap_host::scripted::{
    Fault, Subject,
    suite::{self, Choice, Report},
};
use serde_json::json;

use super::Source;
use crate::cli::told::{self, Told};

/// Play the scripts in `tests/*.toml` against the component, in the real sandbox; exits with 1 if one fails. What a script
/// looks like says `sdk/TESTING.md`.
#[derive(clap::Args)]
pub struct Test {
    #[command(flatten)]
    source: Source,
    /// Folder of the scripts [default: `tests` in the plugin's folder].
    #[arg(long, value_name = "DIR")]
    scripts: Option<PathBuf>,
    /// Only tests with this in their name.
    #[arg(long, value_name = "TEXT")]
    filter: Option<String>,
    /// Each test again with every fault that it can meet: providers that fail, credits that run out, a clock that jumps,
    /// less memory. Whatever goes wrong, nothing may be taken without an answer.
    #[arg(long)]
    hostile: bool,
    /// Each test again with this fault alone, as `provider-silent@1`.
    #[arg(long, value_name = "FAULT")]
    fault: Option<Fault>,
    /// One JSON object.
    #[arg(long)]
    json: bool,
}

impl Test {
    pub fn run(self) -> anyhow::Result<ExitCode> {
        told::tell(self.json, self.play())
    }

    fn play(&self) -> anyhow::Result<Told> {
        let project = self.source.project()?;
        let folder = self.scripts.clone().unwrap_or_else(|| project.folder.join("tests"));
        let choice = Choice { filter: self.filter.clone(), hostile: self.hostile, fault: self.fault };
        let tests = suite::read(&folder, &choice)?;
        match (tests.is_empty(), &self.filter) {
            (true, Some(filter)) => bail!("no test in {} has {filter:?} in its name", folder.display()),
            (true, None) => bail!("no script in {} has a [[test]]; sdk/TESTING.md shows one", folder.display()),
            (false, _) => {}
        }
        let component = self.source.component(&project)?.bytes;
        let reports = crate::cli::runtime()?.block_on(async {
            let mut subject = Subject::load(component).await?;
            let mut reports = Vec::new();
            for test in &tests {
                let report = suite::run(&mut subject, test, &choice).await?;
                if !self.json {
                    show(&report);
                }
                reports.push(report);
            }
            anyhow::Ok(reports)
        })?;
        let failed = reports.iter().filter(|report| !report.ok).count();
        let text = match failed {
            0 => format!("{} passed", counted(reports.len())),
            _ => format!("{failed} of {} failed", counted(reports.len())),
        };
        Ok(Told { json: json!({ "ok": failed == 0, "failed": failed, "tests": reports }), text, ok: failed == 0 })
    }
}

/// Tells a test as soon as it is over: with faults, all of them take a while.
#[expect(clippy::print_stdout, reason = "this is a command's output")]
fn show(report: &Report) {
    print!("{}", line(report));
}

fn counted(tests: usize) -> String {
    if tests == 1 { "1 test".to_owned() } else { format!("{tests} tests") }
}

/// A test in a line, and under it what went wrong.
fn line(report: &Report) -> String {
    let state = if report.ok { "ok  " } else { "FAIL" };
    let faults = if report.faults == 0 { String::new() } else { format!(", {} faults", report.faults) };
    let mut text = format!("{state} {} ({} ms, credits {}{faults})\n", report.name, report.millis, report.captured);
    // Writing to a text cannot fail.
    for problem in &report.problems {
        let _ = writeln!(text, "     {}:{}: {}", report.file, problem.line, problem.text);
    }
    for broken in &report.broken {
        let fault = broken.fault.as_deref().unwrap_or("without a fault");
        let _ = writeln!(text, "     {fault}: {}", broken.what);
        let arguments: Vec<String> = broken.reproduce.iter().map(|argument| quoted(argument)).collect();
        let _ = writeln!(text, "       try it: iap plugin test {}", arguments.join(" "));
    }
    text
}

/// An argument as a shell reads it.
fn quoted(argument: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_@.".contains(&byte);
    if argument.bytes().all(plain) { argument.to_owned() } else { format!("'{}'", argument.replace('\'', "'\\''")) }
}
