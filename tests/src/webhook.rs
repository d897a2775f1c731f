//! A database's end of delivery reports.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
};

use serde_json::Value;

/// Takes what is posted to `/sms/status`, as a database would.
pub struct Webhook {
    port: u16,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    refuse: usize,
    received: Vec<Value>,
}

impl Webhook {
    /// Listens on a port of its own until the process ends.
    ///
    /// # Panics
    ///
    /// There is no free port.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it listens").port();
        let state = Arc::<Mutex<State>>::default();
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                // A host that hangs up is no failure of the test.
                std::thread::spawn(move || serve(stream, &shared).ok());
            }
        });
        Self { port, state }
    }

    /// What a database gives as `webhook_url`.
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/sms/status", self.port)
    }

    /// Answers the next `count` reports with HTTP 503 and forgets them.
    pub fn refuse_next(&self, count: usize) {
        self.lock().refuse = count;
    }

    /// All reports that were taken, oldest first.
    pub fn received(&self) -> Vec<Value> {
        self.lock().received.clone()
    }

    /// Statuses of each uuid in the order they came.
    pub fn statuses(&self) -> BTreeMap<String, Vec<String>> {
        let mut statuses = BTreeMap::<String, Vec<String>>::new();
        for report in self.received() {
            for group in report["params"]["message_statuses"].as_array().into_iter().flatten() {
                let status = group["sms_status"].as_str().unwrap_or_default();
                for uuid in group["uuids"].as_array().into_iter().flatten() {
                    statuses.entry(uuid.as_str().unwrap_or_default().to_owned()).or_default().push(status.to_owned());
                }
            }
        }
        statuses
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn serve(mut stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    let (head, body) = loop {
        let mut part = [0; 8192];
        let read = stream.read(&mut part)?;
        bytes.extend_from_slice(&part[..read]);
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(end) = end {
            break (String::from_utf8_lossy(&bytes[..end]).to_ascii_lowercase(), bytes.split_off(end + 4));
        }
        if read == 0 {
            return Ok(());
        }
    };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok()).unwrap_or(0);
    let mut body = body;
    let known = body.len();
    body.resize(length, 0);
    stream.read_exact(&mut body[known.min(length)..])?;
    let refused = {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = 0 < state.refuse;
        state.refuse = state.refuse.saturating_sub(1);
        if !refused {
            let report = serde_json::from_slice(&body)
                .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&body).into_owned()));
            state.received.push(report);
        }
        refused
    };
    let (status, answer) = if refused {
        ("503 Service Unavailable", "")
    } else {
        ("200 OK", r#"{"jsonrpc": "2.0", "id": 1, "result": "OK"}"#)
    };
    write!(
        stream,
        "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{answer}",
        answer.len()
    )
}
