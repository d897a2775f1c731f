//! Release files that are meant to do harm.

use serde_json::json;

use crate::support::{echo, inspector, judge, refused, release_of_files, sections};

fn files(manifest: &str) -> Vec<u8> {
    release_of_files(json!({ "plugin.toml": manifest }).to_string().as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_files_are_refused_with_their_place() {
    let inspector = inspector();
    refused(&inspector, "no JSON", &release_of_files(b"hello"), "cannot be read").await;
    refused(&inspector, "no manifest", &release_of_files(b"{}"), "plugin.toml").await;
    refused(&inspector, "an escape", &release_of_files(br#"{"../../etc/passwd": ""}"#), "no path of a release").await;
    refused(&inspector, "a manifest that says nothing", &files(""), "plugin.toml").await;
    refused(&inspector, "broken TOML", &files("[service\nname = 1"), "plugin.toml:1").await;
    refused(&inspector, "a future contract", &files("[service]\napi = \"9.0\""), "plugin.toml").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_meant_to_do_harm_are_refused() {
    let inspector = inspector();
    let nested = "[".repeat(900_000);
    assert!(judge(&inspector, &release_of_files(nested.as_bytes())).await.is_err());
    assert!(judge(&inspector, &files(&format!("a = {nested}"))).await.is_err());
    assert!(judge(&inspector, &files(&format!("a.{}b = 1", "a.".repeat(400_000)))).await.is_err());
    assert!(judge(&inspector, &files(&"[[operations]]\n".repeat(100_000))).await.is_err());
    let schema = json!({ "plugin.toml": "[service]", "schemas/a.json": nested });
    assert!(judge(&inspector, &release_of_files(schema.to_string().as_bytes())).await.is_err());
    refused(&inspector, "3 MiB of files", &release_of_files(&vec![b' '; 3 << 20]), "more than 2 MiB").await;
    let many: serde_json::Map<String, serde_json::Value> =
        (0..2_000).map(|number| (format!("f{number}"), json!(""))).collect();
    let many = serde_json::Value::from(many).to_string();
    refused(&inspector, "2,000 files", &release_of_files(many.as_bytes()), "more than 1000").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_release_twice_in_one_file_is_refused() {
    let mut parts = sections(&echo());
    let release = parts.iter().find(|(id, content)| *id == 0 && content.starts_with(b"\x0biap:release")).cloned();
    parts.push(release.expect("it is there"));
    refused(&inspector(), "two releases", &crate::support::assemble(&parts), "two sections").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_million_mistakes_are_a_short_answer() {
    let manifest = "[[http]]\nwrong = 1\n".repeat(50_000);
    let reasons = judge(&inspector(), &files(&manifest)).await.expect_err("it is wrong");
    assert!(reasons.len() <= 51, "{}", reasons.len());
}
