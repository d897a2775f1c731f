//! Requests to providers: where they may go, and what comes back.

use std::{net::TcpListener, sync::Arc, time::Duration};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use iap_runtime::{CallGrant, Engine, HookRequest, Plugin};
use serde_json::{Value, json};

use crate::{
    backend::Scripted,
    provider::Server,
    support::{answer, call, engine, hostile, options, run, visiting, within},
};

#[tokio::test(flavor = "multi_thread")]
async fn without_a_hold_nothing_leaves() {
    let server = Server::start();
    let plugin = visiting(&engine(), server.url("")).await;
    let backend = Arc::new(Scripted::default());
    let ended = run(&plugin, "no_hold_http", json!({}), &backend).await;
    assert_eq!(answer(&ended)["code"], "no-hold");
    assert_eq!(server.requests(), 0);
    // The same operation, declared free.
    let free = CallGrant { free: true, ..within(Duration::from_secs(20)) };
    let ended = plugin.handle(call("no_hold_http", &json!({})), backend.clone(), free).await;
    assert_eq!((answer(&ended)["code"].as_str(), server.requests()), (Some("ok"), 1));
    // A hook never sends, and this guest declares none.
    let hook = plugin.on_request(HookRequest::default(), backend, free).await;
    assert_eq!(hook.result.unwrap().unwrap().status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_declared_endpoints_are_reached() {
    let backend = Arc::new(Scripted::default());
    let ended = run(&hostile().await, "undeclared_endpoint", json!({}), &backend).await;
    assert_eq!(answer(&ended)["code"], "not-declared");
    assert_eq!(backend.said().last().map(String::as_str), Some("release hold_1"), "a dropped hold is released");
}

async fn visit(plugin: &Arc<Plugin>, path: &str) -> Value {
    let ended = run(plugin, "hold_and_http", json!({ "path": path }), &Arc::new(Scripted::default())).await;
    answer(&ended)
}

#[tokio::test(flavor = "multi_thread")]
async fn private_addresses_are_refused_unless_the_operator_lists_them() {
    let server = Server::start();
    let closed = Engine::new(options(&[])).unwrap();
    for host in ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1"] {
        let plugin = visiting(&closed, format!("http://{host}:{}", server.port)).await;
        let seen = visit(&plugin, "/ok").await;
        assert_eq!((&seen["code"], &seen["sent"]), (&json!("private-address"), &json!(false)), "{host}");
    }
    assert_eq!(server.requests(), 0);
    let plugin = visiting(&engine(), server.url("")).await;
    assert_eq!(visit(&plugin, "/ok").await["status"], 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_answered_and_not_followed() {
    let server = Server::start();
    let plugin = visiting(&engine(), server.url("/base")).await;
    assert_eq!(visit(&plugin, "/redirect").await["status"], 302);
    assert_eq!(server.requests(), 1);
    assert_eq!(visit(&plugin, "/../ok").await["code"], "bad-request");
    assert_eq!(server.requests(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_reaches_the_provider_and_never_the_guest() {
    let server = Server::start();
    let plugin = visiting(&engine(), server.url("")).await;
    let seen = visit(&plugin, "/echo-authorization").await;
    assert_eq!(server.last_authorization().as_deref(), Some("Bearer correct-horse"));
    assert_eq!(seen["text"], "you sent Bearer *************");
    assert_eq!(visit(&plugin, "/?t=correct-horse").await["code"], "bad-request", "a guest that has it is stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_is_echoed_otherwise_is_not_told_either() {
    let server = Server::start();
    let plugin = visiting(&engine(), server.url("")).await;
    let sent = "Bearer correct-horse";
    let seen = visit(&plugin, "/echo-hex").await;
    assert_eq!(seen["text"], format!("{}{}", hex::encode("Bearer "), "*".repeat(26)), "{seen}");
    let whole = STANDARD.encode(format!("{{\"you sent\": \"{sent}\"}}"));
    let seen = visit(&plugin, "/echo-base64").await;
    let text = seen["text"].as_str().unwrap();
    assert_eq!((text.len(), text.contains("***************")), (whole.len(), true), "{seen}");
    assert!(
        !STANDARD.decode(text.replace('*', "A")).is_ok_and(|bytes| String::from_utf8_lossy(&bytes).contains("horse")),
        "{seen}"
    );
    let seen = visit(&plugin, "/echo-in-a-header").await;
    assert_eq!(seen["status"], 401);
    assert!(!seen.to_string().contains("horse"), "{seen}");
    assert_eq!(visit(&plugin, "/compressed").await["code"], "broken", "what cannot be searched is not passed on");
    assert_eq!(server.requests(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_response_is_bounded_while_it_streams() {
    let server = Server::start();
    let plugin = visiting(&engine(), server.url("")).await;
    assert_eq!(visit(&plugin, "/endless").await["code"], "too-large");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_without_an_answer_is_marked_as_unknown() {
    let server = Server::start();
    let plugin = visiting(&engine(), server.url("")).await;
    let ask = async |method: &str, path: &str| {
        let input = json!({ "path": path, "method": method, "capture": false });
        let backend = Arc::new(Scripted::default());
        plugin.handle(call("hold_and_http", &input), backend, within(Duration::from_secs(1))).await
    };
    let ended = ask("POST", "/silent").await;
    let seen = answer(&ended);
    assert_eq!((&seen["code"], &seen["sent"]), (&json!("timeout"), &json!(true)));
    assert!(ended.sent && ended.unanswered);
    let ended = ask("POST", "/ok").await;
    assert!(ended.sent && !ended.unanswered);
    assert_eq!(ended.http_requests, 1);
    let ended = ask("GET", "/silent").await;
    assert!(!ended.sent && !ended.unanswered, "GET changes nothing");
    // A port where nobody listens.
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let plugin = visiting(&engine(), format!("http://127.0.0.1:{nobody}")).await;
    let input = json!({ "path": "/", "method": "POST", "capture": false });
    let ended = run(&plugin, "hold_and_http", input, &Arc::new(Scripted::default())).await;
    assert_eq!(answer(&ended)["code"], "unreachable");
    assert!(!ended.sent && !ended.unanswered);
}
