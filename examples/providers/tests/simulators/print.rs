//! The printer: what it checks, what it takes once, and what it can be made to do wrong.

use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use iap_providers::print::{self, PrintOptions};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::support::{Receiver, Running, client};

const LETTERS: &str = "/organisations/00000000-0000-4000-8000-000000000001/deliveries/letters";
const DOCUMENT: &[u8] = b"%PDF-1.4\n1 0 obj<</Type/Pages>>endobj 2 0 obj<</Type/Page>>endobj\nstartxref\n1\n%%EOF\n";

struct Printer {
    running: Running,
    client: reqwest::Client,
    token: String,
}

struct Reply {
    status: u16,
    json: Value,
}

impl Printer {
    async fn start(options: PrintOptions) -> Self {
        let running = Running::start(|listener, stop| {
            print::serve(listener, options, async move {
                let _ = stop.await;
            })
        })
        .await;
        let mut printer = Self { running, client: client(), token: String::new() };
        printer.token =
            printer.token_for("simulated-client-secret").await.json["access_token"].as_str().unwrap().into();
        printer
    }

    async fn send(&self, request: reqwest::RequestBuilder) -> Reply {
        let answer = request.send().await.unwrap();
        let status = answer.status().as_u16();
        Reply { status, json: serde_json::from_str(&answer.text().await.unwrap()).unwrap_or(Value::Null) }
    }

    fn request(&self, method: &str, path: &str) -> reqwest::RequestBuilder {
        let request = self.client.request(method.parse().unwrap(), format!("{}{path}", self.running.base));
        request.header("authorization", format!("Bearer {}", self.token))
    }

    async fn token_for(&self, secret: &str) -> Reply {
        let request = self.client.post(format!("{}/auth/access-tokens", self.running.base));
        let body = format!("grant_type=client_credentials&client_id=simulated-client&client_secret={secret}");
        self.send(request.header("content-type", "application/x-www-form-urlencoded").body(body)).await
    }

    /// An uploaded document: its address and the signature of that.
    async fn uploaded(&self, document: &[u8]) -> (String, String) {
        let slot = self.send(self.request("GET", "/file-upload")).await.json["data"]["attributes"].clone();
        let url = slot["url"].as_str().unwrap().to_owned();
        assert_eq!(self.send(self.client.put(&url).body(document.to_vec())).await.status, 201);
        (url, slot["url_signature"].as_str().unwrap().to_owned())
    }

    async fn create(&self, (url, signature): &(String, String), key: &str, change: impl FnOnce(&mut Value)) -> Reply {
        let mut body = json!({ "data": { "type": "letters", "attributes": {
            "file_original_name": "letter.pdf", "file_url": url, "file_url_signature": signature, "address_position": "left",
            "auto_send": true, "delivery_product": "cheap", "print_mode": "simplex", "print_spectrum": "grayscale",
        }}});
        change(&mut body);
        let request = self.request("POST", LETTERS).header("content-type", "application/vnd.api+json");
        self.send(request.header("idempotency-key", key).body(body.to_string())).await
    }

    async fn faults(&self, faults: Value) {
        assert_eq!(self.send(self.request("POST", "/faults").body(faults.to_string())).await.status, 200);
    }

    async fn counts(&self) -> (u64, u64) {
        let outbox = self.send(self.request("GET", "/outbox")).await.json;
        (outbox["total"].as_u64().unwrap(), outbox["posted"].as_u64().unwrap())
    }

    async fn status(&self, id: &str) -> String {
        let letter = self.send(self.request("GET", &format!("{LETTERS}/{id}"))).await.json;
        letter["data"]["attributes"]["status"].as_str().unwrap_or_default().to_owned()
    }

