//! A connection is lost while a batch is under way, and the server comes to run the batch later, when the writer has
//! long asked what became of it: it must find that it may not.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use iap_core::{Credits, ledger::Command};
use iap_store::{Location, Post, Store};
use iap_tests::cluster;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
};

use crate::world::{ACCOUNT, World, authorize, verified};

/// How long what was sent is on its way to the server once the wire is bad.
const LATE: Duration = Duration::from_millis(400);

/// Passes bytes on. While `bad`, what a connection then sends is delivered late, and its sender is cut off at once.
async fn wire(port: u16, bad: Arc<AtomicBool>) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a free port");
    let own = listener.local_addr().expect("it is bound").port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let bad = Arc::clone(&bad);
            tokio::spawn(async move {
                let server = TcpStream::connect(("127.0.0.1", port)).await.expect("the server listens");
                // A connection that is made while the wire is bad is a new attempt, and well.
                if bad.load(Ordering::SeqCst) { pass(client, server).await } else { carry(client, server, bad).await }
            });
        }
    });
    own
}

/// A connection made later: what asks goes at once, a transaction only after what was late has arrived.
async fn pass(client: TcpStream, server: TcpStream) {
    let ((mut asked, mut answers), (mut answered, mut sent)) = (client.into_split(), server.into_split());
    let up = async {
        let mut bytes = vec![0; 1 << 20];
        while let Ok(read @ 1..) = asked.read(&mut bytes).await {
            if bytes[..read].windows(5).any(|word| word == b"BEGIN") {
                tokio::time::sleep(2 * LATE).await;
            }
            if sent.write_all(&bytes[..read]).await.is_err() {
                return;
            }
        }
    };
    tokio::join!(up, async { drop(tokio::io::copy(&mut answered, &mut answers).await) });
}

async fn carry(mut client: TcpStream, mut server: TcpStream, bad: Arc<AtomicBool>) {
    let (mut up, mut down) = (vec![0; 1 << 20], vec![0; 1 << 20]);
    loop {
        tokio::select! {
            sent = client.read(&mut up) => {
                let Ok(sent @ 1..) = sent else { return };
                if bad.load(Ordering::SeqCst) {
                    drop(client);
                    tokio::time::sleep(LATE).await;
                    drop(server.write_all(&up[..sent]).await);
                    // Stays open, so that the server does run it.
                    tokio::time::sleep(LATE).await;
                    return;
                }
                if server.write_all(&up[..sent]).await.is_err() { return }
            }
            answered = server.read(&mut down) => {
                let Ok(answered @ 1..) = answered else { return };
                if client.write_all(&down[..answered]).await.is_err() { return }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_arrives_late_is_not_stored_twice() {
    let world = World::postgres().await;
    let Location::Url(url) = &world.location else { unreachable!("it is on PostgreSQL") };
    world.gift(ACCOUNT, 10).await;
    let bad = Arc::new(AtomicBool::new(false));
    let port = cluster::shared().port();
    let through = wire(port, Arc::clone(&bad)).await;
    let url = url.replace(&format!(":{port}/"), &format!(":{through}/"));
    let store = Store::connect(&url, world.clock.clone()).await.expect("it opens");
    // So that the next one is in memory, prepared, and sent in one go.
    for _ in 0..2 {
        authorize(&store, ACCOUNT, 1).await.expect("there are credits");
    }

    bad.store(true, Ordering::SeqCst);
    let hold = authorize(&store, ACCOUNT, 1).await.expect("it is tried again on another connection");
    let holds = world.store.read("SELECT count(*) FROM hold", vec![]).await.expect("it reads");
    assert_eq!(holds[0].int(0).expect("a count"), 3, "the late batch was not stored");
    let capture = Command::Capture { hold, amount: Credits::whole(1), last: true };
    let posted = store.post(Post::new(ACCOUNT, capture)).await.expect("the writer goes on");
    assert_eq!((posted.available, posted.held), (Credits::whole(7), Credits::whole(2)));
    drop(store);
    verified(&world.location).await;
}
