//! Providers of a script: a real server, which answers what is written and tells what came beside.

use std::time::{Duration, Instant};

use crate::support::{HOSTILE, WORKER, play};

/// A visit of the hostile guest, with `more` in the answer's table.
fn visit(path: &str, more: &str) -> String {
    format!(
        "[[test]]\nname = \"x\"\noperation = \"hold_and_http\"\ninput = {{ path = \"{path}\", method = \"POST\" }}\n\
         [[test.provider]]\nendpoint = \"target\"\nmethod = \"POST\"\npath = \"/a\"\n{more}\n[test.expect]\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_comes_as_it_is_written() {
    let script = visit("/a", "status = 418\ntext = \"tea\"\nheaders = { x-kind = \"pot\" }\ndelay = \"300 ms\"");
    let began = Instant::now();
    let (played, problems) = play(HOSTILE, &(script + "output = { status = 418, text = \"tea\" }\nrequests = 1")).await;
    assert_eq!(problems, Vec::<String>::new());
    assert!(Duration::from_millis(300) <= began.elapsed());
    let request = &played.received[0];
    assert_eq!((request.endpoint.as_str(), request.method.as_str(), request.path.as_str()), ("target", "POST", "/a"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_expects_gets_501_and_is_told() {
    let (_, problems) = play(HOSTILE, &(visit("/b?c=d", "") + "output = { status = 501 }")).await;
    assert_eq!(
        problems,
        ["2: no [[test.provider]] answers POST /b?c=d of endpoint target, with body \"\""]
            .map(|text| text.replace("2:", "1:"))
    );
    // With a query in the script, only that query fits; what was to come and did not is told too.
    let script = visit("/a?c=d", "times = 1").replace("path = \"/a\"\n", "path = \"/a?c=e\"\n");
    let (_, problems) = play(HOSTILE, &(script + "output = { status = 501 }")).await;
    assert_eq!(problems.len(), 2);
    assert_eq!(problems[1], "5: requests: expected 1, got 0");
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_can_be_written_too() {
    for (fault, code) in [("hang-up", "broken"), ("partial", "broken"), ("silent", "timeout")] {
        let script = visit("/a", &format!("text = \"0123456789\"\nfault = \"{fault}\""))
            + &format!("output = {{ code = \"{code}\", sent = true }}");
        let (_, problems) = play(HOSTILE, &script).await;
        assert_eq!(problems, Vec::<String>::new(), "{fault}");
    }
    let (_, problems) = play(HOSTILE, &(visit("/a", "fault = \"garbage\"") + "output = { status = 200 }")).await;
    assert_eq!(problems, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_are_given_in_order_and_by_body() {
    let (played, problems) = play(
        WORKER,
        r#"
[[test]]
name = "three visits"
operation = "later"
input = { job = "visit", count = 3 }

[[test.provider]]
endpoint = "provider"
method = "POST"
path = "/visit/0"
fault = "hang-up"
times = 1

[[test.provider]]
endpoint = "provider"
method = "POST"
path = "/visit/0"

[[test.provider]]
endpoint = "provider"
method = "POST"
path = "/visit/1"

[[test.provider]]
endpoint = "provider"
method = "POST"
path = "/visit/2"

[[test.then]]
run_jobs = true

[[test.then]]
advance = "2 s"

[[test.then]]
run_jobs = true

[test.expect]
output = { enqueued = 3 }
requests = 4
"#,
    )
    .await;
    assert_eq!(problems, Vec::<String>::new());
    // What the first run of the first visit wanted to enqueue never was.
    assert_eq!(played.jobs.iter().filter(|name| *name == "mark").count(), 3);
}
