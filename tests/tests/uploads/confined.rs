//! What the checking process has taken from itself.

use std::{
    io::{BufRead, BufReader, Read as _, Write as _},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use iap_tests::host::binary;
use serde_json::json;

use crate::support::echo;

fn start() -> Child {
    let mut command = Command::new(binary());
    command.arg("inspect-release").env("IAP_OPERATOR_TOKEN", "iap_op_secret").current_dir("/");
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts")
}

fn header(size: usize) -> Vec<u8> {
    let limits = json!({ "memory": 1_u64 << 30, "processor_seconds": 7, "time": { "secs": 60, "nanos": 0 }, "background": true });
    let mut line = json!({ "size": size, "limits": limits }).to_string().into_bytes();
    line.push(b'\n');
    line
}

fn proc(child: &Child, file: &str) -> String {
    std::fs::read_to_string(format!("/proc/{}/{file}", child.id())).expect("it lives")
}

/// Waits until a process says something of itself in a file below `/proc`.
fn wait_for(child: &Child, file: &str, what: &str) -> String {
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let text = proc(child, file);
        if text.contains(what) {
            return text;
        }
        assert!(Instant::now() < until, "{what:?} did not come in {file}: {text}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn limits_are_set_before_the_upload_is_read() {
    let mut child = start();
    let mut input = child.stdin.take().expect("it is piped");
    input.write_all(&header(1 << 20)).expect("it reads");
    // The upload never comes: it waits for it, limited.
    wait_for(&child, "status", "NoNewPrivs:\t1");
    // Scheduling policy 5 is SCHED_IDLE; it is set last.
    let until = Instant::now() + Duration::from_secs(60);
    let stat = loop {
        let text = proc(&child, "stat");
        let fields: Vec<String> =
            text.rsplit_once(')').expect("it has a name").1.split_ascii_whitespace().map(str::to_owned).collect();
        if fields[38] == "5" || until < Instant::now() {
            break fields;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!((stat[16].as_str(), stat[38].as_str()), ("10", "5"), "nice and policy");
    let limits = proc(&child, "limits");
    for (name, value) in [
        ("Max data size", "1073741824"),
        ("Max cpu time", "7"),
        ("Max core file size", "0"),
        ("Max open files", "128"),
        ("Max file size", "268435456"),
    ] {
        let line = limits.lines().find(|line| line.starts_with(name)).expect("Linux knows it");
        assert_eq!(line[name.len()..].split_ascii_whitespace().next(), Some(value), "{line}");
    }
    drop(input);
    let status = child.wait().expect("it ends");
    assert!(!status.success(), "an upload that is cut off is no upload");
}

#[test]
fn it_ends_with_its_host() {
    let mut child = start();
    let mut input = child.stdin.take().expect("it is piped");
    let upload = echo();
    input.write_all(&header(upload.len())).expect("it reads");
    input.write_all(&upload).expect("it reads");
    let mut output = BufReader::new(child.stdout.take().expect("it is piped"));
    let mut line = String::new();
    output.read_line(&mut line).expect("it speaks");
    assert_eq!(line.trim(), r#"{"stage":"reading"}"#);
    // As when the host is killed: from here on it stops wherever it is.
    drop(input);
    let began = Instant::now();
    child.wait().expect("it ends");
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
}

#[test]
fn people_who_start_it_are_told_what_it_is() {
    let mut child = start();
    drop(child.stdin.take());
    let mut text = String::new();
    child.stderr.take().expect("it is piped").read_to_string(&mut text).expect("it is text");
    assert!(text.contains("run by `iap serve`"), "{text}");
    assert!(!child.wait().expect("it ends").success());
}
