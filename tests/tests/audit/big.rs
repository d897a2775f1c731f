//! A ledger of many postings is seeded, verified and exported in bounded memory. `IAP_LONG=1` makes it ten million.

use std::{
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use iap_tests::host::binary;

/// Most memory that a command may have used, in kilobytes: what the program takes by itself, and its buffers.
const MOST: u64 = 400_000;

/// Runs a command to its end; what it printed, and the most memory that it was seen to use, in kilobytes.
fn run(args: &[&str], data: &Path) -> (String, u64) {
    let output = tempfile::tempfile().expect("a temporary file");
    let mut reader = output.try_clone().expect("it can be read");
    let mut command = Command::new(binary());
    command.args(args).arg("--data-dir").arg(data).stdout(Stdio::from(output)).stderr(Stdio::null());
    let mut process = command.spawn().expect("it starts");
    let status = format!("/proc/{}/status", process.id());
    let mut most = 0;
    let ended = loop {
        if let Some(ended) = process.try_wait().expect("it can be waited for") {
            break ended;
        }
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let peak = text.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse().ok());
        most = most.max(peak.unwrap_or(0));
        std::thread::sleep(Duration::from_millis(20));
    };
    let mut text = String::new();
    std::io::Seek::rewind(&mut reader).expect("it can be read again");
    std::io::Read::read_to_string(&mut reader, &mut text).expect("text");
    assert!(ended.success(), "`iap {}` ended with {ended}:\n{text}", args.join(" "));
    (text, most)
}

#[test]
fn many_postings_are_verified_and_exported_in_bounded_memory() {
    let long = std::env::var_os("IAP_LONG").is_some_and(|value| value == "1");
    let postings = if long { 10_000_000u64 } else { 30_000 };
    let folder = tempfile::tempdir().expect("a temporary folder");
    run(&["bench", "seed", "--accounts", "500", "--postings", &postings.to_string()], folder.path());
    let (report, most) = run(&["ledger", "verify", "--json"], folder.path());
    let report: serde_json::Value = serde_json::from_str(&report).expect("it is JSON");
    assert_eq!(report["clean"], true, "{report}");
    assert!(report["postings"].as_u64().is_some_and(|seen| postings <= seen), "{report}");
    assert!(most < MOST, "verification used {most} kB");
    let file = folder.path().join("postings.csv");
    let (_, most) = run(&["ledger", "export", "--output", &file.to_string_lossy()], folder.path());
    assert!(most < MOST, "the export used {most} kB");
    assert!(postings * 80 < std::fs::metadata(&file).expect("it is written").len());
}
