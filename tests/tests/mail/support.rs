//! Mails put into the outbox directly, and what the operator sees of them.

use std::sync::atomic::{AtomicU64, Ordering};

use iap_tests::{Settings, TestHost};
use serde_json::Value;

/// A host with a mail server and nothing else.
pub fn host() -> TestHost {
    TestHost::with(&Settings { mail: true, without_simulators: true, ..Settings::default() })
}

/// Puts a mail into the outbox as somebody did who got past all checks; its id, as `mail_1x8`.
pub fn put(host: &TestHost, recipient: &str, subject: &str, body: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(1 << 50);
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    let quoted = |text: &str| {
        let parts: Vec<String> =
            text.split(['\r', '\n']).map(|part| format!("'{}'", part.replace('\'', "''"))).collect();
        // Line ends as the database writes them, so that the statement is one line.
        let mut ends = text.matches(['\r', '\n']).map(|end| if end == "\r" { 13 } else { 10 });
        let mut text = parts[0].clone();
        for part in &parts[1..] {
            let end = ends.next().expect("an end between two parts");
            text = format!("{text} || {}({end}) || {part}", if host.is_postgres() { "chr" } else { "char" });
        }
        text
    };
    host.sql(&format!(
        "INSERT INTO mail (id, recipient, subject, body, kind, run_at, created_at) VALUES ({id}, {}, {}, {}, 'test', 0, 1700000000000)",
        quoted(recipient),
        quoted(subject),
        quoted(body)
    ));
    iap_core::ids::MailId(i64::try_from(id).expect("small")).to_string()
}

/// A mail as the operator sees it.
pub async fn shown(host: &TestHost, id: &str) -> Value {
    let list = host.operator().ok("GET", "/v1/mails?limit=500", None).await;
    let items = list["items"].as_array().expect("a list");
    items.iter().find(|mail| mail["id"] == id).cloned().unwrap_or_else(|| panic!("no {id} in {list}"))
}

/// Waits until a mail has a state.
pub async fn reaches(host: &TestHost, id: &str, state: &str) -> Value {
    iap_tests::host::until(&format!("{id} is {state}"), async || shown(host, id).await["state"] == state).await;
    shown(host, id).await
}
