//! Semver is a promise: what a minor or patch may not do is refused, each reason by name.

use iap_tests::{
    Settings, TestHost,
    releases::{Files, edited, reasons, replace},
};
use serde_json::json;

use crate::support::{NAME, dearer, host, parrot, publish, serve};

/// Refusals of version 1.1.0 with an edit, against 1.0.0.
async fn refused(host: &TestHost, edit: impl FnOnce(&mut Files)) -> Vec<String> {
    reasons(&publish(host, NAME, parrot("1.1.0", edit)).await)
}

#[tokio::test]
async fn a_minor_release_breaks_nothing() {
    let host = host();
    serve(&host, NAME, "1.0.0", parrot("1.0.0", |_| {}), 100).await;
    let manifest =
        |from: &'static str, to: &'static str| move |files: &mut Files| replace(files, "plugin.toml", &[(from, to)]);
    let cases: Vec<(&str, Vec<String>)> = vec![
        (
            "rises from 1 to 1.5",
            refused(&host, |files| {
                dearer(files, "1.5");
                replace(files, "plugin.toml", &[("max_per_call = \"1\"", "max_per_call = \"2\"")]);
            })
            .await,
        ),
        ("max_per_call", refused(&host, manifest("max_per_call = \"1\"", "max_per_call = \"2\"")).await),
        ("Starter Pack", refused(&host, manifest("EUR = \"1.00\"", "EUR = \"1.20\"")).await),
        (
            "reaches https://api.example",
            refused(
                &host,
                manifest(
                    "[limits]",
                    "[[http]]\nname = \"api\"\nbase_url = \"https://api.example\"\nmethods = [\"GET\"]\n\n[limits]",
                ),
            )
            .await,
        ),
        ("store", refused(&host, manifest("[limits]", "[permissions]\nstore = \"1 MiB\"\n\n[limits]")).await),
        ("unit", refused(&host, manifest("unit = \"credit\"", "unit = \"word\"")).await),
    ];
    for (words, reasons) in &cases {
        assert!(reasons.iter().any(|reason| reason.contains(words)), "{words}: {reasons:?}");
        assert!(reasons.iter().all(|reason| reason.contains("2.0.0")), "{reasons:?}");
    }
    // Several reasons come together; a new major may do all of it.
    let all = |files: &mut Files| {
        dearer(files, "1.5");
        replace(
            files,
            "plugin.toml",
            &[("max_per_call = \"1\"", "max_per_call = \"3\""), ("EUR = \"1.00\"", "EUR = \"1.20\"")],
        );
    };
    assert_eq!(refused(&host, all).await.len(), 3);
    let major = publish(&host, NAME, parrot("2.0.0", all)).await;
    assert_eq!(major.status, 201, "{}", major.text);
    let report = &major.json()["report"];
    assert_eq!((&report["bump"], &report["compared_with"]), (&"major".into(), &"1.0.0".into()));
    assert_eq!(report["differences"].as_array().unwrap().iter().filter(|one| one["breaks"] == true).count(), 3);
    // What falls, and what is new, may come at any time.
    let better = publish(&host, NAME, parrot("1.1.0", |files| dearer(files, "0.9"))).await;
    assert_eq!(better.status, 201, "{}", better.text);
}

/// Two releases that are each no dearer than what serves are not so one after the other.
#[tokio::test]
async fn a_promise_is_looked_at_again_when_a_release_begins_to_serve() {
    let host = host();
    serve(&host, NAME, "1.0.0", parrot("1.0.0", |_| {}), 100).await;
    for (version, credits) in [("1.1.0", "0.5"), ("1.2.0", "1")] {
        let reply = publish(&host, NAME, parrot(version, |files| dearer(files, credits))).await;
        assert_eq!(reply.status, 201, "{}", reply.text);
    }
    let approve = async |version: &str| {
        let path = format!("/v1/services/{NAME}/releases/{version}/approve");
        host.operator().send("POST", &path, Some(&json!({ "percent": 100 }))).await
    };
    assert_eq!(approve("1.1.0").await.status, 200);
    let refused = approve("1.2.0").await;
    assert_eq!((refused.status, &refused.json()["code"]), (409, &json!("wrong-state")), "{}", refused.text);
    assert!(refused.text.contains("rises from 0.5 to 1"), "{}", refused.text);
}

#[tokio::test]
async fn what_came_with_the_host_is_a_promise_too() {
    let settings = Settings { plugins: vec!["iap-example-echo"], without_simulators: true, ..Settings::default() };
    let host = TestHost::with(&settings);
    let next = |asks: &'static str| {
        edited("iap-example-echo", |files| {
            replace(files, "plugin.toml", &[("version = \"1.0.0\"", "version = \"1.1.0\"")]);
            replace(files, "schemas/say.json", &[("[\"text\"]", asks)]);
        })
    };
    let refused = reasons(&publish(&host, "echo", next("[\"text\", \"voice\"]")).await);
    assert!(refused.len() == 1 && refused[0].contains("voice"), "{refused:?}");
    let same = publish(&host, "echo", next("[\"text\"]")).await;
    assert_eq!(same.status, 201, "{}", same.text);
}
