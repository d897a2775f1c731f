//! The database's answer to a commit is lost, and cannot be asked for: the call fails, and may be made again with its key.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use iap_tests::{Settings, TestHost, cluster, host::until};
use serde_json::json;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

use crate::{
    provider,
    support::{balance, give, open, problem, send_once},
};

/// Key of the call whose commit is not answered.
const KEY: &str = "the-answer-is-lost";
/// What a writer says first on a new connection: it asks on one whether a commit went through.
const WRITER: &[u8] = b"SET lock_timeout";
/// The server's answer to a commit that went through.
const COMMITTED: &[u8] = b"COMMIT\0";

/// Stands between a host and PostgreSQL.
#[derive(Default)]
struct Between {
    /// Whether a commit was swallowed.
    swallowed: AtomicBool,
    /// Whether writers may ask again.
    open: AtomicBool,
}

fn has(bytes: &[u8], words: &[u8]) -> bool {
    bytes.windows(words.len()).any(|window| window == words)
}

impl Between {
    async fn start(port: u16) -> (u16, Arc<Self>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let own = listener.local_addr().expect("it has one").port();
        let between = Arc::new(Self::default());
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
        (own, between)
    }

    async fn asks(&self, mut from: OwnedReadHalf, mut to: OwnedWriteHalf, concerned: &AtomicBool) {
        let mut buffer = vec![0; 1 << 20];
        while let Ok(read @ 1..) = from.read(&mut buffer).await {
            let bytes = &buffer[..read];
            let is_cut = self.swallowed.load(Ordering::SeqCst) && !self.open.load(Ordering::SeqCst);
            if is_cut && has(bytes, WRITER) {
                return;
            }
            if !self.swallowed.load(Ordering::SeqCst) && has(bytes, KEY.as_bytes()) && has(bytes, b"order_plainly") {
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
            if concerned.load(Ordering::SeqCst) && has(&buffer[..read], COMMITTED) {
                self.swallowed.store(true, Ordering::SeqCst);
                return;
            }
            if to.write_all(&buffer[..read]).await.is_err() {
                return;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_call_of_which_nobody_knows_whether_it_began_may_be_made_again() {
    let (provider_url, provider) = provider::start().await;
    let url = cluster::shared().fresh_database();
    let port = url.rsplit(':').next().and_then(|rest| rest.split('/').next()?.parse().ok());
    let port: u16 = port.unwrap_or_else(|| panic!("{url} has no port"));
    let (own, between) = Between::start(port).await;
    let settings = Settings {
        plugins: vec!["iap-guest-asker"],
        tables: format!("[services.asker.base_urls]\nprovider = {provider_url:?}\n"),
        without_simulators: true,
        ..Settings::default()
    };
    let host = TestHost::with(&settings.postgres(&url.replace(&format!(":{port}/"), &format!(":{own}/"))));
    let stored = |sql: &str| cluster::query(&url, sql);
    host.operator().declare("db-a", "on_premise").await;
    let (id, _) = open(&host, "asker", "db-a").await;
    give(&host, &id, "10").await;
    let (path, body) =
        (format!("/v1/accounts/{id}/calls/order_plainly"), json!({ "input": { "id": "o-1", "pieces": 3 } }));
    let (lost, ()) = tokio::join!(send_once(&host, KEY, "POST", &path, &body), async {
        until("the answer is lost", || async { between.swallowed.load(Ordering::SeqCst) }).await;
        assert_eq!(stored("SELECT state FROM call"), ["running"], "it began all the same");
        assert_eq!(stored("SELECT state FROM hold"), ["live"]);
        // The plugin's time is over after 2 s; the host waits for the ledger for 10 s more; the writer gives up after 15 s,
        // and the host, which wants to release what it may have, tries for as long and again.
        tokio::time::sleep(Duration::from_secs(20)).await;
        between.open.store(true, Ordering::SeqCst);
    });
    // The plugin's time was over long before.
    assert_eq!((problem(&lost).0, problem(&lost).1.as_str()), (502, "service-failed"), "{}", lost.text);
    assert_eq!(provider.sent.load(Ordering::SeqCst), 0, "nothing was ordered");
    until("it is given back", || async { stored("SELECT state FROM call") == ["failed"] }).await;
    assert_eq!(stored("SELECT state FROM hold"), ["released"]);
    assert_eq!(balance(&host, &id).await, "10");
    let again = send_once(&host, KEY, "POST", &path, &body).await;
    assert_eq!((again.status, &again.json()["credits"]), (200, &json!("3")), "{}", again.text);
    assert_eq!(provider.sent.load(Ordering::SeqCst), 1);
    let pending = "SELECT count(*) FROM job WHERE state IN ('waiting', 'running')";
    until("no question is left", || async { stored(pending) == ["0"] }).await;
    host.verify();
}