    async fn until(&self, id: &str, status: &str) {
        for _ in 0..200 {
            if self.status(id).await == status {
                return;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        panic!("it does not become {status}: {}", self.status(id).await);
    }
}

fn id(reply: &Reply) -> String {
    reply.json["data"]["id"].as_str().unwrap_or_else(|| panic!("{}", reply.json)).to_owned()
}

#[tokio::test]
async fn a_letter_is_taken_and_posted() {
    let printer = Printer::start(PrintOptions::default()).await;
    let slot = printer.uploaded(DOCUMENT).await;
    let made = printer.create(&slot, "key-1", |_| {}).await;
    assert_eq!((made.status, &made.json["data"]["attributes"]["file_pages"]), (201, &json!(1)));
    printer.until(&id(&made), "sent").await;
    assert_eq!(printer.counts().await, (1, 1));
    // The same once more is the same letter; something else under its key is refused.
    let again = printer.create(&slot, "key-1", |_| {}).await;
    assert_eq!((again.status, id(&again)), (201, id(&made)));
    let other = printer.create(&slot, "key-1", |body| body["data"]["attributes"]["print_mode"] = json!("duplex")).await;
    assert_eq!((other.status, printer.counts().await), (422, (1, 1)));
    printer.running.stop().await;
}

#[tokio::test]
async fn requests_are_checked() {
    let printer = Printer::start(PrintOptions::default()).await;
    assert_eq!(printer.token_for("wrong").await.status, 401);
    let bare = printer.client.get(format!("{}/file-upload", printer.running.base));
    assert_eq!(printer.send(bare).await.status, 401);
    assert_eq!(printer.send(printer.request("GET", "/organisations/x/deliveries/letters/y")).await.status, 403);
    let slot = printer.uploaded(DOCUMENT).await;
    let plain = printer.request("POST", LETTERS).header("content-type", "application/json").body("{}");
    assert_eq!(printer.send(plain).await.status, 415);
    for (member, value) in [
        ("file_url_signature", json!("forged")),
        ("file_url", json!("https://elsewhere.test/x")),
        ("address_position", json!("middle")),
        ("print_mode", json!(null)),
        ("print_spectrum", json!("sepia")),
        ("delivery_product", json!("pigeon")),
        ("file_original_name", json!("x")),
    ] {
        let refused = printer.create(&slot, "", |body| body["data"]["attributes"][member] = value).await;
        assert_eq!(refused.status, 422, "{member}: {}", refused.json);
    }
    let text = printer.uploaded(b"no document").await;
    assert_eq!(printer.create(&text, "", |_| {}).await.status, 422);
    // An address is good for nothing without its signature, and takes no token beside it.
    let forged = slot.0.split('?').next().unwrap().to_owned();
    assert_eq!(printer.send(printer.client.put(&forged).body("x")).await.status, 403);
    let both = printer.client.put(&slot.0).header("authorization", "Bearer x").body("x");
    assert_eq!(printer.send(both).await.status, 400);
    assert_eq!(printer.counts().await, (0, 0));
    printer.send(printer.request("DELETE", "/tokens")).await;
    assert_eq!(printer.send(printer.request("GET", "/file-upload")).await.status, 401);
    printer.running.stop().await;
}

#[tokio::test]
async fn a_letter_is_cancelled_until_it_is_printed() {
    let printer = Printer::start(PrintOptions::default()).await;
    printer.faults(json!({ "hold": true })).await;
    let slot = printer.uploaded(DOCUMENT).await;
    let (one, two) = (id(&printer.create(&slot, "a", |_| {}).await), id(&printer.create(&slot, "b", |_| {}).await));
    let cancel =
        async |id: &str| printer.send(printer.request("PATCH", &format!("{LETTERS}/{id}/cancel"))).await.status;
    printer.until(&one, "accepted").await;
    printer.until(&two, "accepted").await;
    assert_eq!((cancel(&one).await, printer.status(&one).await.as_str()), (202, "cancelled"));
    printer.send(printer.request("POST", &format!("/outbox/{two}/advance"))).await;
    assert_eq!((cancel(&two).await, printer.status(&two).await.as_str()), (409, "printing"));
    assert_eq!(cancel("none").await, 404);
    // One that was made without being sent waits for that.
    printer.faults(json!({})).await;
    let draft = id(&printer.create(&slot, "c", |body| body["data"]["attributes"]["auto_send"] = json!(false)).await);
    printer.until(&draft, "valid").await;
    printer.send(printer.request("PATCH", &format!("{LETTERS}/{draft}/send"))).await;
    printer.until(&draft, "sent").await;
    printer.running.stop().await;
}

#[tokio::test]
async fn webhooks_are_signed_and_tell_what_happened() {
    let receiver = Receiver::start().await;
    let options = PrintOptions { webhook_url: Some(format!("{}/hook", receiver.base)), ..PrintOptions::default() };
    let printer = Printer::start(options).await;
    let slot = printer.uploaded(DOCUMENT).await;
    let cases = [
        ("a", json!({}), "webhook_sent"),
        ("b", json!({ "fate": "issues" }), "webhook_issues"),
        ("c", json!({ "fate": "undeliverable", "webhook_twice": true }), "webhook_undeliverable"),
    ];
    for (position, (key, faults, kind)) in cases.into_iter().enumerate() {
        printer.faults(faults).await;
        let letter = id(&printer.create(&slot, key, |_| {}).await);
        let got = receiver.wait(position + 1).await[position].clone();
        let data = got.json()["data"].clone();
        assert_eq!((&data["type"], &data["relationships"]["letter"]["data"]["id"]), (&json!(kind), &json!(letter)));
        let mut mac = Hmac::<Sha256>::new_from_slice(b"simulated-webhook-secret").unwrap();
        mac.update(got.body.as_bytes());
        assert_eq!(got.header("signature"), hex::encode(mac.finalize().into_bytes()));
    }
    let all = receiver.wait(4).await;
    assert_eq!(all[2].body, all[3].body, "the same twice");
    printer.running.stop().await;
}

#[tokio::test]
async fn faults_hit_the_steps_that_they_name() {
    let printer = Printer::start(PrintOptions::default()).await;
    let slot = printer.uploaded(DOCUMENT).await;
    printer.faults(json!({ "on": ["create"], "status": 503, "times": 1 })).await;
    assert_eq!(printer.send(printer.request("GET", "/file-upload")).await.status, 200);
    assert_eq!(printer.create(&slot, "a", |_| {}).await.status, 503);
    assert_eq!(printer.create(&slot, "a", |_| {}).await.status, 201);
    printer.faults(json!({ "on": ["create"], "after": "garbage", "times": 1 })).await;
    assert_eq!(printer.create(&slot, "b", |_| {}).await.json, Value::Null);
    assert_eq!(printer.counts().await.0, 2, "it was done all the same");
    printer.faults(json!({ "on": ["create"], "after": "drop", "times": 1 })).await;
    let request = printer.request("POST", LETTERS).header("content-type", "application/vnd.api+json");
    let body = json!({ "data": { "type": "letters", "attributes": {
        "file_original_name": "letter.pdf", "file_url": slot.0, "file_url_signature": slot.1, "address_position": "left",
        "auto_send": true, "delivery_product": "cheap", "print_mode": "simplex", "print_spectrum": "grayscale",
    }}});
    assert!(request.header("idempotency-key", "c").body(body.to_string()).send().await.is_err());
    assert_eq!(printer.counts().await.0, 3);
    let refused = printer.send(printer.request("POST", "/faults").body(r#"{"status": 200}"#)).await;
    assert_eq!(refused.status, 400);
    printer.running.stop().await;
}
