//! All scripts of a plugin, one test after another.

use std::{path::Path, time::Duration};

use iap_core::Credits;
use serde::Serialize;

use super::{
    How, Subject,
    fault::Fault,
    hostile,
    script::{self, Test},
    subject::ScriptedError,
    verdict::{self, Problem},
};

/// Which tests, and how.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// Only tests with this in their name.
    pub filter: Option<String>,
    /// Each test again with every fault that it can meet.
    pub hostile: bool,
    /// Each test again with this fault alone.
    pub fault: Option<Fault>,
}

/// How a test went.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Its name.
    pub name: String,
    /// Its script, as it was named.
    pub file: String,
    /// Where it begins.
    pub line: usize,
    /// Nothing was otherwise than expected, and nothing broke under a fault.
    pub ok: bool,
    /// How long it took without faults.
    pub millis: u64,
    /// Credits that it took.
    pub captured: Credits,
    /// What was not as expected.
    pub problems: Vec<Problem>,
    /// Faults that were tried.
    pub faults: usize,
    /// What broke under a fault.
    pub broken: Vec<Broken>,
}

/// What broke under a fault.
#[derive(Clone, Debug, Serialize)]
pub struct Broken {
    /// The fault; absent if it broke without one, once all jobs had run.
    pub fault: Option<String>,
    /// What did not hold.
    pub what: String,
    /// Arguments that play it alone.
    pub reproduce: Vec<String>,
}

/// Reads the scripts in a folder, those that are chosen.
pub fn read(folder: &Path, choice: &Choice) -> Result<Vec<Test>, script::ScriptError> {
    let mut tests = script::read_folder(folder)?;
    if let Some(filter) = &choice.filter {
        tests.retain(|test| test.name.contains(filter.as_str()));
    }
    Ok(tests)
}

/// Plays a test, and again with faults if that is chosen and it went well.
pub async fn run(subject: &mut Subject, test: &Test, choice: &Choice) -> Result<Report, ScriptedError> {
    let played = subject.play(test, How::default()).await?;
    let problems = verdict::problems(subject, test, &played);
    let mut stood = hostile::Stood::default();
    if problems.is_empty() && (choice.hostile || choice.fault.is_some()) {
        stood = hostile::torment(subject, test, choice.fault).await?;
    }
    let broken: Vec<Broken> = stood.broken.into_iter().map(|broken| told(test, broken)).collect();
    Ok(Report {
        name: test.name.clone(),
        file: test.file.display().to_string(),
        line: test.line,
        ok: problems.is_empty() && broken.is_empty(),
        millis: millis(played.time),
        captured: played.captured,
        problems,
        faults: stood.faults,
        broken,
    })
}

fn told(test: &Test, broken: hostile::Broken) -> Broken {
    let fault = broken.fault.map(|fault| fault.to_string());
    let mut reproduce = vec!["--filter".to_owned(), test.name.clone()];
    match &fault {
        Some(fault) => reproduce.extend(["--fault".to_owned(), fault.clone()]),
        None => reproduce.push("--hostile".to_owned()),
    }
    Broken { fault, what: broken.what, reproduce }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
