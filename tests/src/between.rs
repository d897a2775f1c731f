//! Stands between a host and PostgreSQL and swallows the answer to one transaction, then lets no writer ask about it until
//! it is told to.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

/// What a writer says first on a new connection: it asks on one whether a commit went through.
const WRITER: &[u8] = b"SET lock_timeout";
/// The server is ready, and no transaction is open: what was asked for is stored, or was refused.
const READY: &[u8] = b"Z\0\0\0\x05I";

/// See the module.
pub struct Between {
    /// All of these are in what begins the transaction.
    marks: &'static [&'static str],
    swallowed: AtomicBool,
    open: AtomicBool,
}

/// Whether bytes contain words.
fn has(bytes: &[u8], words: &[u8]) -> bool {
    bytes.windows(words.len()).any(|window| window == words)
}

impl Between {
    /// Listens for the server of a database; the database's URL by this way. The transaction is the first of which a packet
    /// has all the `marks`.
    ///
    /// # Panics
    ///
    /// The URL has no port, or no port is free.
    pub async fn start(url: &str, marks: &'static [&'static str]) -> (String, Arc<Self>) {
        let port = url.rsplit(':').next().and_then(|rest| rest.split('/').next()?.parse().ok());
        let port: u16 = port.unwrap_or_else(|| panic!("{url} has no port"));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let own = listener.local_addr().expect("it has one").port();
        let between = Arc::new(Self { marks, swallowed: AtomicBool::default(), open: AtomicBool::default() });
        let shared = Arc::clone(&between);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let between = Arc::clone(&shared);
                tokio::spawn(async move {
                    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
                    let ((from_client, to_client), (from_server, to_server)) =
                        (client.into_split(), server.into_split());
                    let concerned = AtomicBool::new(false);
                    // Whichever way ends takes the other with it.
                    tokio::select! {
                        () = between.asks(from_client, to_server, &concerned) => {}
                        () = between.answers(from_server, to_client, &concerned) => {}
                    }
                });
            }
        });
        (url.replace(&format!(":{port}/"), &format!(":{own}/")), between)
    }

    /// Whether the answer was swallowed.
    pub fn has_swallowed(&self) -> bool {
        self.swallowed.load(Ordering::SeqCst)
    }

    /// Writers may ask again.
    pub fn open(&self) {
        self.open.store(true, Ordering::SeqCst);
    }

    async fn asks(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, concerned: &AtomicBool) {
        let mut buffer = vec![0; 1 << 20];
        while let Ok(read @ 1..) = from.read(&mut buffer).await {
            let bytes = &buffer[..read];
            let swallowed = self.has_swallowed();
            if swallowed && !self.open.load(Ordering::SeqCst) && has(bytes, WRITER) {
                return;
            }
            if !swallowed && self.marks.iter().all(|mark| has(bytes, mark.as_bytes())) {
                concerned.store(true, Ordering::SeqCst);
            }
            if to.write_all(bytes).await.is_err() {
                return;
            }
        }
    }

    async fn answers(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, concerned: &AtomicBool) {
        let mut buffer = vec![0; 1 << 20];
        while let Ok(read @ 1..) = from.read(&mut buffer).await {
            if concerned.load(Ordering::SeqCst) && has(&buffer[..read], READY) {
                self.swallowed.store(true, Ordering::SeqCst);
                return;
            }
            if to.write_all(&buffer[..read]).await.is_err() {
                return;
            }
        }
    }
}
