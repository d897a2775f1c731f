//! Every command as it is stored: what one start wrote, the next one reads.

use iap_core::{
    Credits, Money,
    ids::{AccountId, HoldId, PayoutId},
    ledger::{Authorize, Command, HoldState, Period, Refusal, VendorBalance, VendorCommand},
    time::Clock as _,
};
use iap_store::{Post, PostError, Statement, VendorPost, repositories::Payouts};

use crate::world::{ACCOUNT, World, euro, on_both_engines, open};

on_both_engines! {
    a_use_is_refunded_after_its_grant_left_memory
    a_chargeback_leaves_a_debt_that_a_purchase_repays
    what_repaid_a_debt_is_owed_again_when_it_is_charged_back
    uses_of_several_holds_are_refunded_together_or_not_at_all
    notes_are_stored_with_their_entries_and_never_changed
    credits_move_with_their_price
    caps_are_kept_and_enforced_after_a_start
    an_unknown_hold_is_kept_and_ends_once
    an_unknown_hold_that_is_kept_is_live_again
    a_row_that_cannot_be_read_fails_its_own_command_alone
    a_stopped_account_takes_nothing
    a_vendor_is_paid_what_it_earned
}

/// Another start of a host on the same database: nothing is in memory.
async fn again(world: &mut World) {
    let aside = World::sqlite().await.store;
    drop(std::mem::replace(&mut world.store, aside));
    world.store = open(&world.location, &world.clock).await;
}

async fn a_use_is_refunded_after_its_grant_left_memory(mut world: World) {
    world.purchase(ACCOUNT, 3, 100).await;
    let hold = world.authorize(ACCOUNT, 3).await.unwrap();
    world.capture(ACCOUNT, hold, 3).await.unwrap();
    again(&mut world).await;
    let back = world.post(ACCOUNT, Command::RefundUse { hold, amount: Credits::whole(1) }).await.unwrap();
    assert_eq!(back.available, Credits::whole(1));
    world.verify().await;
    again(&mut world).await;
    let error = world.post(ACCOUNT, Command::RefundUse { hold, amount: Credits::whole(3) }).await.unwrap_err();
    assert!(matches!(error, PostError::Refused(Refusal::ExceedsHold { .. })), "{error}");
    world.post(ACCOUNT, Command::RefundUse { hold, amount: Credits::whole(2) }).await.unwrap();
    let earned = world.store.read_one("SELECT earned, vendor_due, recognized FROM credit_grant", vec![]).await.unwrap();
    let earned = earned.unwrap();
    assert_eq!([0, 1, 2].map(|column| earned.int(column).unwrap()), [0, 0, 0]);
    world.verify().await;
}

async fn a_chargeback_leaves_a_debt_that_a_purchase_repays(mut world: World) {
    let grant = world.purchase(ACCOUNT, 10, 900).await;
    let hold = world.authorize(ACCOUNT, 4).await.unwrap();
    world.capture(ACCOUNT, hold, 4).await.unwrap();
    world.post(ACCOUNT, Command::Chargeback { grant }).await.unwrap();
    again(&mut world).await;
    world.gift(ACCOUNT, 5).await;
    let error = world.authorize(ACCOUNT, 1).await.unwrap_err();
    assert!(matches!(error, PostError::Refused(Refusal::AccountIsInDebt { .. })), "{error}");
    world.purchase(ACCOUNT, 10, 900).await;
    let row = world.store.accounts().get(ACCOUNT).await.unwrap().unwrap();
    assert_eq!(row.available, Credits::whole(11), "5 given and 10 bought, less the 4 owed");
    world.authorize(ACCOUNT, 11).await.unwrap();
    world.verify().await;
}

