//! Races, riders and restarts.

use std::sync::Arc;

use iap_core::{
    Credits,
    ledger::{Command, NewGrant, Refusal},
};
use iap_store::{Post, PostError, Statement};

use crate::world::{ACCOUNT, World, on_both_engines, open, pair};

on_both_engines! {
    a_thousand_racing_calls_on_credits_for_five_hundred_spend_exactly_those
    only_one_of_many_racing_ends_wins
    a_refused_rider_undoes_its_posting_and_nothing_else
    a_refused_write_leaves_its_neighbours_alone
    a_new_start_goes_on_where_the_last_one_was
    the_schema_refuses_what_no_rule_would_do
    postings_of_an_account_are_listed_newest_first
}

async fn a_thousand_racing_calls_on_credits_for_five_hundred_spend_exactly_those(world: World) {
    world.gift(ACCOUNT, 500).await;
    let calls: Vec<_> = (0..1_000)
        .map(|_| {
            let store = world.store.clone();
            tokio::spawn(async move { pair(&store, ACCOUNT).await })
        })
        .collect();
    let mut captured = 0;
    for call in calls {
        match call.await.unwrap() {
            Ok(_) => captured += 1,
            Err(PostError::Refused(Refusal::InsufficientCredit { .. })) => {}
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(captured, 500);
    let report = world.verify().await;
    assert_eq!((report.postings, report.holds, report.live_holds), (1 + 2 * 500, 500, 0));
}

async fn only_one_of_many_racing_ends_wins(world: World) {
    world.gift(ACCOUNT, 10).await;
    let hold = world.authorize(ACCOUNT, 4).await.unwrap();
    let ends: Vec<_> = (0..40)
        .map(|n| {
            let store = world.store.clone();
            let capture = Command::Capture { hold, amount: Credits::whole(3), last: true };
            let command = if n % 2 == 0 { capture } else { Command::Release { hold } };
            tokio::spawn(async move { store.post(Post::new(ACCOUNT, command)).await.is_ok() })
        })
        .collect();
    let mut won = 0;
    for end in ends {
        won += i32::from(end.await.unwrap());
    }
    assert_eq!(won, 1);
    world.verify().await;
}

async fn a_refused_rider_undoes_its_posting_and_nothing_else(world: World) {
    world.gift(ACCOUNT, 10).await;
    let rider = |_: &_| vec![Statement::new("INSERT INTO payment_event VALUES ('evt_1', 'paid', 0)", vec![])];
    let grant = || {
        let new = NewGrant::gift(world.store.ids().grant(), Credits::whole(5));
        world.store.post(Post::new(ACCOUNT, Command::Grant(new)).with(rider))
    };
    let (first, second, hold) = tokio::join!(grant(), grant(), world.authorize(ACCOUNT, 10));
    assert_eq!(first.unwrap().available, Credits::whole(15));
    match second.unwrap_err() {
        PostError::Conflict(conflict) => assert_eq!(conflict.constraint, "UNIQUE constraint failed: payment_event.id"),
        other => panic!("{other}"),
    }
    hold.unwrap();
    let report = world.verify().await;
    assert_eq!(report.grants, 2);
}

async fn a_refused_write_leaves_its_neighbours_alone(world: World) {
    world.gift(ACCOUNT, 10).await;
    let event = |id: &'static str| Statement::new("INSERT INTO payment_event VALUES (?1, 'paid', 0)", vec![id.into()]);
    let none = Statement::new("UPDATE payment_event SET kind = 'x' WHERE id = 'nobody'", vec![]).expecting(1);
    let (good, bad, pair) = tokio::join!(
        world.store.write(vec![event("a")]),
        world.store.write(vec![event("b"), none]),
        pair(&world.store, ACCOUNT),
    );
    good.unwrap();
    assert!(bad.unwrap_err().is_conflict_on(""));
    pair.unwrap();
    let rows = world.store.read("SELECT id FROM payment_event", vec![]).await.unwrap();
    assert_eq!(rows.len(), 1, "all of a refused write is undone");
    world.verify().await;
}

async fn a_new_start_goes_on_where_the_last_one_was(mut world: World) {
    world.gift(ACCOUNT, 10).await;
    let hold = world.authorize(ACCOUNT, 4).await.unwrap();
    let stream = world.store.stream();
    world.store = {
        let World { store, .. } = &world;
        drop(store.clone());
        // On SQLite one process has the file, so the old handle goes first.
        let aside = World::sqlite().await.store;
        drop(std::mem::replace(&mut world.store, aside));
        open(&world.location, &world.clock).await
    };
    assert!(stream < world.store.stream());
    let posted = world.capture(ACCOUNT, hold, 1).await.unwrap();
    assert_eq!((posted.available, posted.held), (Credits::whole(9), Credits::ZERO));
    world.verify().await;
}

async fn the_schema_refuses_what_no_rule_would_do(world: World) {
    world.gift(ACCOUNT, 10).await;
    let hold = world.authorize(ACCOUNT, 4).await.unwrap();
    world.capture(ACCOUNT, hold, 4).await.unwrap();
    for (sql, words) in [
        ("UPDATE posting SET amount = 1", "append-only"),
        ("DELETE FROM posting", "append-only"),
        ("UPDATE posting_batch SET postings = 1", "append-only"),
        ("DELETE FROM posting_batch", "append-only"),
        ("UPDATE balance SET available = -1", "CHECK"),
        ("UPDATE balance SET debt = -1", "CHECK"),
        ("UPDATE credit_grant SET available = available + 1", "CHECK"),
        ("UPDATE hold SET state = 'live', ended_at = NULL", "ends exactly once"),
        ("UPDATE hold SET captured = amount + 1", "CHECK"),
        ("INSERT INTO balance (account_id) VALUES (1)", "UNIQUE"),
        ("INSERT INTO balance (account_id) VALUES (99)", "FOREIGN KEY"),
    ] {
        let error = world.store.write(vec![Statement::new(sql, vec![])]).await.unwrap_err().to_string();
        assert!(error.contains(words), "{sql}: {error}");
    }
    world.verify().await;
}

async fn postings_of_an_account_are_listed_newest_first(world: World) {
    let world = Arc::new(world);
    world.gift(ACCOUNT, 10).await;
    for _ in 0..3 {
        pair(&world.store, ACCOUNT).await.unwrap();
    }
    let first = world.store.grants().postings(ACCOUNT, None, 4).await.unwrap();
    let kinds: Vec<_> = first.iter().map(|row| row.kind.as_str()).collect();
    assert_eq!(kinds, ["capture", "authorize", "capture", "authorize"]);
    let rest = world.store.grants().postings(ACCOUNT, first.last().unwrap().previous, 10).await.unwrap();
    let kinds: Vec<_> = rest.iter().map(|row| row.kind.as_str()).collect();
    assert_eq!(kinds, ["capture", "authorize", "grant"]);
}
