//! Many large requests at once: what has no room waits, then is told, and the host's memory stays bounded.

use std::time::{Duration, Instant};

use iap_tests::{Settings, TestHost, host::OPERATOR_TOKEN, http, odoo::error_of};
use reqwest::header::CONTENT_TYPE;
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};

use crate::support::{ask, settings};

const MIB: usize = 1 << 20;

fn host(body_bytes: &str) -> TestHost {
    let mut settings: Settings = settings("http://127.0.0.1:1");
    settings.tables.push_str(&format!("[limits]\nbody_bytes = {body_bytes:?}\n"));
    TestHost::with(&settings)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_hundred_uploads_of_30_mib_at_once() {
    let host = host("96 MiB");
    let odoo = host.database_with_credits("worker", "1").await;
    assert_eq!(ask(&odoo, "marks", json!({ "prefix": "x" })).await["keys"], json!([]));
    let before = host.peak_memory();
    // No base64, so that nothing is stored; it is read, taken out and looked at all the same.
    let params = json!({ "account_token": odoo.token, "dbuuid": odoo.dbuuid, "charge": false, "documents": [{ "id": 1, "pdf": "!".repeat(30 * MIB) }] });
    let body = json!({ "jsonrpc": "2.0", "method": "call", "params": params, "id": 1 }).to_string();
    // The bytes are the client's own once.
    let body: &'static [u8] = Box::leak(body.into_bytes().into_boxed_slice());
    let began = Instant::now();
    let uploads = (0..100).map(|_| {
        let request = host.client().post(format!("{}/iap/s/worker/upload", host.url()));
        let request = request.header(CONTENT_TYPE, "application/json").body(body);
        tokio::spawn(http::try_send(request))
    });
    let uploads: Vec<_> = uploads.collect();
    // Who sends little is served meanwhile.
    let patience = Duration::from_secs(10);
    let small = tokio::time::timeout(patience, ask(&odoo, "marks", json!({ "prefix": "x" }))).await;
    assert!(small.is_ok(), "a small request waits behind the large ones");
    let (mut taken, mut told, mut broken) = (0, 0, 0);
    for upload in uploads {
        match upload.await.expect("it ends") {
            Ok(reply) if reply.json().get("error").is_none() => {
                assert!(reply.text.contains("not-base64"), "{}", reply.text);
                taken += 1;
            }
            Ok(reply) => {
                let (class, message) = error_of(&reply.json());
                assert_eq!(class, "UserError");
                assert!(message.contains("as many large requests as it has room for"), "{message}");
                told += 1;
            }
            // It was told before it had sent all, and found its connection closed.
            Err(_) => broken += 1,
        }
    }
    let grown = host.peak_memory().saturating_sub(before) / (1 << 20);
    println!("{taken} taken, {told} told, {broken} cut off in {:?}; the host grew by {grown} MiB", began.elapsed());
    assert!(taken >= 3 && broken < 20, "{taken} were taken, {broken} did not hear why not");
    assert!(grown < 96 + 96, "the host grew by {grown} MiB");
    assert_eq!(ask(&odoo, "marks", json!({ "prefix": "x" })).await["keys"], json!([]), "it serves on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn who_stops_sending_gives_its_room_back() {
    let host = host("32 MiB");
    let odoo = host.database_with_credits("worker", "1").await;
    let address = host.url().trim_start_matches("http://").to_owned();
    let mut stuck = TcpStream::connect(&address).await.expect("the host listens");
    let head = format!(
        "POST /iap/s/worker/upload HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{{\"params\": ",
        31 * MIB
    );
    stuck.write_all(head.as_bytes()).await.expect("it is taken");
    let began = Instant::now();
    tokio::time::sleep(Duration::from_millis(300)).await;
    // All room is taken: by REST that is a 503 that says when to come again.
    let account = host.operator().account(&odoo.dbuuid, "worker").await;
    let body =
        json!({ "input": { "charge": false, "documents": [{ "id": 1, "pdf": "!".repeat(20 * MIB) }] } }).to_string();
    let request = || {
        let path = format!("{}/v1/accounts/{account}/calls/documents", host.url());
        host.client().post(path).bearer_auth(OPERATOR_TOKEN).header(CONTENT_TYPE, "application/json").body(body.clone())
    };
    let response = request().send().await.expect("it is answered");
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
    let (kind, retry) = (header("content-type"), header("retry-after"));
    let status = response.status().as_u16();
    if status == 503 {
        assert_eq!((kind.as_deref(), retry.as_deref()), (Some("application/problem+json"), Some("1")));
        assert!(response.text().await.expect("a body").contains("no-room"));
    } else {
        // The stuck one was given up first.
        assert_eq!(status, 200);
    }
    let mut answer = String::new();
    drop(tokio::time::timeout(Duration::from_secs(10), stuck.read_to_string(&mut answer)).await);
    assert!(answer.contains("or stopped for 5 s"), "{answer}");
    assert!(began.elapsed() < Duration::from_secs(12), "it held its room for {:?}", began.elapsed());
    assert_eq!(request().send().await.expect("it is answered").status().as_u16(), 200);
}
