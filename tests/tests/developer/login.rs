//! `iap login`, `iap vendor`: who a developer is to a host.

use crate::support::{Developer, Server};

#[test]
fn a_host_for_development_is_logged_in_to_at_once_and_out_again() {
    let developer = Developer::new();
    let host = Server::host(&developer, &["--dev"]);
    let told = developer.iap(".", &["login", "--host", host.url(), "--json"]).well().json();
    assert_eq!((told["vendor"].as_str(), told["host"].as_str()), (Some("dev"), Some(host.url())), "{told}");
    assert!(developer.read("config/login.json").contains("iap_vn_"));
    let shown = developer.iap(".", &["vendor", "show", "--host", host.url()]).well().stdout;
    assert!(shown.contains("approved"), "{shown}");
    let members = developer.iap(".", &["vendor", "members", "list", "--host", host.url(), "--json"]).well().json();
    assert_eq!(members["items"][0]["role"], "owner", "{members}");
    let added = developer.iap(".", &["vendor", "keys", "add", "--title", "mine", "--host", host.url()]).well().stdout;
    let key = added.split_whitespace().nth(1).expect("a key").to_owned();
    let keys = developer.iap(".", &["vendor", "keys", "list", "--host", host.url()]).well().stdout;
    assert!(keys.contains(&key) && keys.contains("mine"), "{keys}");
    developer.iap(".", &["vendor", "keys", "revoke", &key, "--host", host.url()]).well();

    let narrow = developer.iap(".", &["login", "--scope", "read", "--host", host.url(), "--json"]).well().json();
    assert_eq!(narrow["scopes"], serde_json::json!(["read"]), "{narrow}");
    let refused = developer.iap(".", &["vendor", "keys", "add", "--host", host.url(), "--json"]).badly().json();
    assert!(refused["error"].as_str().expect("an error").contains("iap login --scope admin"), "{refused}");
    let token = developer.read("config/login.json");
    let out = developer.iap(".", &["logout", "--host", host.url(), "--json"]).well().json();
    assert_eq!((out["was_logged_in"].as_bool(), out["revoked"].as_bool()), (Some(true), Some(true)), "{out}");
    assert!(!developer.read("config/login.json").contains("iap_vn_"));
    // The token opens nothing any more.
    let token = token.split("iap_vn_").nth(1).and_then(|rest| rest.split('"').next()).expect("a token");
    let mut command = developer.command(".", &["vendor", "show", "--vendor", "dev", "--host", host.url()]);
    let output = command.env("IAP_TOKEN", format!("iap_vn_{token}")).output().expect("it runs");
    assert!(!output.status.success());
}

#[test]
fn a_host_for_others_wants_a_person() {
    let developer = Developer::new();
    let host = Server::host(&developer, &[]);
    developer.iap(".", &["plugin", "new", "hello"]).well();
    let refused = developer.iap("hello", &["plugin", "status", "--host", host.url()]).badly().stderr;
    assert!(
        refused.contains(&format!("you are not logged in at {0}; run `iap login --host {0}`", host.url())),
        "{refused}"
    );
    let mut waiting = developer.command(".", &["login", "--host", host.url()]);
    let mut process =
        waiting.stderr(std::process::Stdio::piped()).stdout(std::process::Stdio::null()).spawn().expect("it starts");
    let errors = process.stderr.take().expect("it is piped");
    let said: Vec<String> =
        std::io::BufRead::lines(std::io::BufReader::new(errors)).take(2).map(Result::unwrap).collect();
    drop(process.kill());
    drop(process.wait());
    assert!(said[0].contains("/login/device"), "{said:?}");
    assert!(said[1].starts_with("and confirm the code "), "{said:?}");
}

#[test]
fn signing_up_says_what_is_next() {
    let developer = Developer::new();
    let host = Server::host(&developer, &["--dev"]);
    let sign_up = |terms: &str| {
        let arguments = [
            "vendor",
            "sign-up",
            "acme",
            "--title",
            "Acme",
            "--email",
            "ann@acme.example",
            "--organisation",
            "Acme BV",
            "--country",
            "BE",
            "--accept-terms",
            terms,
            "--host",
            host.url(),
            "--json",
        ];
        developer.iap(".", &arguments)
    };
    let told = sign_up("1").well().json();
    assert_eq!((told["vendor"].as_str(), told["state"].as_str()), (Some("acme"), Some("approved")), "{told}");
}

#[test]
fn a_host_that_is_away_is_named() {
    let developer = Developer::new();
    let error = developer.iap(".", &["login", "--host", "http://127.0.0.1:1"]).badly().stderr;
    assert!(error.contains("http://127.0.0.1:1 does not answer; is the host running"), "{error}");
    let error = developer.iap(".", &["login", "--host", "iap.example.com"]).badly().stderr;
    assert!(error.contains("is no address of a host"), "{error}");
}
