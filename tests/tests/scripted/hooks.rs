//! Requests to hooks, with the signatures that providers make.

use crate::support::{WORKER, play};

fn script(sign: &str, expect: &str) -> String {
    format!(
        "[secrets]\nhook-key = \"whsec\"\n[[test]]\nname = \"x\"\n[test.hook]\npath = \"event\"\ntext = \"delivered\"\n{sign}\n[test.expect]\n{expect}\n"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hook_believes_what_is_signed() {
    let sign = "sign = { header = \"X-Provider-Signature\", key = \"hook-key\", algorithm = \"hmac-sha256\" }";
    let (_, problems) = play(WORKER, &script(sign, "output = { counted = 1 }")).await;
    assert_eq!(problems, Vec::<String>::new());
    let other = sign.replace("sha256", "sha1");
    let (_, problems) = play(WORKER, &script(&other, "status = 403")).await;
    assert_eq!(problems, Vec::<String>::new());
    let (_, problems) = play(WORKER, &script("", "requests = 0")).await;
    assert_eq!(problems, ["4: status: expected 200 to 299, got 403"].map(|text| text.replace("4:", "3:")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_hook_enqueues_runs() {
    let sign = "sign = { header = \"x-provider-signature\", key = \"hook-key\", algorithm = \"hmac-sha256\" }";
    let script = script(sign, "jobs = [\"mark\"]").replace("delivered", "job");
    let script = script.replace("[test.expect]", "[[test.then]]\nrun_jobs = true\n[test.expect]");
    let (played, problems) = play(WORKER, &script).await;
    assert_eq!((problems, played.jobs.len()), (Vec::new(), 1));
}