async fn what_repaid_a_debt_is_owed_again_when_it_is_charged_back(mut world: World) {
    let first = world.purchase(ACCOUNT, 10, 900).await;
    let hold = world.authorize(ACCOUNT, 4).await.unwrap();
    world.capture(ACCOUNT, hold, 4).await.unwrap();
    world.post(ACCOUNT, Command::Chargeback { grant: first }).await.unwrap();
    let second = world.purchase(ACCOUNT, 10, 900).await;
    again(&mut world).await;
    let repaid = world.store.grants().get(ACCOUNT, second).await.unwrap().unwrap();
    assert_eq!(
        (repaid.repaid, repaid.voided, repaid.available),
        (Credits::whole(4), Credits::whole(4), Credits::whole(6))
    );
    world.verify().await;
    let hold = world.authorize(ACCOUNT, 1).await.unwrap();
    world.capture(ACCOUNT, hold, 1).await.unwrap();
    world.post(ACCOUNT, Command::Chargeback { grant: second }).await.unwrap();
    again(&mut world).await;
    let row = world.store.accounts().get(ACCOUNT).await.unwrap().unwrap();
    assert_eq!((row.available, row.debt), (Credits::ZERO, Credits::whole(5)), "the 4 it repaid and the 1 used of it");
    world.gift(ACCOUNT, 5).await;
    let error = world.authorize(ACCOUNT, 1).await.unwrap_err();
    assert!(matches!(error, PostError::Refused(Refusal::AccountIsInDebt { .. })), "{error}");
    world.verify().await;
}

async fn uses_of_several_holds_are_refunded_together_or_not_at_all(mut world: World) {
    let first = world.purchase(ACCOUNT, 3, 300).await;
    world.pass(10);
    world.purchase(ACCOUNT, 5, 500).await;
    let mut holds = Vec::new();
    for credits in [3, 2] {
        let hold = world.authorize(ACCOUNT, credits).await.unwrap();
        world.capture(ACCOUNT, hold, credits).await.unwrap();
        holds.push((hold, Credits::whole(credits)));
    }
    again(&mut world).await;
    let missing = vec![holds[1], (HoldId(7), Credits::whole(1))];
    let error = world.post(ACCOUNT, Command::RefundUses { parts: missing }).await.unwrap_err();
    assert!(matches!(error, PostError::Refused(Refusal::UnknownHold)), "{error}");
    let some = vec![(holds[1].0, Credits::whole(1)), (holds[0].0, Credits::whole(1))];
    let back = world.post(ACCOUNT, Command::RefundUses { parts: some }).await.unwrap();
    assert_eq!((back.available, back.entries.len(), back.entry), (Credits::whole(5), 2, back.entries[0]));
    assert_eq!(back.hold.unwrap().id, holds[0].0);
    world.verify().await;
    // One of two grants is charged back: nothing is done, neither in memory nor on disk.
    world.post(ACCOUNT, Command::Chargeback { grant: first }).await.unwrap();
    let rest = vec![(holds[1].0, Credits::whole(1)), (holds[0].0, Credits::whole(2))];
    for _ in 0..2 {
        let error = world.post(ACCOUNT, Command::RefundUses { parts: rest.clone() }).await.unwrap_err();
        assert!(matches!(error, PostError::Refused(Refusal::GrantWasChargedBack)), "{error}");
        again(&mut world).await;
    }
    let row = world.store.accounts().get(ACCOUNT).await.unwrap().unwrap();
    assert_eq!((row.available, row.debt), (Credits::whole(4), Credits::whole(2)));
    let back = world.post(ACCOUNT, Command::RefundUses { parts: rest[..1].to_vec() }).await.unwrap();
    assert_eq!(back.available, Credits::whole(5));
    world.verify().await;
}

