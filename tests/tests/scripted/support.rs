//! Scripts written in a test, against the guests.

use std::path::Path;

use iap_host::scripted::{
    How, Played, Subject, script,
    suite::{self, Choice, Report},
    verdict::{self, Problem},
};
use iap_tests::guests;

pub const ASKER: &str = "iap-guest-asker";
pub const ECHO: &str = "iap-example-echo";
pub const HOSTILE: &str = "iap-guest-hostile";
pub const SMS: &str = "iap-plugin-sms";
pub const WORKER: &str = "iap-guest-worker";

pub async fn subject(package: &str) -> Subject {
    Subject::load(guests::component(package).to_vec()).await.unwrap()
}

/// The one test of a script.
pub fn test(text: &str) -> script::Test {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("script.toml");
    std::fs::write(&file, text).unwrap();
    script::read(&file).unwrap().remove(0)
}

/// Plays the one test of a script: how it went, and what was not as expected.
pub async fn play(package: &str, text: &str) -> (Played, Vec<String>) {
    let (mut subject, test) = (subject(package).await, test(text));
    let played = subject.play(&test, How::default()).await.unwrap();
    let problems = verdict::problems(&subject, &test, &played);
    (played, texts(problems))
}

pub fn texts(problems: Vec<Problem>) -> Vec<String> {
    problems.into_iter().map(|problem| format!("{}: {}", problem.line, problem.text)).collect()
}

/// Plays the one test of a script with every fault.
pub async fn hostile(package: &str, text: &str) -> Report {
    let choice = Choice { hostile: true, ..Choice::default() };
    suite::run(&mut subject(package).await, &test(text), &choice).await.unwrap()
}

/// All scripts in a folder of the workspace, as `iap plugin test --hostile` plays them.
pub async fn folder(package: &str, folder: &str) -> Vec<Report> {
    let choice = Choice { hostile: true, ..Choice::default() };
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(folder);
    let tests = suite::read(&path, &choice).unwrap();
    let mut subject = subject(package).await;
    let mut reports = Vec::new();
    for test in &tests {
        reports.push(suite::run(&mut subject, test, &choice).await.unwrap());
    }
    reports
}
