//! A host, a database with stamps, and a printer.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use iap_providers::print::PrintOptions;
use iap_tests::{Odoo, Settings, TestHost, host::binary, http};
use serde_json::{Value, json};

use crate::pdf;

/// The simulated printer, in a process of its own.
pub struct Printer {
    process: Child,
    /// Where it listens.
    pub url: String,
    client: reqwest::Client,
}

impl Printer {
    fn start() -> Self {
        let mut process = Command::new(binary())
            .args(["simulate", "print", "--listen", "127.0.0.1:0"])
            .env("RUST_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let mut line = String::new();
        let output = process.stdout.take().expect("it is piped");
        BufReader::new(output).read_line(&mut line).expect("it is readable");
        let url = line.trim().strip_prefix("listening on ").unwrap_or_else(|| panic!("it said {line:?}")).to_owned();
        Self { process, url, client: http::client() }
    }

    async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let mut request = self.client.request(method.parse().expect("a method"), format!("{}{path}", self.url));
        if let Some(body) = body {
            request = request.header("Content-Type", "application/json").body(body.to_string());
        }
        let reply = http::try_send(request).await.expect("the printer answers");
        assert!(reply.status < 300, "{method} {path}: {} {}", reply.status, reply.text);
        if reply.text.is_empty() { Value::Null } else { reply.json() }
    }

    /// What goes wrong from now on; `{}` ends it.
    pub async fn faults(&self, faults: Value) {
        self.send("POST", "/faults", Some(&faults)).await;
    }

    /// The letters it has, oldest first.
    pub async fn letters(&self) -> Vec<Value> {
        self.send("GET", "/outbox", None).await["letters"].as_array().cloned().expect("a list")
    }

    /// How many letters it took, and how many it posted.
    pub async fn counts(&self) -> (u64, u64) {
        let outbox = self.send("GET", "/outbox", None).await;
        (outbox["total"].as_u64().expect("a number"), outbox["posted"].as_u64().expect("a number"))
    }

    /// A held letter goes one step on; its status then.
    pub async fn advance(&self, id: &str) -> String {
        let letter = self.send("POST", &format!("/outbox/{id}/advance"), None).await;
        letter["status"].as_str().unwrap_or_default().to_owned()
    }

    /// What it prints for a letter.
    pub async fn file(&self, id: &str) -> Vec<u8> {
        let answer = self.client.get(format!("{}/outbox/{id}/file", self.url)).send().await.expect("it answers");
        answer.bytes().await.expect("it is whole").to_vec()
    }

    /// Statuses with which its webhooks were answered.
    pub async fn webhook_answers(&self) -> Vec<u64> {
        let answers = self.send("GET", "/webhook", None).await["answers"].as_array().cloned().unwrap_or_default();
        answers.iter().filter_map(Value::as_u64).collect()
    }

    /// Makes its access tokens worthless.
    pub async fn revoke_tokens(&self) {
        self.send("DELETE", "/tokens", None).await;
    }
}

impl Drop for Printer {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Everything that a story needs.
pub struct World {
    /// The host.
    pub host: TestHost,
    /// The printer.
    pub printer: Printer,
    /// A database on-premise.
    pub odoo: Odoo,
    /// Its account.
    pub account: String,
}

impl World {
    /// With so many stamps.
    pub async fn with(stamps: &str) -> Self {
        Self::start(stamps, 1).await
    }

    /// With so many stamps, and letters that are looked at after so many seconds.
    pub async fn start(stamps: &str, first_look: u32) -> Self {
        let printer = Printer::start();
        let host = TestHost::with(&Settings {
            tables: tables(&printer.url, first_look),
            without_simulators: true,
            ..Settings::default()
        });
        let url = format!("{}/hooks/snailmail/status", host.url());
        printer.send("PUT", "/webhook", Some(&json!({ "url": url }))).await;
        let odoo = host.database("on_premise").await;
        odoo.balance("snailmail").await;
        if stamps != "0" {
            host.operator().grant(&odoo, "snailmail", stamps).await;
        }
        let account = host.operator().account(&odoo.dbuuid, "snailmail").await;
        Self { host, printer, odoo, account }
    }

    /// A request as databases send it; the result.
    pub async fn print_all(&self, documents: Vec<Value>, options: Value) -> Value {
        self.odoo.result("/iap/snailmail/1/print", &self.params(documents, options)).await
    }

    /// Its parameters.
    pub fn params(&self, documents: Vec<Value>, options: Value) -> Value {
        json!({ "account_token": self.odoo.token, "dbuuid": self.odoo.dbuuid, "documents": documents, "options": options, "batch": true })
    }

    /// One letter in black, on one side; its outcome, `null` if there is none.
    pub async fn print(&self, document: Value) -> Value {
        let result = self.print_all(vec![document], plain()).await;
        assert_eq!(result["request_code"], 200, "{result}");
        result["request"]["documents"][0].clone()
    }

    /// What is available and what is held.
    pub async fn stamps(&self) -> (String, String) {
        self.host.operator().credits(&self.account).await
    }

    /// Waits until nothing is held any more; what is available then. The books must be right.
    pub async fn settled(&self) -> String {
        // Looks at a letter come after twice as long each time, so a slow machine needs patience.
        let end = Instant::now() + Duration::from_secs(90);
        while self.stamps().await.1 != "0" {
            assert!(Instant::now() < end, "waited 90 s in vain: not all letters come to an end\n{}", self.host.log());
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        self.host.verify();
        self.stamps().await.0
    }
}

fn tables(printer: &str, first_look: u32) -> String {
    let options = PrintOptions::default();
    format!(
        "[services.snailmail.config]\npingen-client-id = {:?}\npingen-organisation = {:?}\nupload-origin = {printer:?}\nfirst-look = \"{first_look}\"\n\
         [services.snailmail.secrets]\npingen-client-secret = {:?}\npingen-webhook-secret = {:?}\n\
         [services.snailmail.base_urls]\nidentity = {printer:?}\napi = {printer:?}\nupload = {printer:?}\n",
        options.client_id, options.organisation, options.client_secret, options.webhook_secret
    )
}

/// In black, on one side.
pub fn plain() -> Value {
    json!({ "color": false, "cover": false, "duplex": false, "currency_name": "EUR" })
}

/// A letter of one page to Bob in Brussels.
pub fn letter(id: u64) -> Value {
    letter_of(id, &pdf::a4(1, &format!("Letter {id}")))
}

/// A letter with this document.
pub fn letter_of(id: u64, document: &[u8]) -> Value {
    json!({
        "letter_id": id, "res_model": "account.move", "res_id": 6,
        "contact_address": "Bob\nMain 1\n1000 Bruxelles\nBelgium",
        "address": { "name": "Bob", "street": "Main 1", "street2": false, "zip": "1000", "state": false, "city": "Bruxelles", "country_code": "BE" },
        "return_address": { "name": "My Company", "street": "Rue A 1", "street2": false, "zip": "1000", "state": false, "city": "Bruxelles", "country_code": "BE" },
        "company_logo": false, "pdf_bin": pdf::base64(document), "pages": false,
    })
}
