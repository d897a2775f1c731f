//! A provider that echoes, and a host with a guest that asks it.

use std::{
    io::{Read as _, Write as _},
    net::TcpListener,
    sync::{Arc, Mutex},
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use iap_tests::{Odoo, Settings, TestHost};
use serde_json::{Value, json};

/// A provider that answers with the credentials that it was sent, on a thread for each connection.
pub struct Echo {
    pub url: String,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Echo {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("it has an address"));
        let seen = Arc::<Mutex<Vec<String>>>::default();
        let sees = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (Ok(stream), seen) = (stream, Arc::clone(&sees)) else { return };
                // A client that goes away is no failure of the test.
                std::thread::spawn(move || serve(stream, &seen).ok());
            }
        });
        Self { url, seen }
    }

    /// The credentials that came last.
    pub fn last(&self) -> Option<String> {
        self.seen.lock().unwrap().last().cloned()
    }
}

fn serve(mut stream: std::net::TcpStream, seen: &Mutex<Vec<String>>) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let sent = head.lines().find_map(|line| line.strip_prefix("authorization: ")).unwrap_or_default().to_owned();
    seen.lock().unwrap().push(sent.clone());
    let in_a_query: String = sent.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let body = json!({ "plain": sent, "base64": STANDARD.encode(&sent), "url": sent.replace('/', "%2F"), "hex": in_a_query.replace('%', "") });
    let body = body.to_string();
    write!(
        stream,
        "HTTP/1.1 401 No\r\nx-you-sent: {sent}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    )
}

/// Settings of a host whose guest asks the provider.
pub fn settings(echo: &Echo, tables: &str) -> Settings {
    Settings {
        plugins: vec!["iap-guest-hostile"],
        tables: format!("[services.hostile.base_urls]\nguarded = {:?}\n{tables}", echo.url),
        without_simulators: true,
        ..Settings::default()
    }
}

/// A database with credits for the guest.
pub async fn database(host: &TestHost) -> Odoo {
    host.database_with_credits("hostile", "100000").await
}

/// What the guest sees of the provider.
pub async fn ask(host: &TestHost, odoo: &Odoo) -> Value {
    let account = host.operator().account(&odoo.dbuuid, "hostile").await;
    let input = json!({ "endpoint": "guarded", "path": "/" });
    let path = format!("/v1/accounts/{account}/calls/hold_and_http");
    let reply = host.operator().send("POST", &path, Some(&json!({ "input": input }))).await;
    assert!(reply.status < 300, "{}", reply.text);
    reply.json()
}

/// Sets the guest's token.
pub async fn set_token(host: &TestHost, value: &str) -> Value {
    host.operator().ok("PUT", "/v1/services/hostile/secrets/token", Some(&json!({ "value": value }))).await
}
