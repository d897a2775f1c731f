//! What scripts expect, and what they are told where it does not come.

use iap_host::scripted::{How, ScriptedError};

use crate::support::{ASKER, ECHO, HOSTILE, play, subject, test, texts};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_as_expected_is_told_at_its_line() {
    let (played, problems) = play(
        ECHO,
        r#"
[[test]]
name = "wrong in all it expects"
operation = "say"
input = { text = "hi" }

[[test.then]]
operation = "say"
input = { text = "again" }
[test.then.expect]
failure = "insufficient-credit"

[test.expect]
output = { text = "ho", length = 2, mood = "good" }
captured = "3"
lines = [{ item = "message", units = 1 }]
jobs = ["later"]
requests = 1
logs = ["said"]
"#,
    )
    .await;
    assert_eq!(
        problems,
        [
            "2: output.mood: expected \"good\", got nothing",
            "2: output.text: expected \"ho\", got \"hi\"",
            "7: failure: expected insufficient-credit, got the answer {\"length\":5,\"text\":\"again\"}",
            "13: captured: expected 3, got 2",
            "13: requests: expected 1, got 0",
            "13: jobs: expected [\"later\"], got []",
            "13: lines[0].units: expected 1, got 2",
            "13: logs: no line has \"said\"; there are []",
        ]
    );
    assert_eq!(played.moments.authorizes, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn prices_and_limits_are_those_of_the_manifest() {
    let script = |operation: &str, expect: &str| {
        format!("[[test]]\nname = \"x\"\noperation = \"{operation}\"\ncredits = \"1000\"\n[test.expect]\n{expect}\n")
    };
    for (operation, expect) in [
        ("wrong_line", "output = { code = \"unknown-price\" }\ncaptured = \"0\""),
        ("over_max", "output = { code = \"over-max-per-call\" }\ncaptured = \"0\""),
        ("double_capture", "output = { first = \"ok\", second = \"hold-ended\" }\ncaptured = \"1\"\nheld = \"0\""),
        ("capture_too_much", "output = { code = \"exceeds-hold\" }\ncaptured = \"0\"\nheld = \"0\""),
        ("handle_leak", "output = { obtained = 64, code = \"too-many-holds\" }\ncaptured = \"0\"\nheld = \"0\""),
        ("no_hold_http", "output = { code = \"no-hold\" }\nrequests = 0"),
        ("big_store", "output = { written = 1, code = \"over-quota\" }"),
        ("panic", "failure = \"guest-fault\"\nmessage = \"on purpose\""),
        ("allocate", "failure = \"limit-memory\""),
        ("authorize_then_panic", "failure = \"guest-fault\"\ncaptured = \"0\"\nheld = \"0\""),
    ] {
        let (_, problems) = play(HOSTILE, &script(operation, expect)).await;
        assert_eq!(problems, Vec::<String>::new(), "{operation}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_failed_call_staged_never_was() {
    let script = |credits: &str, before: &str| {
        format!(
            r#"
[[test]]
name = "x"
operation = "note"
input = {{ note = "first" }}
credits = "{credits}"
[[test.then]]
operation = "note"
input = {{ note = "second" }}
[test.then.expect]
{before}
"#
        )
    };
    let (_, problems) = play(HOSTILE, &script("2", "output = '{\"before\": \"first\"}'")).await;
    assert_eq!(problems, Vec::<String>::new());
    // The first call cannot pay, so its note is not there for anybody.
    let (played, problems) = play(HOSTILE, &script("0", "failure = \"insufficient-credit\"")).await;
    assert_eq!(problems, ["2: expected an answer, got insufficient-credit"]);
    assert_eq!(played.captured.to_string(), "0");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_does_not_fit_the_plugin_is_refused_at_its_line() {
    let mut subject = subject(ASKER).await;
    for (text, expected) in [
        (
            "[[test]]\nname = \"x\"\noperation = \"sell\"\n",
            ":1: plugin.toml has no operation \"sell\"; write one of order,",
        ),
        (
            "[[test]]\nname = \"x\"\nhook = { path = \"status\" }\n",
            ":1: plugin.toml has no hook \"status\"; it declares none",
        ),
        (
            "[[test]]\nname = \"x\"\noperation = \"order\"\n[[test.provider]]\nendpoint = \"e\"\nmethod = \"GET\"\npath = \"/\"\n",
            ":4: plugin.toml has no [[http]] \"e\"; write one of provider",
        ),
        (
            "[secrets]\nkey = \"x\"\n[[test]]\nname = \"x\"\noperation = \"order\"\n",
            ":3: plugin.toml has no [[secrets]] \"key\"",
        ),
    ] {
        let error = subject.play(&test(text), How::default()).await.unwrap_err();
        assert!(matches!(error, ScriptedError::Script(_)), "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standing_and_a_cap_refuse_as_on_a_host() {
    let (_, problems) = play(
        ECHO,
        "[[test]]\nname = \"x\"\noperation = \"say\"\ninput = { text = \"a\" }\nstanding = \"account-suspended\"\n[test.expect]\nfailure = \"account-suspended\"\ncaptured = \"0\"\n",
    )
    .await;
    assert_eq!(problems, Vec::<String>::new());
    let (_, problems) = play(
        ECHO,
        "[[test]]\nname = \"x\"\noperation = \"say\"\ninput = { text = \"a\" }\nmax_credits = \"0.5\"\n[test.expect]\nfailure = \"over-max-credits\"\ncaptured = \"0\"\n",
    )
    .await;
    assert_eq!(problems, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_script_goes_the_same_way() {
    let text = "[[test]]\nname = \"x\"\noperation = \"order\"\ninput = { id = \"a\", pieces = 2 }\n[[test.provider]]\nendpoint = \"provider\"\nmethod = \"POST\"\npath = \"/orders/a\"\n";
    let mut subject = subject(ASKER).await;
    let mut seen = Vec::new();
    for _ in 0..2 {
        let test = test(text);
        let played = subject.play(&test, How::default()).await.unwrap();
        assert_eq!(texts(iap_host::scripted::verdict::problems(&subject, &test, &played)), Vec::<String>::new());
        seen.push((played.captured, played.moments, played.received.len(), played.logs));
    }
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0].0.to_string(), "2");
}
