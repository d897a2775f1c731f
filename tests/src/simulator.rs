//! A simulator of the outside world, in a process of its own.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, Stdio},
};

use serde_json::{Value, json};

use crate::{host::binary, http};

/// `iap simulate …`, stopped when it goes.
pub struct Simulator {
    process: Child,
    /// Where it listens.
    pub url: String,
    client: reqwest::Client,
}

impl Simulator {
    /// Starts one by its name, as `vat`.
    ///
    /// # Panics
    ///
    /// It does not start.
    pub fn start(name: &str) -> Self {
        let mut process = Command::new(binary())
            .args(["simulate", name, "--listen", "127.0.0.1:0"])
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

    /// A request to one of its admin pages; its JSON, or null.
    ///
    /// # Panics
    ///
    /// It does not go well.
    pub async fn send(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let mut request = self.client.request(method.parse().expect("a method"), format!("{}{path}", self.url));
        if let Some(body) = body {
            request = request.header("Content-Type", "application/json").body(body.to_string());
        }
        let reply = http::try_send(request).await.expect("the simulator answers");
        assert!(reply.status < 300, "{method} {path}: {} {}", reply.status, reply.text);
        reply.json()
    }

    /// What goes wrong from now on; `{}` ends it.
    pub async fn faults(&self, faults: Value) {
        self.send("POST", "/faults", Some(&faults)).await;
    }

    /// How much it has done.
    ///
    /// # Panics
    ///
    /// It does not count.
    pub async fn total(&self) -> u64 {
        let received = self.send("GET", "/received", None).await;
        received["total"].as_u64().unwrap_or_else(|| panic!("no total: {received}"))
    }

    /// Nothing that it did counts any more.
    pub async fn forget(&self) {
        assert_eq!(self.send("DELETE", "/received", None).await, json!(null));
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}