async fn notes_are_stored_with_their_entries_and_never_changed(world: World) {
    world.gift(ACCOUNT, 10).await;
    let move_some = || Command::Transfer { to: AccountId(2), amount: Credits::whole(3) };
    let event =
        |_: &iap_store::Posted| vec![Statement::new("INSERT INTO payment_event VALUES ('a', 'paid', 0)", vec![])];
    let moved =
        world.store.post(Post::new(ACCOUNT, move_some()).noted("the companies merged").with(event)).await.unwrap();
    assert_eq!(moved.entries.len(), 2);
    let error = world.store.post(Post::new(ACCOUNT, move_some()).noted("again").with(event)).await.unwrap_err();
    assert!(matches!(error, PostError::Conflict(_)), "{error}");
    for account in [ACCOUNT, AccountId(2)] {
        let postings = world.store.grants().postings(account, None, 1).await.unwrap();
        assert!(moved.entries.contains(&postings[0].entry));
        assert_eq!(postings[0].reason.as_deref(), Some("the companies merged"));
    }
    let long = "\u{e9}".repeat(600);
    let taken = Post::new(ACCOUNT, Command::Adjust { amount: Credits::whole(-1) }).noted(&long);
    let entry = world.store.post(taken).await.unwrap().entry;
    let kept = world.store.entry_notes().of_entry(entry).await.unwrap().expect("it is noted");
    assert_eq!(kept, long.chars().take(500).collect::<String>());
    let grant = world.store.grants().postings(ACCOUNT, None, 9).await.unwrap().pop().unwrap();
    assert_eq!(grant.reason, None);
    for sql in ["UPDATE entry_note SET text = 'x'", "DELETE FROM entry_note"] {
        let error = world.store.write(vec![Statement::new(sql, vec![])]).await.unwrap_err().to_string();
        assert!(error.contains("append-only"), "{sql}: {error}");
    }
    let rows = world.store.read("SELECT count(*) FROM entry_note", vec![]).await.unwrap();
    assert_eq!(rows[0].int(0).unwrap(), 3, "what was refused left none");
    world.verify().await;
}

async fn credits_move_with_their_price(mut world: World) {
    world.purchase(ACCOUNT, 10, 1_000).await;
    let to = AccountId(2);
    world.post(ACCOUNT, Command::Transfer { to, amount: Credits::whole(3) }).await.unwrap();
    again(&mut world).await;
    let prices = world.store.read("SELECT price FROM credit_grant ORDER BY id", vec![]).await.unwrap();
    assert_eq!(prices.iter().map(|row| row.int(0).unwrap()).collect::<Vec<_>>(), [1_000, 300]);
    let hold = world.authorize(to, 3).await.unwrap();
    world.capture(to, hold, 3).await.unwrap();
    let elsewhere = Command::Transfer { to: AccountId(4), amount: Credits::whole(1) };
    let error = world.post(ACCOUNT, elsewhere).await.unwrap_err();
    assert!(matches!(error, PostError::Refused(Refusal::NotTransferable)), "{error}");
    let nobody = Command::Transfer { to: AccountId(77), amount: Credits::whole(1) };
    assert!(matches!(world.post(ACCOUNT, nobody).await.unwrap_err(), PostError::UnknownAccount));
    world.verify().await;
}

async fn caps_are_kept_and_enforced_after_a_start(mut world: World) {
    world.gift(ACCOUNT, 100).await;
    let cap = |credits, as_of| Command::Cap {
        company: Some("7".to_owned()),
        period: Period::Day,
        credits,
        used: Credits::ZERO,
        as_of,
    };
    let last = world.store.grants().postings(ACCOUNT, None, 1).await.unwrap()[0].entry;
    let error = world.post(ACCOUNT, cap(Some(Credits::whole(5)), None)).await.unwrap_err();
    assert!(matches!(error, PostError::Refused(Refusal::Changed)), "{error}");
    world.post(ACCOUNT, cap(Some(Credits::whole(5)), Some(last))).await.unwrap();
    let ask = |world: &World, company: Option<&str>, credits| {
        let hold = world.store.ids().hold();
        let company = company.map(str::to_owned);
        (hold, Command::Authorize(Authorize { hold, amount: Credits::whole(credits), ttl: 60_000, company }))
    };
    let (hold, first) = ask(&world, Some("7"), 4);
    world.post(ACCOUNT, first).await.unwrap();
    again(&mut world).await;
    let (_, more) = ask(&world, Some("7"), 2);
    let error = world.post(ACCOUNT, more.clone()).await.unwrap_err();
    assert!(matches!(error, PostError::Refused(Refusal::SpendingCapReached { .. })), "{error}");
    for company in [Some("8"), None] {
        let (_, other) = ask(&world, company, 2);
        world.post(ACCOUNT, other).await.expect("the cap is another company's");
    }
    // What was not taken may be spent again.
    world.capture(ACCOUNT, hold, 1).await.unwrap();
    let (_, more) = ask(&world, Some("7"), 4);
    world.post(ACCOUNT, more).await.unwrap();
    let last = world.store.grants().postings(ACCOUNT, None, 1).await.unwrap()[0].entry;
    world.post(ACCOUNT, cap(None, Some(last))).await.unwrap();
    again(&mut world).await;
    let (_, more) = ask(&world, Some("7"), 40);
    world.post(ACCOUNT, more).await.unwrap();
    world.verify().await;
}

