//! A caller, a receiver of callbacks, and simulators that stop with their test.

use std::{
    future::Future,
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, StatusCode, Uri},
};
use serde_json::Value;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

/// A client that follows no redirect, so that tests see them.
pub fn client() -> reqwest::Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).no_proxy().build().unwrap()
}

/// A form body.
pub fn form(pairs: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// A port on loopback, and the address it is called by.
pub async fn listener() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}", listener.local_addr().unwrap());
    (listener, base)
}

/// A running simulator.
pub struct Running {
    pub base: String,
    stop: oneshot::Sender<()>,
    task: JoinHandle<anyhow::Result<()>>,
}

impl Running {
    /// Starts what `serve` makes of a listener and a shutdown signal.
    pub async fn start<F>(serve: impl FnOnce(TcpListener, oneshot::Receiver<()>) -> F) -> Self
    where
        F: Future<Output = anyhow::Result<()>> + Send + 'static,
    {
        let (listener, base) = listener().await;
        let (stop, stopped) = oneshot::channel();
        Self { base, stop, task: tokio::spawn(serve(listener, stopped)) }
    }

    /// Asks it to end, and waits until it has.
    pub async fn stop(self) {
        self.stop.send(()).unwrap();
        self.task.await.unwrap().unwrap();
    }

    pub async fn get(&self, path: &str) -> Value {
        json(client().get(format!("{}{path}", self.base)).send().await.unwrap()).await
    }

    pub async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        let answer = client().post(format!("{}{path}", self.base)).body(body.to_string()).send().await.unwrap();
        (answer.status().as_u16(), json(answer).await)
    }

    pub async fn page(&self, path: &str) -> String {
        client().get(format!("{}{path}", self.base)).send().await.unwrap().text().await.unwrap()
    }
}

pub async fn json(answer: reqwest::Response) -> Value {
    serde_json::from_str(&answer.text().await.unwrap()).unwrap()
}

/// One request as it arrived.
#[derive(Debug, Clone)]
pub struct Received {
    pub uri: String,
    pub headers: HeaderMap,
    pub body: String,
}

impl Received {
    pub fn header(&self, name: &str) -> &str {
        self.headers[name].to_str().unwrap()
    }

    pub fn field(&self, name: &str) -> Option<String> {
        url::form_urlencoded::parse(self.body.as_bytes()).find(|(key, _)| key == name).map(|(_, v)| v.into_owned())
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// A server that notes what it gets, and answers the scripted statuses, then 204.
#[derive(Clone, Default)]
pub struct Receiver {
    pub base: String,
    received: Arc<Mutex<Vec<Received>>>,
    script: Arc<Mutex<Vec<u16>>>,
}

impl Receiver {
    pub async fn start() -> Self {
        Self::answering(&[]).await
    }

    pub async fn answering(script: &[u16]) -> Self {
        let (listener, _) = listener().await;
        Self::on(listener, script)
    }

    pub fn on(listener: TcpListener, script: &[u16]) -> Self {
        let base = format!("http://{}", listener.local_addr().unwrap());
        let receiver = Self { base, script: Arc::new(Mutex::new(script.to_vec())), ..Self::default() };
        let router = Router::new().fallback(note).with_state(receiver.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        receiver
    }

    pub fn all(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// Waits until at least `count` requests came.
    pub async fn wait(&self, count: usize) -> Vec<Received> {
        for _ in 0..500 {
            let all = self.all();
            if all.len() >= count {
                return all;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("only {} of {count} requests came: {:?}", self.all().len(), self.all());
    }
}

async fn note(State(receiver): State<Receiver>, uri: Uri, headers: HeaderMap, body: Bytes) -> StatusCode {
    let body = String::from_utf8(body.to_vec()).unwrap();
    receiver.received.lock().unwrap().push(Received { uri: uri.to_string(), headers, body });
    let mut script = receiver.script.lock().unwrap();
    if script.is_empty() { StatusCode::NO_CONTENT } else { StatusCode::from_u16(script.remove(0)).unwrap() }
}
