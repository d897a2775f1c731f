//! `kill -9` of the host while a letter is on its way: posted once, charged once, and only if it was posted.

use std::time::Duration;

use iap_tests::host::until;
use serde_json::{Value, json};

use crate::world::{World, letter, plain};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_host_that_dies_after_the_printer_took_the_letter_charges_it_once() {
    let mut world = World::with("10").await;
    world.printer.faults(json!({ "on": ["create"], "after": "hang" })).await;
    let body = json!({ "jsonrpc": "2.0", "method": "call", "id": 1, "params": world.params(vec![letter(1), letter(2)], plain()) });
    let asking = tokio::spawn({
        let odoo = world.odoo.clone();
        async move { odoo.try_post("/iap/snailmail/1/print", body.to_string()).await.is_err() }
    });
    until("the printer has both", || async { world.printer.counts().await.0 == 2 }).await;
    world.host.kill();
    assert!(asking.await.expect("it ends"), "the host was killed before it answered");
    world.host.verify();
    world.printer.faults(json!({})).await;
    world.host.restart();
    assert_eq!(world.settled().await, "8");
    assert_eq!(world.printer.counts().await.0, 2, "none was posted twice");
    // The cron sends both again.
    let result = world.print_all(vec![letter(1), letter(2)], plain()).await;
    assert!(
        result["request"]["documents"].as_array().expect("a list").iter().all(|one| one["sent"] == true),
        "{result}"
    );
    assert_eq!((world.settled().await, world.printer.counts().await), ("8".to_owned(), (2, 2)));
    until("no question is left", || async {
        world.host.sql("SELECT count(*) FROM job WHERE state IN ('waiting', 'running')") == ["0"]
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_host_that_dies_before_the_letter_is_handed_over_hands_it_over_once() {
    let mut world = World::with("10").await;
    world.printer.faults(json!({ "on": ["upload"], "after": "hang" })).await;
    let body = json!({ "jsonrpc": "2.0", "method": "call", "id": 1, "params": world.params(vec![letter(1)], plain()) });
    let asking = tokio::spawn({
        let odoo = world.odoo.clone();
        async move { odoo.try_post("/iap/snailmail/1/print", body.to_string()).await.is_err() }
    });
    until("the credits are aside", || async { world.stamps().await.1 == "1" }).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    world.host.kill();
    assert!(asking.await.expect("it ends"));
    world.printer.faults(json!({})).await;
    world.host.restart();
    assert_eq!(world.settled().await, "9");
    assert_eq!(world.print(letter(1)).await["sent"], true);
    assert_eq!((world.settled().await, world.printer.counts().await.0), ("9".to_owned(), 1));
}

/// A host that dies between the printer's acceptance and the moment when it would have kept the credits; the letter's id
/// once another start of it goes on with the letter.
async fn taken_and_forgotten(faults: Value) -> (World, String) {
    let mut world = World::with("10").await;
    let mut all = json!({ "on": ["create"], "after": "hang", "hold": true });
    all.as_object_mut().expect("an object").extend(faults.as_object().cloned().unwrap_or_default());
    world.printer.faults(all).await;
    let body = json!({ "jsonrpc": "2.0", "method": "call", "id": 1, "params": world.params(vec![letter(1)], plain()) });
    let asking = tokio::spawn({
        let odoo = world.odoo.clone();
        async move { odoo.try_post("/iap/snailmail/1/print", body.to_string()).await.is_err() }
    });
    until("the printer has it", || async { world.printer.counts().await.0 == 1 }).await;
    world.host.kill();
    assert!(asking.await.expect("it ends"), "the host was killed before it answered");
    world.printer.faults(json!({})).await;
    world.host.restart();
    let letters = world.printer.letters().await;
    let id = letters[0]["id"].as_str().expect("it has one").to_owned();
    let known = "SELECT count(*) FROM natural_key WHERE provisional = 1 AND answer IS NOT NULL";
    until("its answer is known", || async { world.host.sql(known) == ["1"] }).await;
    until("its call goes on", || async { world.host.sql("SELECT state FROM call") == ["queued"] }).await;
    assert_eq!(world.stamps().await, ("9".to_owned(), "1".to_owned()), "it is not charged before it is posted");
    assert_eq!(world.host.sql("SELECT state FROM hold"), ["live"]);
    assert_eq!(world.host.sql("SELECT coalesce(problem, '-') FROM call"), ["-"]);
    (world, id)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_letter_that_was_taken_before_the_host_died_is_charged_when_it_is_posted() {
    let (mut world, id) = taken_and_forgotten(json!({})).await;
    // Once more, while it is followed.
    world.host.kill();
    world.host.verify();
    world.host.restart();
    for status in ["printing", "sent"] {
        assert_eq!(world.stamps().await, ("9".to_owned(), "1".to_owned()));
        assert_eq!(world.printer.advance(&id).await, status);
    }
    assert_eq!((world.settled().await, world.printer.counts().await), ("9".to_owned(), (1, 1)));
    until("its job ends", || async { world.host.sql("SELECT count(*) FROM job WHERE state <> 'done'") == ["0"] }).await;
    assert_eq!(world.host.sql("SELECT state || ' ' || credits FROM call"), ["captured 1000000"]);
    assert_eq!(world.print(letter(1)).await["send_id"], id);
    assert_eq!((world.settled().await, world.printer.counts().await), ("9".to_owned(), (1, 1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_letter_that_was_taken_before_the_host_died_and_fails_is_not_charged() {
    let (world, id) = taken_and_forgotten(json!({ "fate": "undeliverable" })).await;
    for status in ["printing", "undeliverable"] {
        assert_eq!(world.printer.advance(&id).await, status);
    }
    assert_eq!((world.settled().await, world.printer.counts().await), ("10".to_owned(), (1, 0)));
    until("its job ends", || async { world.host.sql("SELECT count(*) FROM job WHERE state <> 'done'") == ["0"] }).await;
    assert_eq!(world.host.sql("SELECT state || ' ' || credits FROM call"), ["answered 0"]);
    // It may be sent again, as another letter.
    let again = world.print(letter(1)).await;
    assert!(again["sent"] == true && again["send_id"] != id, "{again}");
    assert_eq!((world.settled().await, world.printer.counts().await), ("9".to_owned(), (2, 1)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_letter_is_followed_across_the_death_of_the_host() {
    let mut world = World::with("10").await;
    world.printer.faults(json!({ "hold": true })).await;
    let id = world.print(letter(1)).await["send_id"].as_str().expect("it was sent").to_owned();
    for status in ["printing", "sent"] {
        tokio::time::sleep(Duration::from_millis(700)).await;
        world.host.kill();
        world.host.verify();
        world.host.restart();
        assert_eq!(world.stamps().await, ("9".to_owned(), "1".to_owned()));
        assert_eq!(world.printer.advance(&id).await, status);
    }
    world.host.kill();
    world.host.restart();
    assert_eq!(world.settled().await, "9");
    assert_eq!((world.printer.counts().await, world.print(letter(1)).await["send_id"].clone()), ((1, 1), json!(id)));
}
