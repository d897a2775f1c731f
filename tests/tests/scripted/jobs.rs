//! Jobs, callbacks and outcomes that nobody knows, on a clock that the script moves.

use crate::support::{ASKER, WORKER, play};

#[tokio::test(flavor = "multi_thread")]
async fn a_job_captures_what_its_call_kept() {
    let (_, problems) = play(
        WORKER,
        r#"
[[test]]
name = "kept, delivered, captured"
operation = "paid_later"
input = { key = "k" }
credits = "3"

[[test.provider]]
endpoint = "provider"
method = "POST"
path = "/visit/k"
fault = "hang-up"
times = 1

[[test.provider]]
endpoint = "provider"
method = "POST"
path = "/visit/k"

[[test.then]]
run_jobs = true

# The first run failed: the next is two seconds later.
[[test.then]]
advance = "1999 ms"

[[test.then]]
run_jobs = true

[[test.then]]
advance = "1 ms"

[[test.then]]
run_jobs = true

[test.expect]
output = { queued = "k" }
jobs = ["deliver"]
captured = "1"
held = "0"
requests = 2
"#,
    )
    .await;
    assert_eq!(problems, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_fails_for_good_is_told_unless_expected() {
    let script = |expect: &str| {
        format!(
            "[[test]]\nname = \"x\"\noperation = \"later\"\ninput = {{ job = \"fail\", count = 1 }}\n[[test.provider]]\nendpoint = \"provider\"\nmethod = \"GET\"\npath = \"/well\"\nstatus = 500\n[[test.then]]\nrun_jobs = true\n[test.expect]\n{expect}\n"
        )
    };
    let (_, problems) = play(WORKER, &script("requests = 0")).await;
    assert_eq!(
        problems,
        ["12: requests: expected 0, got 1", "12: dead: expected [], got [fail (Refused(\"It does not work.\"))]"]
    );
    let (_, problems) = play(WORKER, &script("dead = [\"fail\"]")).await;
    assert_eq!(problems, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_runs_alone_too_and_rows_of_jobs_end() {
    let (_, problems) = play(
        WORKER,
        "[[test]]\nname = \"x\"\njob = \"fail\"\ninput = { number = 1 }\n[[test.provider]]\nendpoint = \"provider\"\nmethod = \"GET\"\npath = \"/well\"\nstatus = 500\n[test.expect]\nfailure = \"refused\"\nmessage = \"does not work\"\n",
    )
    .await;
    assert_eq!(problems, Vec::<String>::new());
    let (played, problems) = play(
        WORKER,
        "[[test]]\nname = \"x\"\noperation = \"later\"\ninput = { job = \"mark\", count = 2, dedupe_key = \"once\" }\n[[test.then]]\nrun_jobs = true\n[[test.then]]\noperation = \"marks\"\ninput = { prefix = \"mark/\" }\n",
    )
    .await;
    assert_eq!((problems, played.jobs), (Vec::new(), vec!["mark".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_outcome_is_asked_about_later() {
    let (played, problems) = play(
        ASKER,
        r#"
[[test]]
name = "ordered, not answered, found later"
operation = "order"
input = { id = "a", pieces = 2 }
credits = "2"

[[test.provider]]
endpoint = "provider"
method = "POST"
path = "/orders/a"
fault = "hang-up"

[[test.provider]]
endpoint = "provider"
method = "GET"
path = "/orders/a"
status = 503
times = 1

[[test.provider]]
endpoint = "provider"
method = "GET"
path = "/orders/a"

[[test.then]]
run_jobs = true

[[test.then]]
advance = "5 min"

[[test.then]]
run_jobs = true

# What was found is the answer to a repeat.
[[test.then]]
operation = "order"
input = { id = "a", pieces = 2 }
[test.then.expect]
output = { id = "a", pieces = 2 }

[test.expect]
failure = "outcome-unknown"
jobs = ["reconcile"]
captured = "2"
held = "0"
requests = 3
"#,
    )
    .await;
    assert_eq!(problems, Vec::<String>::new());
    assert_eq!(played.dead, Vec::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_callback_goes_where_the_database_said() {
    let script = |url: &str, expect: &str| {
        format!(
            "[[test]]\nname = \"x\"\noperation = \"call_back\"\ncallback_url = \"https://db.example.com/hook\"\ninput = {{ url = \"{url}\", body = {{ a = 1 }} }}\n[test.expect]\n{expect}\n"
        )
    };
    let told = "output = { code = \"ok\" }\ncallbacks = [{ url = \"https://db.example.com/x\", json = { a = 1 } }]";
    let (_, problems) = play(WORKER, &script("https://db.example.com/x", told)).await;
    assert_eq!(problems, Vec::<String>::new());
    let refused = "output = { code = \"origin-refused\" }\ncallbacks = []";
    let (_, problems) = play(WORKER, &script("https://elsewhere.example.com/x", refused)).await;
    assert_eq!(problems, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn documents_are_taken_out_of_an_input() {
    let (_, problems) = play(
        WORKER,
        r#"
[[test]]
name = "a document, twice"
operation = "documents"
input = { documents = [{ id = 7, pdf = "JVBERi0xLjcK" }] }
[[test.then]]
operation = "documents"
input = { documents = [{ id = 7, pdf = "JVBERi0xLjcK" }] }
[test.then.expect]
output = { repeats = 1 }
[test.expect]
output = { repeats = 0, starts = ["%PDF-1.7"], saw = { documents = [{ pdf = { size = 9, content_type = "application/pdf" } }] } }
captured = "1"
"#,
    )
    .await;
    assert_eq!(problems, Vec::<String>::new());
}