async fn an_unknown_hold_is_kept_and_ends_once(mut world: World) {
    world.gift(ACCOUNT, 10).await;
    let hold = world.authorize(ACCOUNT, 4).await.unwrap();
    let marked = world.post(ACCOUNT, Command::MarkUnknown { hold, ttl: 5_000 }).await.unwrap();
    assert_eq!(marked.hold.unwrap().state, HoldState::Unknown);
    again(&mut world).await;
    world.pass(5_000);
    let error = world.capture(ACCOUNT, hold, 4).await.unwrap_err();
    assert!(matches!(error, PostError::Refused(Refusal::HoldHasExpired)), "{error}");
    let found = world.store.grants().expired_holds(iap_core::Time(i64::MAX - 1), 10).await.unwrap();
    assert_eq!(found, [(hold, ACCOUNT)]);
    let gone = world.post(ACCOUNT, Command::ExpireHold { hold }).await.unwrap();
    assert_eq!(gone.available, Credits::whole(10));
    world.verify().await;
}

async fn an_unknown_hold_that_is_kept_is_live_again(mut world: World) {
    world.gift(ACCOUNT, 10).await;
    let hold = world.authorize(ACCOUNT, 4).await.unwrap();
    for (command, state) in [
        (Command::MarkUnknown { hold, ttl: 5_000 }, HoldState::Unknown),
        (Command::MarkUnknown { hold, ttl: 9_000 }, HoldState::Unknown),
        (Command::Keep { hold, ttl: 9_000 }, HoldState::Live),
    ] {
        world.post(ACCOUNT, command).await.unwrap();
        again(&mut world).await;
        assert_eq!(world.store.grants().hold(hold).await.unwrap().unwrap().state, state);
    }
    world.pass(8_999);
    world.capture(ACCOUNT, hold, 4).await.unwrap();
    world.verify().await;
}

async fn a_row_that_cannot_be_read_fails_its_own_command_alone(mut world: World) {
    let [hold_bad, grant_bad, good] = [ACCOUNT, AccountId(2), AccountId(3)];
    world.gift(hold_bad, 10).await;
    let grant = world.purchase(grant_bad, 10, 1_000).await;
    world.gift(good, 100).await;
    let (bad, fine) = (world.authorize(hold_bad, 4).await.unwrap(), world.authorize(hold_bad, 1).await.unwrap());
    let parts = world.store.read("SELECT parts FROM hold WHERE id = ?1", vec![bad.into()]).await.unwrap();
    let text = |sql: &'static str, text: &str, id: i64| Statement::new(sql, vec![text.into(), id.into()]);
    let set = async |world: &World, parts: &str, currency: &str| {
        let hold = text("UPDATE hold SET parts = ?1 WHERE id = ?2", parts, bad.0);
        let grant = text("UPDATE credit_grant SET currency = ?1 WHERE id = ?2", currency, grant.0);
        world.store.write(vec![hold, grant]).await.unwrap();
    };
    set(&world, "x", "x").await;
    again(&mut world).await;
    // Many at once, so that batches have some of each.
    let posts: Vec<_> = (0..60)
        .map(|n| {
            let store = world.store.clone();
            let (account, command) = match n % 3 {
                0 => (hold_bad, Command::Capture { hold: bad, amount: Credits::whole(1), last: true }),
                1 => (grant_bad, Command::Adjust { amount: Credits::whole(-1) }),
                _ => (good, Command::Adjust { amount: Credits::whole(-1) }),
            };
            tokio::spawn(async move { (n % 3, store.post(Post::new(account, command)).await) })
        })
        .collect();
    for post in posts {
        match post.await.unwrap() {
            (2, done) => drop(done.expect("nothing is wrong with it")),
            (_, Err(PostError::Storage(why))) => assert!(why.starts_with("column "), "{why}"),
            (_, other) => panic!("{other:?}"),
        }
    }
    // Another hold of that account is readable.
    world.capture(hold_bad, fine, 1).await.unwrap();
    set(&world, &parts[0].text(0).unwrap(), "EUR").await;
    world.capture(hold_bad, bad, 4).await.unwrap();
    world.post(grant_bad, Command::Adjust { amount: Credits::whole(-1) }).await.unwrap();
    world.verify().await;
}

