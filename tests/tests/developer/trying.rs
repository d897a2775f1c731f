//! `iap plugin run`: the page to try a service.

use std::time::Duration;

use iap_tests::http;
use serde_json::Value;

use crate::support::{Developer, Server};

async fn get(url: &str) -> String {
    let reply = http::try_send(http::client().get(url)).await.expect("it answers");
    assert_eq!(reply.status, 200, "{}", reply.text);
    reply.text
}

async fn send(page: &str, key: &str, input: &str, what: &str) -> (u16, String) {
    let fields = [("key", key), ("input", input), ("what", what)];
    let form: String = fields.iter().map(|(name, value)| format!("{name}={}&", encoded(value))).collect();
    let request =
        http::client().post(format!("{page}/greet")).header("Content-Type", "application/x-www-form-urlencoded");
    let reply = http::try_send(request.body(form)).await.expect("it answers");
    (reply.status, reply.text)
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02X}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_tried_on_a_page() {
    let developer = Developer::new();
    developer.iap(".", &["plugin", "new", "tried", "--dir", "hello"]).well();
    developer.edit(
        "hello/src/lib.rs",
        "    hold.capture()?;",
        "    log::warn!(\"greeting <{name}>\");\n    hold.capture()?;",
    );
    developer.iap("hello", &["plugin", "build"]).well();
    let run = ["plugin", "run", "--listen", "127.0.0.1:0", "--credits", "3", "--json"];
    let server = Server::start(developer.command("hello", &run), &developer.path("run.log"));
    let ready: Value = serde_json::from_str(&server.first_line).expect("one object");
    let page = ready["url"].as_str().expect("a page").to_owned();
    let second = developer.iap("hello", &run).badly().json();
    assert!(second["error"].as_str().expect("an error").contains("is running for this plugin already"), "{second}");

    let shown = get(&page).await;
    assert!(shown.contains("&quot;name&quot;: &quot;Ada&quot;"), "the schema's example is filled in: {shown}");
    assert!(shown.contains("1 for a greeting"), "{shown}");
    assert!(!shown.contains("<script"), "{shown}");
    let key =
        shown.split("name=\"key\" value=\"").nth(1).and_then(|rest| rest.split('"').next()).expect("a key").to_owned();

    let (_, quoted) = send(&page, &key, r#"{"name": "Ada"}"#, "quote").await;
    assert!(quoted.contains("It would cost") && quoted.contains("<dd>3</dd>"), "{quoted}");
    let (_, called) = send(&page, &key, r#"{"name": "Ada"}"#, "call").await;
    assert!(called.contains("Hello, Ada!") && called.contains("<dd>2</dd>"), "{called}");
    assert!(called.contains("greeting &lt;Ada&gt;"), "its log is on the page: {called}");
    let (_, wrong) = send(&page, &key, r#"{"name": " "}"#, "call").await;
    assert!(wrong.contains("must not be empty") && wrong.contains("<dd>2</dd>"), "{wrong}");
    let (_, wrong) = send(&page, &key, r#"{"name": "Ada"}, "max_credits": "0""#, "call").await;
    assert!(wrong.contains("This is not JSON"), "{wrong}");
    let (status, refused) = send(&page, "guessed", r#"{"name": "Ada"}"#, "call").await;
    assert_eq!(status, 403, "{refused}");

    drop(server);
    // The next trial begins anew.
    tokio::time::sleep(Duration::from_millis(100)).await;
    let server = Server::start(developer.command("hello", &run), &developer.path("run.log"));
    let ready: Value = serde_json::from_str(&server.first_line).expect("one object");
    assert!(get(ready["url"].as_str().expect("a page")).await.contains("<dd>3</dd>"));
}

#[test]
fn settings_are_those_that_the_manifest_declares() {
    let developer = Developer::new();
    developer.iap(".", &["plugin", "new", "hello"]).well();
    let error = developer.iap("hello", &["plugin", "run", "--secret", "api-key=x"]).badly().stderr;
    assert!(error.contains("plugin.toml declares no \"api-key\" for --secret"), "{error}");
    let error = developer.iap("hello", &["plugin", "run", "--credits", "0"]).badly().stderr;
    assert!(error.contains("--credits must be above zero"), "{error}");
}
