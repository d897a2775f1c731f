//! SQLite on a full disk, or in a file that cannot be written: calls are refused clearly, and nothing is lost.

use std::sync::Arc;

use iap_store::{PostError, Store};
use iap_tests::small_disk::SmallDisk;

use crate::world::{ACCOUNT, At, World, pair, verified};

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_refuses_and_the_ledger_goes_on_when_there_is_room() {
    let disk = SmallDisk::new(24);
    let world = World::in_file(disk.path().join("iap.db")).await;
    world.gift(ACCOUNT, 1_000_000).await;
    let mut acknowledged = 0;
    for round in 0..3 {
        for _ in 0..100 {
            pair(&world.store, ACCOUNT).await.expect("there is room");
            acknowledged += 1;
        }
        disk.fill();
        let mut refused = None;
        // The log may have room left in pages that it has already.
        for _ in 0..10_000 {
            match pair(&world.store, ACCOUNT).await {
                Ok(_) => acknowledged += 1,
                Err(PostError::Storage(words)) => {
                    refused = Some(words);
                    break;
                }
                Err(other) => panic!("{other}"),
            }
        }
        let words = refused.expect("the file cannot grow for ever");
        assert!(words.contains("the disk is full: free some space"), "round {round}: {words}");
        let balance = world.store.accounts().get(ACCOUNT).await.unwrap().unwrap();
        assert_eq!(
            1_000_000_000_000 - balance.available.micros() - balance.held.micros(),
            acknowledged * 1_000_000,
            "what was answered is what is stored"
        );
        disk.free();
        pair(&world.store, ACCOUNT).await.expect("it goes on by itself");
        acknowledged += 1;
        world.verify().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_cannot_be_written_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("iap.db");
    let world = World::in_file(path.clone()).await;
    world.gift(ACCOUNT, 10).await;
    let World { store, location, .. } = world;
    drop(store);
    // As root everything can be written, unless the file system itself is read-only.
    let bound = SmallDisk::new(8);
    let copy = bound.path().join("iap.db");
    std::fs::copy(&path, &copy).unwrap();
    bound.make_read_only();
    let error = Store::open(&copy, Arc::new(At::default())).err().expect("it cannot be written").to_string();
    assert!(error.contains("read-only") || error.contains("Read-only"), "{error}");
    verified(&location).await;
}
