//! PostgreSQL goes away, connections are cut: what was answered is stored once, what was not is stored once or not
//! at all, and the ledger goes on by itself.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use iap_core::ids::HoldId;
use iap_store::{PostError, Store};
use iap_tests::cluster::{Cluster, Options};

use crate::world::{ACCOUNT, World, pair, rounds};

/// Pairs until told to stop; answers the holds that were acknowledged as captured.
fn load(store: &Store, clients: usize, stop: &Arc<AtomicBool>) -> Vec<tokio::task::JoinHandle<Vec<HoldId>>> {
    (0..clients)
        .map(|_| {
            let (store, stop) = (store.clone(), Arc::clone(stop));
            tokio::spawn(async move {
                let mut done = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    match pair(&store, ACCOUNT).await {
                        Ok(hold) => done.push(hold),
                        // Refused clearly: the capture that follows an unknown authorize may find it or not.
                        Err(PostError::Storage(_) | PostError::Ambiguous(_)) => {}
                        Err(other) => panic!("{other}"),
                    }
                }
                done
            })
        })
        .collect()
}

async fn acknowledged(tasks: Vec<tokio::task::JoinHandle<Vec<HoldId>>>) -> Vec<HoldId> {
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await.unwrap());
    }
    all
}

/// Every acknowledged capture is stored, once.
async fn assert_stored(world: &World, holds: &[HoldId]) {
    let report = world.verify().await;
    let rows = world.store.read("SELECT id FROM hold WHERE state = 'captured'", vec![]).await.unwrap();
    let stored: std::collections::HashSet<i64> = rows.iter().map(|row| row.int(0).unwrap()).collect();
    for hold in holds {
        assert!(stored.contains(&hold.0), "{hold} was acknowledged and is not stored");
    }
    assert!(holds.len() <= stored.len());
    assert!(report.holds >= u64::try_from(stored.len()).unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_are_cut_are_made_again() {
    let world = World::postgres().await;
    world.gift(ACCOUNT, 1_000_000).await;
    let stop = Arc::new(AtomicBool::new(false));
    let tasks = load(&world.store, 16, &stop);
    for _ in 0..rounds(10, 200) {
        tokio::time::sleep(Duration::from_millis(30)).await;
        world
            .store
            .read(
                "SELECT count(*) FROM pg_stat_activity, pg_terminate_backend(pid)
                 WHERE datname = current_database() AND pid <> pg_backend_pid()",
                vec![],
            )
            .await
            .unwrap();
    }
    stop.store(true, Ordering::Relaxed);
    let holds = acknowledged(tasks).await;
    assert!(!holds.is_empty(), "nothing was done");
    assert_stored(&world, &holds).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_server_loses_nothing_that_was_acknowledged() {
    // With flushes, as in production.
    let cluster: Cluster = Options::default().start();
    let world = World::on(&cluster).await;
    world.gift(ACCOUNT, 1_000_000).await;
    let mut holds = Vec::new();
    for round in 0..rounds(3, 50) {
        let stop = Arc::new(AtomicBool::new(false));
        let tasks = load(&world.store, 16, &stop);
        tokio::time::sleep(Duration::from_millis(50 + u64::try_from(round * 37 % 200).unwrap())).await;
        cluster.kill();
        cluster.restart();
        tokio::time::sleep(Duration::from_millis(100)).await;
        stop.store(true, Ordering::Relaxed);
        let some = acknowledged(tasks).await;
        assert!(!some.is_empty(), "round {round} did nothing");
        holds.extend(some);
        assert_stored(&world, &holds).await;
    }
}
