//! As a new developer would: from an empty folder to a charged call, and no file edited but the code.

use std::time::Instant;

use serde_json::json;

use crate::support::{Developer, Server, post};

#[tokio::test(flavor = "multi_thread")]
async fn from_an_empty_folder_to_a_charged_call_in_minutes() {
    let began = Instant::now();
    let developer = Developer::new();
    let host = Server::host(&developer, &["--dev"]);
    let host_url = host.url().to_owned();
    // The tutorial makes a `hello`, into the same folder of built files.
    developer.iap(".", &["plugin", "new", "quick"]).well();
    let built = developer.iap("quick", &["plugin", "build", "--json"]).well();
    assert!(built.stderr.contains("Compiling"), "its progress is told: {}", built.stderr);
    let built = built.json();
    assert!(built["component"].as_str().expect("a path").ends_with("iap/quick-1.0.0.wasm"), "{built}");
    let size = built["size"].as_u64().expect("a size");
    assert!(20_000 < size && size < 400_000, "{size}");
    // Cargo has brought its lock file into its own form meanwhile.
    developer.iap("quick", &["plugin", "build"]).well();
    let again = developer.iap("quick", &["plugin", "build", "--json"]).well().json();
    assert_eq!((&again["fresh"], &again["digest"]), (&json!(true), &built["digest"]));

    let tested = developer.iap("quick", &["plugin", "test", "--json"]).well().json();
    assert_eq!(tested["failed"], 0, "{tested}");
    developer.iap("quick", &["plugin", "test", "--hostile"]).well();

    let published = developer.iap("quick", &["plugin", "publish", "--host", &host_url, "--json"]).well();
    assert!(published.stderr.contains("Made a key that signs"), "{}", published.stderr);
    let published = published.json();
    assert_eq!((published["state"].as_str(), published["vendor"].as_str()), (Some("approved"), None), "{published}");
    assert_eq!(published["digest"], built["digest"]);

    let account =
        developer.iap("quick", &["plugin", "try", "--credits", "3", "--host", &host_url, "--json"]).well().json();
    let (id, token) = (account["id"].as_str().expect("an id"), account["account_token"].as_str().expect("a token"));
    let call = format!("{host_url}/v1/accounts/{id}/calls/greet");
    let answer = post(&call, token, &json!({ "input": { "name": "Ada" } })).await.json();
    assert_eq!(answer["output"], json!({ "text": "Hello, Ada!" }), "{answer}");
    assert_eq!((answer["credits"].as_str(), answer["balance"].as_str()), (Some("1"), Some("2")));
    let minutes = began.elapsed().as_secs() / 60;
    assert!(minutes < 5, "it took {minutes} minutes");

    // A second release of the same version is refused; a new one serves in its place, and can be taken back.
    developer.edit("quick/src/lib.rs", "Hello, {name}!", "Welcome, {name}!");
    developer.edit("quick/tests/greet.toml", "Hello, Ada!", "Welcome, Ada!");
    let refused = developer.iap("quick", &["plugin", "publish", "--host", &host_url, "--json"]).badly().json();
    assert_eq!(refused["code"], "version-taken", "{refused}");
    developer.edit("quick/plugin.toml", "version = \"1.0.0\"", "version = \"1.0.1\"");
    developer.iap("quick", &["plugin", "publish", "--host", &host_url]).well();
    let answer = post(&call, token, &json!({ "input": { "name": "Ada" } })).await.json();
    assert_eq!(answer["output"]["text"], "Welcome, Ada!", "{answer}");
    let status = developer.iap("quick", &["plugin", "status", "--host", &host_url]).well().stdout;
    assert!(status.contains("quick of dev: serving, version 1.0.1"), "{status}");
    let rolled = developer.iap("quick", &["plugin", "rollout", "50", "--host", &host_url, "--json"]).well().json();
    assert_eq!(rolled["rollout"], 50, "{rolled}");
    developer.iap("quick", &["plugin", "yank", "1.0.1", "--reason", "too warm", "--host", &host_url]).well();
    let answer = post(&call, token, &json!({ "input": { "name": "Ada" } })).await.json();
    assert_eq!(answer["output"]["text"], "Hello, Ada!", "{answer}");
    let logs = developer.iap("quick", &["plugin", "logs", "--host", &host_url, "--json"]).well().json();
    assert_eq!(logs["items"], json!([]), "{logs}");

    // A minor release that raises a price breaks its promise.
    developer.edit("quick/plugin.toml", "version = \"1.0.1\"", "version = \"1.1.0\"");
    developer.edit("quick/plugin.toml", "max_per_call = \"1\"", "max_per_call = \"2\"");
    developer.edit("quick/plugin.toml", "credits = \"1\"  ", "credits = \"2\"  ");
    let refused = developer.iap("quick", &["plugin", "publish", "--host", &host_url, "--json"]).badly().json();
    assert_eq!(refused["code"], "release-refused", "{refused}");
    let reasons = refused["reasons"].as_array().expect("reasons");
    assert!(
        reasons.iter().any(|reason| reason.as_str().unwrap_or_default().contains("price rises from 1 to 2")),
        "{refused}"
    );
    let words = developer.iap("quick", &["plugin", "publish", "--host", &host_url]).badly().stderr;
    assert!(words.contains("max_per_call"), "{words}");
}
