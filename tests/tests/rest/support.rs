//! What these stories share: requests by anybody's token, problems, SHA-1 of tokens, forms.

use iap_tests::{Odoo, Reply, Settings, TestHost, http};
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};

/// A host that also serves a third party's service.
pub fn with_echo() -> TestHost {
    TestHost::with(&Settings { plugins: vec!["iap-example-echo"], ..Settings::default() })
}

/// A request with a bearer token.
pub async fn send_as(host: &TestHost, token: &str, method: &str, path: &str, body: Option<&Value>) -> Reply {
    host.operator().send_with(method, path, body, &[("Authorization", &format!("Bearer {token}"))]).await
}

/// An operator's request with an idempotency key.
pub async fn send_once(host: &TestHost, key: &str, method: &str, path: &str, body: &Value) -> Reply {
    let operator = format!("Bearer {}", iap_tests::host::OPERATOR_TOKEN);
    host.operator().send_with(method, path, Some(body), &[("Authorization", &operator), ("Idempotency-Key", key)]).await
}

/// A request by nobody.
pub async fn get(host: &TestHost, path: &str) -> Reply {
    http::try_send(host.client().get(format!("{}{path}", host.url()))).await.expect("the host answers")
}

/// A form, as a browser sends it.
pub async fn post_form(host: &TestHost, url: &str, fields: &[(&str, &str)]) -> Reply {
    let body: Vec<String> =
        fields.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    let url = if url.starts_with('/') { format!("{}{url}", host.url()) } else { url.to_owned() };
    let request =
        host.client().post(url).header("Content-Type", "application/x-www-form-urlencoded").body(body.join("&"));
    http::try_send(request).await.expect("somebody answers")
}

/// A value of a query or form, percent-encoded.
pub fn encoded(text: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    text.bytes().map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// Status, code and detail of a problem.
///
/// # Panics
///
/// It is none, or it is not sent as one.
pub fn problem(reply: &Reply) -> (u16, String, String) {
    let body = reply.json();
    assert_eq!(reply.content_type, "application/problem+json", "{}", reply.text);
    assert_eq!(body["status"], json!(reply.status), "{body}");
    assert!(body["type"].as_str().is_some_and(|kind| kind.starts_with("urn:iap:problem:")), "{body}");
    assert!(body["title"].as_str().is_some_and(|title| !title.is_empty()), "{body}");
    (reply.status, text(&body["code"]), text(&body["detail"]))
}

/// The member at fault of a problem; empty for none.
pub fn field(reply: &Reply) -> String {
    reply.json()["field"].as_str().unwrap_or_default().to_owned()
}

/// A JSON text.
///
/// # Panics
///
/// It is none.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("no text: {value}")).to_owned()
}

/// The SHA-1 of a token, as Odoo 19 puts it into links.
pub fn sha1(token: &str) -> String {
    hex::encode(Sha1::digest(token.as_bytes()))
}

/// How many rows each table has: the same before and after means that nothing was opened, ordered or moved.
pub fn rows(host: &TestHost) -> Vec<String> {
    let tables = host.sql("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%' AND substr(name, 1, 1) <> '_' ORDER BY name");
    assert!(tables.iter().any(|name| name == "posting"), "{tables:?}");
    tables
        .iter()
        .map(|name| format!("{name}: {}", host.sql(&format!("SELECT count(*) FROM \"{name}\"")).concat()))
        .collect()
}

/// Opens an account by REST; its id and its token.
pub async fn open(host: &TestHost, service: &str, dbuuid: &str) -> (String, String) {
    let opened =
        host.operator().ok("POST", "/v1/accounts", Some(&json!({ "service": service, "database": dbuuid }))).await;
    (text(&opened["id"]), text(&opened["account_token"]))
}

/// Gives credits to an account.
pub async fn give(host: &TestHost, account: &str, credits: &str) {
    host.operator()
        .ok("POST", &format!("/v1/accounts/{account}/grants"), Some(&json!({ "credits": credits, "reason": "test" })))
        .await;
}

/// Balance of an account.
pub async fn balance(host: &TestHost, account: &str) -> String {
    text(&host.operator().ok("GET", &format!("/v1/accounts/{account}"), None).await["balance"])
}

/// The address of a database's buy page, with its plain token.
pub fn buy_page(odoo: &Odoo, service: &str, more: &str) -> String {
    format!("/iap/1/credit?dbuuid={}&service_name={service}&account_token={}{more}", odoo.dbuuid, odoo.token)
}
