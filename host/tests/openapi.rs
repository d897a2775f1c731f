//! The committed OpenAPI document is the one that the handlers make.

use std::path::Path;

#[test]
fn the_committed_document_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let mut made = iap_host::http::v1::document().to_pretty_json().expect("the document is JSON");
    made.push('\n');
    if std::env::var_os("IAP_UPDATE").is_some() {
        std::fs::write(&path, &made).expect("host/openapi.json is writable");
        return;
    }
    let committed = std::fs::read_to_string(&path).expect("host/openapi.json is committed");
    let differs = committed.lines().zip(made.lines()).position(|(before, now)| before != now);
    let line = differs.unwrap_or_else(|| committed.lines().count().min(made.lines().count())) + 1;
    assert!(
        committed == made,
        "host/openapi.json differs from the handlers at line {line}; write it anew with IAP_UPDATE=1 cargo test -p iap-host --test openapi, and review the change"
    );
}
