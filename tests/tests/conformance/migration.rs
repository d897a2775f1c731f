//! A SQLite ledger of the first schema, with everything that it could hold, is brought to the present one.

use std::sync::Arc;

use iap_core::{
    Credits,
    ids::{AccountId, GrantId, HoldId},
    ledger::Command,
};
use iap_store::{Location, Post, Store};

use crate::world::{At, verified};

const FIRST: &str = include_str!("../../../host/store/migrations/sqlite/0001_first.sql");

/// As the first version wrote it: a purchase of 10 for 9.00 EUR and a gift of 5; of one hold over both 9 of 12 were
/// taken, one was released, one is live. Books: 1 issued, 2 available, 3 held, 4 consumed; 20 cash, 21 deferred.
const ROWS: &str = "
    PRAGMA user_version = 1;
    INSERT INTO stream VALUES (1, 0);
    INSERT INTO vendor VALUES ('odoo', 'Odoo', 'first_party', 0);
    INSERT INTO service (id, name, title, vendor_name, kind, unit, created_at) VALUES (1, 'sms', 'SMS', 'odoo', 'plugin', 'credit', 0);
    INSERT INTO account (id, service_id, token_mac, token_sha1, created_at) VALUES (1, 1, 'm', 's', 0);
    INSERT INTO call (id, account_id, operation, door, state, started_at) VALUES (5, 1, 'send', 'rest', 'queued', 0);
    INSERT INTO balance (account_id, available, held, version, last_entry) VALUES (1, 4000000, 2000000, 6, 1099511627786);
    INSERT INTO credit_grant (id, account_id, kind, amount, available, held, consumed, expires_at, price, currency, created_at)
        VALUES (101, 1, 'purchase', 10000000, 0, 1000000, 9000000, 9223372036854775807, 900, 'EUR', 1000),
               (102, 1, 'gift', 5000000, 4000000, 1000000, 0, 9223372036854775807, NULL, NULL, 1000);
    INSERT INTO hold VALUES (201, 1, NULL, 1099511627782, 12000000, 9000000, 'captured', 1000, 90000, 2000);
    INSERT INTO hold VALUES (202, 1, NULL, 1099511627784, 1000000, 0, 'released', 2000, 90000, 3000);
    INSERT INTO hold VALUES (203, 1, 5, 1099511627786, 2000000, 0, 'live', 4000, 90000, NULL);
    INSERT INTO posting VALUES
        (1099511627780, 0, 1, 1, 101, NULL, NULL, 1, 2, 10000000, 1000, NULL),
        (1099511627780, 1, 1, 1, 101, NULL, 'EUR', 20, 21, 900, 1000, NULL),
        (1099511627781, 0, 1, 1, 102, NULL, NULL, 1, 2, 5000000, 1000, 1099511627780),
        (1099511627782, 0, 2, 1, 101, 201, NULL, 2, 3, 10000000, 1000, 1099511627781),
        (1099511627782, 1, 2, 1, 102, 201, NULL, 2, 3, 2000000, 1000, 1099511627781),
        (1099511627783, 0, 3, 1, 101, 201, NULL, 3, 4, 9000000, 2000, 1099511627782),
        (1099511627783, 1, 3, 1, 101, 201, NULL, 3, 2, 1000000, 2000, 1099511627782),
        (1099511627783, 2, 3, 1, 102, 201, NULL, 3, 2, 2000000, 2000, 1099511627782),
        (1099511627784, 0, 2, 1, 101, 202, NULL, 2, 3, 1000000, 2000, 1099511627783),
        (1099511627785, 0, 4, 1, 101, 202, NULL, 3, 2, 1000000, 3000, 1099511627784),
        (1099511627786, 0, 2, 1, 101, 203, NULL, 2, 3, 1000000, 4000, 1099511627785),
        (1099511627786, 1, 2, 1, 102, 203, NULL, 2, 3, 1000000, 4000, 1099511627785);";

#[tokio::test(flavor = "multi_thread")]
async fn a_ledger_of_the_first_schema_goes_on() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("iap.db");
    let old = rusqlite::Connection::open(&path).unwrap();
    old.execute_batch(FIRST).unwrap();
    old.execute_batch(ROWS).unwrap();
    drop(old);
    let store = Store::open(&path, Arc::new(At(5_000.into()))).unwrap();
    let location = Location::File(path);
    let report = verified(&location).await;
    assert_eq!((report.postings, report.holds, report.live_holds), (12, 3, 1));
    let post = |command| store.post(Post::new(AccountId(1), command));
    let (hold, amount) = (HoldId(203), Credits::from_micros(1_500_000));
    let posted = post(Command::Capture { hold, amount, last: true }).await.unwrap();
    assert_eq!(posted.available, Credits::from_micros(4_500_000));
    let back = post(Command::RefundUse { hold: HoldId(201), amount: Credits::whole(9) }).await.unwrap();
    assert_eq!(back.available, Credits::from_micros(13_500_000));
    post(Command::RefundCredits { grant: GrantId(101), amount: Credits::whole(9) }).await.unwrap();
    let live = store.grants().live_holds_of_call(AccountId(1), iap_core::ids::CallId(5)).await.unwrap();
    assert_eq!(live, []);
    verified(&location).await;
}
