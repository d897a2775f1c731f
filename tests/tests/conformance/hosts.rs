//! Several hosts on one PostgreSQL: each has its own writer and its own memory, the database has the truth.

use iap_core::{
    Credits,
    ids::AccountId,
    ledger::{Command, Refusal},
};
use iap_store::{Post, PostError, Store};

use crate::world::{ACCOUNT, World, authorize, open, pair};

async fn three_hosts() -> (World, Vec<Store>) {
    let world = World::postgres().await;
    let mut hosts = vec![world.store.clone()];
    for _ in 0..2 {
        hosts.push(open(&world.location, &world.clock).await);
    }
    (world, hosts)
}

#[tokio::test(flavor = "multi_thread")]
async fn three_hosts_spend_one_hot_account_to_the_credit() {
    let (world, hosts) = three_hosts().await;
    world.gift(ACCOUNT, 1_000).await;
    let calls: Vec<_> = (0..3_000)
        .map(|n| {
            let store = hosts[n % hosts.len()].clone();
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
    assert_eq!(captured, 1_000);
    let report = world.verify().await;
    assert_eq!((report.postings, report.holds), (1 + 2 * 1_000, 1_000));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_host_does_the_others_see_at_once() {
    let (world, hosts) = three_hosts().await;
    world.gift(ACCOUNT, 10).await;
    let hold = authorize(&hosts[0], ACCOUNT, 6).await.unwrap();
    // The second host has never seen the account; the third one saw it before the capture.
    let refused = authorize(&hosts[2], ACCOUNT, 5).await.unwrap_err();
    assert!(matches!(refused, PostError::Refused(Refusal::InsufficientCredit { .. })), "{refused}");
    let capture = Command::Capture { hold, amount: Credits::whole(2), last: true };
    let posted = hosts[1].post(Post::new(ACCOUNT, capture.clone())).await.unwrap();
    assert_eq!((posted.available, posted.held), (Credits::whole(8), Credits::ZERO));
    authorize(&hosts[2], ACCOUNT, 8).await.unwrap();
    for host in &hosts {
        let error = host.post(Post::new(ACCOUNT, capture.clone())).await.unwrap_err();
        assert!(matches!(error, PostError::Refused(Refusal::HoldHasEnded { .. })), "{error}");
    }
    hosts[1].post(Post::new(ACCOUNT, Command::Suspend { reason: Some("moved".to_owned()) })).await.unwrap();
    let refused = authorize(&hosts[0], ACCOUNT, 1).await.unwrap_err();
    assert!(matches!(refused, PostError::Refused(Refusal::AccountIsSuspended { .. })), "{refused}");
    world.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_that_transfer_to_and_fro_do_not_stop_one_another() {
    let (world, hosts) = three_hosts().await;
    let accounts = [AccountId(1), AccountId(2), AccountId(3)];
    for account in accounts {
        world.purchase(account, 100, 999).await;
    }
    let moves: Vec<_> = (0..300)
        .map(|n: usize| {
            let store = hosts[n % 3].clone();
            let (from, to) = (accounts[n % 3], accounts[(n + 1 + n / 3 % 2) % 3]);
            let command = Command::Transfer { to, amount: Credits::from_micros(1_234_567) };
            tokio::spawn(async move { store.post(Post::new(from, command)).await })
        })
        .collect();
    for one in moves {
        match one.await.unwrap() {
            Ok(_) | Err(PostError::Refused(Refusal::InsufficientCredit { .. })) => {}
            Err(other) => panic!("{other}"),
        }
    }
    let mut left = Credits::ZERO;
    for account in accounts {
        let row = world.store.accounts().get(account).await.unwrap().unwrap();
        left = left.checked_add(row.available).unwrap();
    }
    assert_eq!(left, Credits::whole(300));
    world.verify().await;
}
