//! The posting path on a real file: races, crashes of its process aside.

use std::sync::Arc;

use iap_core::{
    Credits, Time,
    ids::AccountId,
    ledger::{Authorize, Command, GrantKind, NewGrant, Refusal},
    time::Clock,
};
use iap_store::{Post, PostError, Statement, Store, ledger::verify};

struct At(std::sync::atomic::AtomicI64);

impl Clock for At {
    fn now(&self) -> Time {
        Time(self.0.load(std::sync::atomic::Ordering::Relaxed))
    }
}

struct World {
    folder: tempfile::TempDir,
    store: Store,
    account: AccountId,
}

async fn world() -> World {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("iap.db"), Arc::new(At(1_000.into()))).unwrap();
    let account = AccountId(1);
    store
        .write(vec![
            Statement::new("INSERT INTO vendor VALUES ('odoo', 'Odoo', 'first_party', 0)", vec![]),
            Statement::new("INSERT INTO service (id, name, title, vendor_name, kind, unit, created_at) VALUES (1, 'sms', 'SMS', 'odoo', 'plugin', 'credit', 0)", vec![]),
            Statement::new("INSERT INTO account (id, service_id, token_mac, token_sha1, created_at) VALUES (1, 1, 'm', 's', 0)", vec![]),
            Statement::new("INSERT INTO balance (account_id) VALUES (1)", vec![]),
        ])
        .await
        .unwrap();
    World { folder, store, account }
}

impl World {
    async fn grant(&self, credits: i64) {
        let new = NewGrant {
            id: self.store.ids().grant(),
            kind: GrantKind::Gift,
            amount: Credits::whole(credits),
            expires_at: Time::NEVER,
            price: None,
        };
        self.store.post(Post::new(self.account, Command::Grant(new))).await.unwrap();
    }

    async fn authorize(&self, credits: i64) -> Result<iap_core::ids::HoldId, PostError> {
        let hold = self.store.ids().hold();
        let ask = Authorize { hold, amount: Credits::whole(credits), ttl: 60_000 };
        self.store.post(Post::new(self.account, Command::Authorize(ask))).await.map(|_| hold)
    }

    async fn verify(&self) -> verify::Report {
        let path = self.folder.path().join("iap.db");
        let report = tokio::task::spawn_blocking(move || verify::verify(&path, |_| {}).unwrap()).await.unwrap();
        assert_eq!(report.differences, vec![]);
        report
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_racing_calls_on_credits_for_five_hundred_spend_exactly_those() {
    let world = Arc::new(world().await);
    world.grant(500).await;
    let calls = (0..1_000).map(|_| {
        let world = Arc::clone(&world);
        tokio::spawn(async move {
            let hold = world.authorize(1).await?;
            world
                .store
                .post(Post::new(world.account, Command::Capture { hold, amount: Credits::whole(1) }))
                .await
                .map(drop)
        })
    });
    let mut captured = 0;
    for call in calls.collect::<Vec<_>>() {
        match call.await.unwrap() {
            Ok(()) => captured += 1,
            Err(PostError::Refused(Refusal::InsufficientCredit { .. })) => {}
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(captured, 500);
    let report = world.verify().await;
    assert_eq!((report.postings, report.holds, report.live_holds), (1 + 2 * 500, 500, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_one_of_many_racing_ends_wins() {
    let world = Arc::new(world().await);
    world.grant(10).await;
    let hold = world.authorize(4).await.unwrap();
    let ends = (0..40).map(|n| {
        let world = Arc::clone(&world);
        let command =
            if n % 2 == 0 { Command::Capture { hold, amount: Credits::whole(3) } } else { Command::Release { hold } };
        tokio::spawn(async move { world.store.post(Post::new(world.account, command)).await.is_ok() })
    });
    let mut won = 0;
    for end in ends.collect::<Vec<_>>() {
        won += i32::from(end.await.unwrap());
    }
    assert_eq!(won, 1);
    world.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_rider_undoes_its_posting_and_nothing_else() {
    let world = world().await;
    world.grant(10).await;
    let rider = |_: &_| vec![Statement::new("INSERT INTO payment_event VALUES ('evt_1', 'paid', 0)", vec![])];
    let grant = || {
        let id = world.store.ids().grant();
        let new =
            NewGrant { id, kind: GrantKind::Purchase, amount: Credits::whole(5), expires_at: Time::NEVER, price: None };
        world.store.post(Post::new(world.account, Command::Grant(new)).with(rider))
    };
    let (first, second, hold) = tokio::join!(grant(), grant(), world.authorize(10));
    assert_eq!(first.unwrap().available, Credits::whole(15));
    match second.unwrap_err() {
        PostError::Conflict(conflict) => assert_eq!(conflict.constraint, "UNIQUE constraint failed: payment_event.id"),
        other => panic!("{other}"),
    }
    hold.unwrap();
    let report = world.verify().await;
    assert_eq!(report.grants, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_start_goes_on_where_the_last_one_was() {
    let world = world().await;
    world.grant(10).await;
    let hold = world.authorize(4).await.unwrap();
    let World { folder, store, account } = world;
    drop(store);
    let store = Store::open(&folder.path().join("iap.db"), Arc::new(At(2_000.into()))).unwrap();
    let posted = store.post(Post::new(account, Command::Capture { hold, amount: Credits::whole(1) })).await.unwrap();
    assert_eq!((posted.available, posted.held), (Credits::whole(9), Credits::ZERO));
    World { folder, store, account }.verify().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn verify_names_what_was_tampered_with() {
    let world = world().await;
    world.grant(10).await;
    world.authorize(4).await.unwrap();
    let path = world.folder.path().join("iap.db");
    let tamper = rusqlite::Connection::open(&path).unwrap();
    let error = tamper.execute("UPDATE posting SET amount = 1", []).unwrap_err();
    assert_eq!(error.to_string(), "postings are append-only");
    let error = tamper.execute("DELETE FROM posting", []).unwrap_err();
    assert_eq!(error.to_string(), "postings are append-only");
    let error = tamper.execute("UPDATE balance SET available = -1", []).unwrap_err();
    assert_eq!(error.to_string(), "CHECK constraint failed: available >= 0");
    tamper.execute("UPDATE balance SET available = available + 1", []).unwrap();
    let report = verify::verify(&path, |_| {}).unwrap();
    let found: Vec<_> = report.differences.iter().map(|difference| difference.what.as_str()).collect();
    assert_eq!(
        found,
        ["account 1: 6000001 available and 4000000 held are stored, its grants make 6000000 and 4000000"]
    );
}
