//! A provider of the guest `asker` that takes orders and answers as a test says.

use std::{
    collections::BTreeSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

/// How the provider behaves.
#[derive(Default)]
pub struct Behaviour {
    /// It takes an order and never says so.
    pub silent: AtomicBool,
    /// It neither takes an order nor says so.
    pub deaf: AtomicBool,
    /// It does not say what became of orders.
    pub closed: AtomicBool,
    /// Orders that it took.
    pub orders: Mutex<BTreeSet<String>>,
    /// How often it was sent an order.
    pub sent: AtomicU64,
    /// How often it was asked about one.
    pub asked: AtomicU64,
}

impl Behaviour {
    /// Whether it took an order.
    pub fn took(&self, order: &str) -> bool {
        self.orders.lock().expect("nobody panics with it").contains(order)
    }
}

/// Starts one; its address and how it behaves.
pub async fn start() -> (String, Arc<Behaviour>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("http://{}", listener.local_addr().expect("it has one"));
    let behaviour = Arc::new(Behaviour::default());
    let shared = Arc::clone(&behaviour);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let behaviour = Arc::clone(&shared);
            tokio::spawn(async move { drop(serve(stream, &behaviour).await) });
        }
    });
    (url, behaviour)
}

async fn serve(mut stream: TcpStream, behaviour: &Behaviour) -> std::io::Result<()> {
    let (mut head, mut buffer) = (Vec::new(), [0; 4096]);
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        match stream.read(&mut buffer).await? {
            0 => return Ok(()),
            read => head.extend_from_slice(&buffer[..read]),
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    let mut words = head.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let order = path.trim_start_matches("/orders/").to_owned();
    let status = if method == "POST" {
        behaviour.sent.fetch_add(1, Ordering::SeqCst);
        let deaf = behaviour.deaf.load(Ordering::SeqCst);
        if !deaf {
            behaviour.orders.lock().expect("nobody panics with it").insert(order);
        }
        if deaf || behaviour.silent.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_secs(30)).await;
            return Ok(());
        }
        "200 OK"
    } else {
        behaviour.asked.fetch_add(1, Ordering::SeqCst);
        match (behaviour.closed.load(Ordering::SeqCst), behaviour.took(&order)) {
            (true, _) => "503 Service Unavailable",
            (false, true) => "200 OK",
            (false, false) => "404 Not Found",
        }
    };
    let answer = format!("HTTP/1.1 {status}\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok");
    stream.write_all(answer.as_bytes()).await
}