async fn a_stopped_account_takes_nothing(mut world: World) {
    world.gift(ACCOUNT, 10).await;
    world.post(ACCOUNT, Command::Stop { reason: Some("its balance was changed".to_owned()) }).await.unwrap();
    again(&mut world).await;
    let error = world.authorize(ACCOUNT, 1).await.unwrap_err();
    assert!(matches!(error, PostError::Refused(Refusal::PostingIsStopped { .. })), "{error}");
    world.gift(AccountId(2), 1).await;
    world.post(ACCOUNT, Command::Stop { reason: None }).await.unwrap();
    world.authorize(ACCOUNT, 1).await.unwrap();
    world.verify().await;
}

async fn a_vendor_is_paid_what_it_earned(world: World) {
    world.purchase(ACCOUNT, 10, 1_000).await;
    let hold = world.authorize(ACCOUNT, 10).await.unwrap();
    world.capture(ACCOUNT, hold, 10).await.unwrap();
    let row = world
        .store
        .read_one(
            "SELECT CAST(coalesce(sum(credits - debits), 0) AS BIGINT) FROM ledger_total WHERE book = 22 AND currency = 'EUR'",
            vec![],
        )
        .await
        .unwrap();
    assert_eq!(row.unwrap().int(0).unwrap(), 750);
    let balance = VendorBalance::default();
    let (payable, balance) = balance.decide(VendorCommand::MakePayable { accrued: 750 }, euro()).unwrap();
    let (paid, _) = balance.decide(VendorCommand::PayOut { minor: 500 }, euro()).unwrap();
    let set = |made: i64, paid: i64, version: i64| {
        Statement::new(
            "UPDATE vendor_balance SET made_payable = ?1, paid_out = ?2, version = version + 1 WHERE vendor_name = 'odoo' AND version = ?3",
            vec![made.into(), paid.into(), version.into()],
        )
        .expecting(1)
    };
    let first = Statement::new("INSERT INTO vendor_balance (vendor_name, currency) VALUES ('odoo', 'EUR')", vec![]);
    let vendor = || "odoo".to_owned();
    world
        .store
        .post_vendor(VendorPost { vendor: vendor(), posting: payable, guards: vec![first, set(750, 0, 0)] })
        .await
        .unwrap();
    // Two hosts pay at once: one of them finds another balance.
    let amount = Money { minor: 500, currency: euro() };
    let pay = || {
        let payout = Payouts::add(world.store.ids().payout(), "odoo", amount, world.clock.now());
        world.store.post_vendor(VendorPost { vendor: vendor(), posting: paid, guards: vec![set(750, 500, 1), payout] })
    };
    let (one, two) = tokio::join!(pay(), pay());
    assert_eq!([one.is_ok(), two.is_ok()].into_iter().filter(|ok| *ok).count(), 1);
    world.verify().await;
    // It comes back once.
    let id = world.store.payouts().page(Some("odoo"), PayoutId(i64::MAX), 10).await.unwrap()[0].id;
    let (back, _) = VendorBalance { made_payable: 750, paid_out: 500 }
        .decide(VendorCommand::ReturnPayout { minor: 500 }, euro())
        .unwrap();
    let come_back = |version| {
        let guards = vec![set(750, 0, version), Payouts::returned(id, world.clock.now())];
        world.store.post_vendor(VendorPost { vendor: vendor(), posting: back, guards })
    };
    come_back(2).await.unwrap();
    assert!(come_back(3).await.unwrap_err().is_conflict_on(""));
    assert!(world.store.payouts().get(id).await.unwrap().unwrap().returned_at.is_some());
    world.verify().await;
}
