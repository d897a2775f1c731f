//! Another key for secrets.

use iap_tests::TestHost;
use serde_json::json;

use crate::support::{Echo, ask, database, set_token, settings};

/// Sets `secrets_key` in the host's settings file, in place of one that is there.
fn with_key(host: &TestHost, key: &str) {
    let path = host.data_dir().parent().expect("it is in a folder").join("iap.toml");
    let text = std::fs::read_to_string(&path).expect("it is there");
    let rest: Vec<&str> = text.lines().filter(|line| !line.starts_with("secrets_key")).collect();
    std::fs::write(&path, format!("secrets_key = {key:?}\n{}\n", rest.join("\n"))).expect("it is writable");
}

async fn readable(host: &TestHost) -> serde_json::Value {
    host.operator().ok("GET", "/v1/services/hostile/secrets", None).await["items"][0]["readable"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_sealed_anew_under_another_key() {
    const FIRST: &str = "the first key of this host, long enough";
    const SECOND: &str = "the second key of this host, long enough";
    let echo = Echo::start();
    let mut host = TestHost::with(&settings(&echo, ""));
    let odoo = database(&host).await;
    set_token(&host, "tk-rotated-1").await;
    ask(&host, &odoo).await;
    let rotate = |host: &TestHost, old: &[&str]| {
        let (ok, text) = host.iap(&[&["secrets", "rotate", "--json"], old].concat());
        (ok, serde_json::from_str::<serde_json::Value>(text.lines().last().unwrap_or_default()).unwrap_or(json!(text)))
    };
    // From the master key to one of its own: the old one is known.
    host.stop();
    with_key(&host, FIRST);
    host.restart();
    assert!(host.log().contains("hostile/token was sealed with another key"), "{}", host.log());
    assert_eq!(readable(&host).await, false);
    assert!(ask(&host, &odoo).await.to_string().contains("not-granted"));
    host.stop();
    assert_eq!(rotate(&host, &[]), (true, json!({ "resealed": 1, "current": 0 })));
    assert_eq!(rotate(&host, &[]), (true, json!({ "resealed": 0, "current": 1 })), "a repeat does nothing");
    host.restart();
    ask(&host, &odoo).await;
    assert_eq!((echo.last().as_deref(), readable(&host).await), (Some("Bearer tk-rotated-1"), json!(true)));
    // From one to another: it must be given.
    host.stop();
    with_key(&host, SECOND);
    let (ok, said) = rotate(&host, &[]);
    assert!(!ok && said["error"].as_str().is_some_and(|text| text.contains("hostile/token")), "{said}");
    let (ok, said) = rotate(&host, &["--old-master-key", "short"]);
    assert!(!ok && said.to_string().contains("at least 32"), "{said}");
    assert_eq!(rotate(&host, &["--old-master-key", FIRST]), (true, json!({ "resealed": 1, "current": 0 })));
    host.restart();
    ask(&host, &odoo).await;
    assert_eq!(echo.last().as_deref(), Some("Bearer tk-rotated-1"));
}
