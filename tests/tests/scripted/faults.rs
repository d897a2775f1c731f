//! `--hostile`: what breaks under a fault is named with the fault.

use iap_host::scripted::{
    Fault,
    suite::{self, Choice},
};

use crate::support::{ASKER, ECHO, HOSTILE, WORKER, hostile, subject, test};

fn broken(report: &iap_host::scripted::suite::Report) -> Vec<(Option<&str>, &str)> {
    report.broken.iter().map(|broken| (broken.fault.as_deref(), broken.what.as_str())).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sound_plugin_stands_all_of_them() {
    let script = r#"
[[test]]
name = "an order"
operation = "order"
input = { id = "a", pieces = 2 }
[[test.provider]]
endpoint = "provider"
method = "POST"
path = "/orders/a"
[[test.provider]]
endpoint = "provider"
method = "GET"
path = "/orders/a"
[test.expect]
captured = "2"
"#;
    let report = hostile(ASKER, script).await;
    assert!(report.ok, "{report:#?}");
    // Five of the request, two of all requests, credits, capture, the clock at both ledger steps, memory.
    assert_eq!(report.faults, 5 + 2 + 1 + 1 + 2 + 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_credits_and_breaks_off_is_named() {
    let script = "[[test]]\nname = \"it's x\"\noperation = \"capture_then_panic\"\n[test.expect]\nfailure = \"guest-fault\"\ncaptured = \"1\"\n";
    let report = hostile(HOSTILE, script).await;
    assert!(!report.ok);
    let broken = broken(&report);
    assert!(
        broken.iter().any(|(fault, what)| fault.is_none()
            && what.starts_with("credits were taken (1) and no answer was given: guest-fault")),
        "{broken:?}"
    );
    assert!(broken.iter().any(|(_, what)| what.starts_with("it broke off: guest-fault")), "{broken:?}");
    assert_eq!(report.broken[0].reproduce, ["--filter", "it's x", "--hostile"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_only_under_a_fault_is_found_and_can_be_played_alone() {
    let script = r#"
[[test]]
name = "careless"
operation = "careless"
input = { path = "/a" }
[[test.provider]]
endpoint = "target"
method = "POST"
path = "/a"
[test.expect]
captured = "1"
"#;
    let report = hostile(HOSTILE, script).await;
    let broken = broken(&report);
    let under = |fault: &str| broken.iter().filter(|(name, _)| *name == Some(fault)).count();
    // It breaks off, and has taken its credits; an answer of any kind is enough for it.
    for fault in ["provider-hang-up@1", "provider-silent@1", "provider-partial@1", "provider-unreachable"] {
        assert_eq!(under(fault), 2, "{fault}: {broken:?}");
    }
    assert_eq!(broken.len(), 8, "{broken:?}");
    let fault: Fault = "provider-hang-up@1".parse().unwrap();
    let choice = Choice { fault: Some(fault), ..Choice::default() };
    let alone = suite::run(&mut subject(HOSTILE).await, &test(script), &choice).await.unwrap();
    assert_eq!((alone.faults, alone.broken.len(), alone.problems.len()), (1, 2, 0));
    assert_eq!(alone.broken[0].reproduce, ["--filter", "careless", "--fault", "provider-hang-up@1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn part_that_was_delivered_may_be_taken_where_the_script_says_so() {
    let script = "[[test]]\nname = \"x\"\noperation = \"capture_then_panic\"\n[test.expect]\nfailure = \"guest-fault\"\npartial = true\n";
    let report = hostile(HOSTILE, script).await;
    assert!(report.broken.iter().all(|broken| broken.what.starts_with("it broke off")), "{report:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_breaks_off_under_a_fault_is_named_with_it() {
    let script = r#"
[[test]]
name = "kept, delivered, captured"
operation = "paid_later"
input = { key = "k" }
[[test.provider]]
endpoint = "provider"
method = "POST"
path = "/visit/k"
[[test.then]]
run_jobs = true
[test.expect]
captured = "1"
"#;
    // Its holds end and its credits go back, whatever happens.
    let report = hostile(WORKER, script).await;
    assert!(report.ok, "{report:#?}");
    assert!(10 <= report.faults);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_test_that_fails_is_not_tried_with_faults() {
    let report = hostile(
        ECHO,
        "[[test]]\nname = \"x\"\noperation = \"say\"\ninput = { text = \"a\" }\n[test.expect]\ncaptured = \"2\"\n",
    )
    .await;
    assert_eq!((report.ok, report.faults, report.problems.len()), (false, 0, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_question_that_is_never_answered_ends_with_its_time() {
    // Nobody answers GET: the plugin is asked every second, for a day.
    let script = r#"
[[test]]
name = "an order"
operation = "order"
input = { id = "a", pieces = 2 }
[[test.provider]]
endpoint = "provider"
method = "POST"
path = "/orders/a"
"#;
    let report = hostile(ASKER, script).await;
    assert!(report.ok, "{report:#?}");
}
