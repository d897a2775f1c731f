//! What the same server does without batches: each pair of authorize and capture is one transaction of prepared
//! statements on a connection of its own, as an application would write it. It works on copies of the ledger's
//! tables, with their indexes and checks, so that the ledger itself stays whole.

use std::time::{Duration, Instant};

use iap_core::ids::AccountId;
use iap_store::{
    Store, Value,
    postgres::{Purpose, Session, Target},
};

/// Runs pairs on `clients` connections for a time. Answers how many there were.
pub async fn run(
    url: &str,
    store: &Store,
    accounts: &[AccountId],
    clients: usize,
    time: Duration,
) -> anyhow::Result<(u64, Duration)> {
    let target = Target::parse(url).map_err(anyhow::Error::msg)?;
    let desk = target.connect(Purpose::Writing).await?;
    desk.client().batch_execute(DROP).await?;
    desk.client().batch_execute(CREATE).await?;
    let mut sessions = Vec::with_capacity(clients);
    for _ in 0..clients {
        sessions.push(target.connect(Purpose::Writing).await?);
    }
    let began = Instant::now();
    let tasks = sessions.into_iter().enumerate().map(|(client, session)| {
        let (store, accounts) = (store.clone(), accounts.to_vec());
        tokio::spawn(async move {
            let (mut pairs, mut turn) = (0, client);
            while began.elapsed() < time {
                pair(&session, &store, accounts[turn % accounts.len()]).await?;
                turn += clients;
                pairs += 1;
            }
            anyhow::Ok(pairs)
        })
    });
    let mut all = 0;
    for task in tasks.collect::<Vec<_>>() {
        all += task.await??;
    }
    let time = began.elapsed();
    desk.client().batch_execute(DROP).await?;
    Ok((all, time))
}

const DROP: &str =
    "SET client_min_messages = warning; DROP TABLE IF EXISTS bench_balance, bench_grant, bench_hold, bench_posting";
const CREATE: &str = "CREATE TABLE bench_balance (LIKE balance INCLUDING ALL);
    CREATE TABLE bench_grant (LIKE credit_grant INCLUDING ALL);
    CREATE TABLE bench_hold (LIKE hold INCLUDING ALL);
    CREATE TABLE bench_posting (LIKE posting INCLUDING ALL);
    INSERT INTO bench_balance SELECT * FROM balance WHERE account_id IN (SELECT account_id FROM credit_grant WHERE available > 0);
    INSERT INTO bench_grant (id, account_id, kind, amount, available, held, consumed, expired, refunded, voided, transferred, expires_at, created_at)
        SELECT id, account_id, kind, amount, amount, 0, 0, 0, 0, 0, 0, expires_at, created_at FROM credit_grant WHERE available > 0 AND price IS NULL;
    ANALYZE bench_balance; ANALYZE bench_grant";

/// One credit is set aside and taken.
async fn pair(session: &Session, store: &Store, account: AccountId) -> anyhow::Result<()> {
    let (hold, authorize, capture) = (store.ids().next(), store.ids().next(), store.ids().next());
    let (account, at) = (Value::from(account), Value::from(store.clock().now()));
    session.query("BEGIN", &[]).await?;
    let row = session
        .query(
            "SELECT b.available, b.last_entry, g.id FROM bench_balance b JOIN bench_grant g ON g.account_id = b.account_id
             WHERE b.account_id = ?1 FOR UPDATE OF b",
            std::slice::from_ref(&account),
        )
        .await?;
    let (previous, grant) = (row[0].0[1].clone(), row[0].0[2].clone());
    session
        .query(
            "INSERT INTO bench_hold (id, account_id, entry_id, last_entry, amount, state, parts, created_at, expires_at)
             VALUES (?1, ?2, ?3, ?3, 1000000, 'live', '[]', ?4, ?4)",
            &[hold.into(), account.clone(), authorize.into(), at.clone()],
        )
        .await?;
    let mut before = previous;
    for (entry, kind, debit, credit) in [(authorize, 2i64, 2i64, 3i64), (capture, 3, 3, 4)] {
        session
            .query(
                "INSERT INTO bench_posting (entry_id, n, kind, account_id, grant_id, hold_id, debit, credit, amount, at, previous)
                 VALUES (?1, 0, ?2, ?3, ?4, ?5, ?6, ?7, 1000000, ?8, ?9)",
                &[
                    entry.into(),
                    kind.into(),
                    account.clone(),
                    grant.clone(),
                    hold.into(),
                    debit.into(),
                    credit.into(),
                    at.clone(),
                    before,
                ],
            )
            .await?;
        before = entry.into();
    }
    session
        .query(
            "UPDATE bench_hold SET state = 'captured', captured = amount, last_entry = ?2, ended_at = ?3 WHERE id = ?1",
            &[hold.into(), capture.into(), at],
        )
        .await?;
    session
        .query(
            "UPDATE bench_grant SET available = available - 1000000, consumed = consumed + 1000000 WHERE id = ?1",
            &[grant],
        )
        .await?;
    session
        .query(
            "UPDATE bench_balance SET available = available - 1000000, last_entry = ?2, version = version + 1 WHERE account_id = ?1",
            &[account, capture.into()],
        )
        .await?;
    session.query("COMMIT", &[]).await?;
    Ok(())
}
