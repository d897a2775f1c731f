//! Who waits, and who is told to come back.

use std::{sync::Arc, time::Duration};

use iap_host::publish::inspect::{InspectError, Inspector, InspectorOptions, Limits};

use crate::ends::Impostor;

/// Refuses whatever comes, as soon as the file `go` is there.
const WAITS: &str = "cat > taken & while ! [ -e go ]; do sleep 0.05; done; echo '{\"refused\":[\"no, not this one\"]}'";

fn inspector(impostor: &Impostor, queue: usize, each: usize) -> Arc<Inspector> {
    let limits = Limits { time: Duration::from_secs(60), ..Limits::default() };
    Arc::new(Inspector::new(InspectorOptions { program: impostor.program(), limits, queue, each, processes: 1 }))
}

fn send(inspector: &Arc<Inspector>, vendor: &'static str) -> tokio::task::JoinHandle<InspectError> {
    let inspector = Arc::clone(inspector);
    tokio::spawn(
        async move { inspector.inspect_for(vendor, Arc::new(vec![1])).await.expect_err("it refuses everything") },
    )
}

fn retry_after(error: &InspectError) -> Option<Duration> {
    match error {
        InspectError::Busy { retry_after } => Some(*retry_after),
        _ => None,
    }
}

async fn started(impostor: &Impostor) {
    for _ in 0..600 {
        if impostor.wrote("taken").is_some() {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("the process did not start within 30 s");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_queue_says_when_to_come_back() {
    let impostor = Impostor::new(WAITS);
    let inspector = inspector(&impostor, 1, 2);
    let first = send(&inspector, "a");
    started(&impostor).await;
    let second = send(&inspector, "b");
    while inspector.waiting() < 2 {
        tokio::task::yield_now().await;
    }
    let third = send(&inspector, "c").await.expect("it ended");
    assert!(retry_after(&third).is_some_and(|time| Duration::from_secs(5) <= time), "{third:?}");
    std::fs::write(impostor.program().with_file_name("go"), "").expect("the folder is writable");
    for waiting in [first, second] {
        let error = waiting.await.expect("it ended");
        assert!(matches!(&error, InspectError::Refused(_)), "{error:?}");
    }
    assert_eq!(inspector.waiting(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_vendor_does_not_fill_the_queue() {
    let impostor = Impostor::new(WAITS);
    let inspector = inspector(&impostor, 8, 2);
    let first = send(&inspector, "greedy");
    started(&impostor).await;
    let second = send(&inspector, "greedy");
    while inspector.waiting() < 2 {
        tokio::task::yield_now().await;
    }
    assert!(retry_after(&send(&inspector, "greedy").await.expect("it ended")).is_some());
    let other = send(&inspector, "modest");
    std::fs::write(impostor.program().with_file_name("go"), "").expect("the folder is writable");
    for waiting in [first, second, other] {
        assert!(matches!(waiting.await.expect("it ended"), InspectError::Refused(_)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_who_waits_means_no_process() {
    let impostor = Impostor::new("echo $$ > pid; exec sleep 600");
    let limits = Limits { time: Duration::from_secs(60), ..Limits::default() };
    let inspector = Arc::new(impostor.inspector(limits));
    let waiting = send(&inspector, "gone");
    let mut pid = None;
    for _ in 0..600 {
        pid = impostor.wrote("pid").and_then(|text| text.trim().parse::<u32>().ok());
        if pid.is_some() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let pid = pid.expect("the process started within 30 s");
    waiting.abort();
    for _ in 0..600 {
        if !std::path::Path::new(&format!("/proc/{pid}/fd/0")).exists() {
            assert_eq!(inspector.waiting(), 0);
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("process {pid} goes on although nobody waits for it");
}
