//! Loads what the ledger's books need and writes what a batch changed: a few statements for any number of rows.

use futures_util::future::{join, join3};
use iap_core::{
    Credits,
    ids::{AccountId, GrantId, HoldId},
    ledger::{Account, Grant},
};
use tokio_postgres::types::ToSql;

use super::{
    errors::{Failure, classify},
    session::Session,
    sets::{Set, prepare, run},
    statements::BEGIN,
    values::read_row,
};
use crate::{
    BadColumn, Row,
    ledger::{
        Books, HoldRow, Moved, Needed, Sealed, account_columns, account_of_grant, cap_columns, grant_columns,
        hold_columns, read_account, read_cap, read_grant, read_hold, write_parts,
    },
};

const LOCK: &str =
    concat!(account_columns!(), "WHERE b.account_id = ANY(?1) ORDER BY b.account_id FOR NO KEY UPDATE OF b");
const GRANTS: &str = concat!(grant_columns!(), "WHERE account_id = ANY(?1) AND (available > 0 OR held > 0)");
const GRANTS_BY_ID: &str = concat!(grant_columns!(), "WHERE id = ANY(?1)");
const CAPS: &str = concat!(cap_columns!(), "WHERE account_id = ANY(?1)");
const HOLDS: &str = concat!(hold_columns!(), "WHERE id = ANY(?1)");

impl From<BadColumn> for Failure {
    fn from(error: BadColumn) -> Self {
        Self::Other(error.to_string())
    }
}

async fn rows(session: &Session, sql: &'static str, ids: Vec<i64>) -> Result<Vec<Row>, Failure> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let statement = session.prepare(sql).await.map_err(|error| classify(&error))?;
    let found = session.client().query(&statement, &[&ids]).await.map_err(|error| classify(&error))?;
    found.iter().map(|row| read_row(row).map_err(|error| classify(&error))).collect()
}

/// Begins a transaction and counts it on the stream: whoever asks whether it went through waits for its end, since
/// from here on it has the row. Locks the balances of accounts, in the order of their ids so that writers never wait
/// for one another in a circle, and loads those that are not in memory as they are now. `accounts` are sorted.
pub async fn begin(
    session: &Session,
    books: &mut Books,
    accounts: &[AccountId],
    stream: i64,
    commits: i64,
) -> Result<(), Failure> {
    let ids = accounts.iter().map(|account| account.0).collect();
    let count = session
        .prepare("UPDATE stream SET commits = CAST(?2 AS BIGINT) WHERE id = ?1 AND commits = CAST(?2 AS BIGINT) - 1")
        .await
        .map_err(|error| classify(&error))?;
    let params: [&(dyn ToSql + Sync); 2] = [&stream, &commits];
    // In this order: `join3` polls the first one first, and what is polled first is sent first.
    let (begun, counted, locked) = join3(
        session.client().batch_execute(BEGIN),
        session.client().execute(&count, &params),
        rows(session, LOCK, ids),
    )
    .await;
    begun.map_err(|error| classify(&error))?;
    if counted.map_err(|error| classify(&error))? != 1 {
        return Err(Failure::Other("another writer has taken this one's stream".to_owned()));
    }
    let mut stale = Vec::new();
    for row in &locked? {
        let (account, version) = match read_account(row) {
            Ok(read) => read,
            Err(bad) => {
                books.put_unreadable(Needed::Account(AccountId(row.int(0)?)), &bad);
                continue;
            }
        };
        if books.version(account.id) != Some(version) {
            stale.push(account.id.0);
            books.put(account, version);
        }
    }
    if stale.is_empty() {
        return Ok(());
    }
    let (grants, caps) = join(rows(session, GRANTS, stale.clone()), rows(session, CAPS, stale)).await;
    for row in &grants? {
        match read_grant(row) {
            Ok((account, grant)) => books.put_grant(account, grant),
            Err(bad) => books.put_unreadable(Needed::Account(account_of_grant(row)?), &bad),
        }
    }
    for row in &caps? {
        match read_cap(row) {
            Ok((account, cap)) => books.put_cap(account, cap),
            Err(bad) => books.put_unreadable(Needed::Account(AccountId(row.int(0)?)), &bad),
        }
    }
    Ok(())
}

/// Loads holds; their accounts are locked.
pub async fn load_holds(session: &Session, books: &mut Books, holds: Vec<HoldId>) -> Result<(), Failure> {
    for row in &rows(session, HOLDS, holds.into_iter().map(|hold| hold.0).collect()).await? {
        match read_hold(row) {
            Ok(hold) => books.put_hold(hold),
            Err(bad) => books.put_unreadable(Needed::Hold(HoldId(row.int(0)?)), &bad),
        }
    }
    Ok(())
}

/// Loads grants; their accounts are locked.
pub async fn load_grants(session: &Session, books: &mut Books, grants: Vec<GrantId>) -> Result<(), Failure> {
    for row in &rows(session, GRANTS_BY_ID, grants.into_iter().map(|grant| grant.0).collect()).await? {
        match read_grant(row) {
            Ok((account, grant)) => books.put_grant(account, grant),
            Err(bad) => books.put_unreadable(Needed::Grant(GrantId(row.int(0)?)), &bad),
        }
    }
    Ok(())
}

/// What a batch was decided on.
#[derive(Clone, Copy)]
pub enum Basis<'a> {
    /// Balances that [`begin`] has locked.
    Locked,
    /// Memory. What it says of these accounts is still to be compared, in the transaction that is to be this
    /// many-th of the stream.
    Memory {
        /// All that it touches.
        touched: &'a [AccountId],
        /// Number of the transaction.
        commits: i64,
    },
}

/// Whether everything that deciding on these accounts needs to know is in memory.
pub fn in_memory(books: &Books, touched: &[AccountId]) -> bool {
    touched.iter().all(|account| books.has(*account))
}

/// Compares accounts in memory with what is stored, without changing any.
pub async fn compare(session: &Session, books: &Books, accounts: &[AccountId]) -> Result<(), Failure> {
    let (ids, versions) = versions(books, accounts.iter().copied());
    let set = Set::new(
        "SELECT iap_expect((SELECT count(*) FROM balance b, unnest(CAST(?1 AS BIGINT[]), CAST(?2 AS BIGINT[])) AS n (id, version)
                            WHERE b.account_id = n.id AND b.version = n.version), ?3)",
    );
    let expected = i64::try_from(ids.len()).unwrap_or(i64::MAX);
    let set = set.with(ids).with(versions).with(expected);
    run(session, prepare(session, std::slice::from_ref(&set)).await?).await
}

fn versions(books: &Books, accounts: impl Iterator<Item = AccountId>) -> (Vec<i64>, Vec<i64>) {
    accounts.filter_map(|id| books.version(id).map(|version| (id.0, version))).unzip()
}

/// Whether the batch's sets may be one statement: none of them changes a row that another inserts.
pub fn may_merge(books: &Books) -> bool {
    let journal = books.journal();
    journal.new_grants.is_empty() && journal.caps.is_empty() && journal.uncapped.is_empty()
}

/// Everything that the batch changed, as sets.
pub fn sets(books: &Books, sealed: Option<&Sealed>, stream: i64, basis: Basis<'_>) -> Vec<Set> {
    let mut sets = Vec::with_capacity(10);
    match basis {
        Basis::Locked => push_accounts(&mut sets, books),
        // First of all: who finds another in the way waits or gives up before it has done anything.
        Basis::Memory { touched, commits } => push_claim(&mut sets, books, touched, stream, commits),
    }
    push_holds(&mut sets, books);
    push_postings(&mut sets, books);
    push_new_grants(&mut sets, books);
    push_grants(&mut sets, books);
    push_caps(&mut sets, books);
    push_totals(&mut sets, books, stream);
    if let Some(sealed) = sealed {
        sets.push(
            Set::new(
                "INSERT INTO posting_batch (stream, number, first_entry, last_entry, postings, at, previous_hash, hash)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )
            .with(stream)
            .with(sealed.link.number)
            .with(sealed.first)
            .with(sealed.last)
            .with(sealed.postings)
            .with(sealed.at)
            .with(sealed.previous.hash.to_vec())
            .with(sealed.link.hash.to_vec()),
        );
    }
    sets
}

/// Values of one column.
fn column<T, R>(rows: &[T], value: impl Fn(&T) -> R) -> Vec<R> {
    rows.iter().map(value).collect()
}

fn push_holds(sets: &mut Vec<Set>, books: &Books) {
    let (new, old): (Vec<&HoldRow>, Vec<&HoldRow>) = books.journal().holds.values().partition(|row| row.is_new);
    if !new.is_empty() {
        sets.push(
            Set::new(
                "INSERT INTO hold (id, account_id, call_id, company, entry_id, last_entry, amount, captured, refunded, state, parts,
                                   created_at, expires_at, ended_at)
                 SELECT * FROM unnest(CAST(?1 AS BIGINT[]), CAST(?2 AS BIGINT[]), CAST(?3 AS BIGINT[]), CAST(?4 AS TEXT[]), CAST(?5 AS BIGINT[]),
                                      CAST(?6 AS BIGINT[]), CAST(?7 AS BIGINT[]), CAST(?8 AS BIGINT[]), CAST(?9 AS BIGINT[]), CAST(?10 AS TEXT[]),
                                      CAST(?11 AS TEXT[]), CAST(?12 AS BIGINT[]), CAST(?13 AS BIGINT[]), CAST(?14 AS BIGINT[]))",
            )
            .with(column(&new, |row| row.hold.id.0))
            .with(column(&new, |row| row.hold.account.0))
            .with(column(&new, |row| row.call.map(|call| call.0)))
            .with(column(&new, |row| row.hold.company.clone()))
            .with(column(&new, |row| row.hold.entry.0))
            .with(column(&new, |row| row.hold.last_entry.0))
            .with(column(&new, |row| row.hold.amount.micros()))
            .with(column(&new, |row| row.hold.captured.micros()))
            .with(column(&new, |row| row.hold.refunded.micros()))
            .with(column(&new, |row| row.hold.state.as_str()))
            .with(column(&new, |row| write_parts(&row.hold.parts)))
            .with(column(&new, |row| row.hold.created_at.millis()))
            .with(column(&new, |row| row.hold.expires_at.millis()))
            .with(column(&new, |row| row.ended_at.map(|at| at.millis()))),
        );
    }
    if !old.is_empty() {
        sets.push(
            Set::new(
                "UPDATE hold h SET last_entry = n.last_entry, captured = n.captured, refunded = n.refunded, state = n.state, parts = n.parts,
                        expires_at = n.expires_at, ended_at = coalesce(h.ended_at, n.ended_at)
                 FROM unnest(CAST(?1 AS BIGINT[]), CAST(?2 AS BIGINT[]), CAST(?3 AS BIGINT[]), CAST(?4 AS BIGINT[]), CAST(?5 AS TEXT[]),
                             CAST(?6 AS TEXT[]), CAST(?7 AS BIGINT[]), CAST(?8 AS BIGINT[]))
                      AS n (id, last_entry, captured, refunded, state, parts, expires_at, ended_at)
                 WHERE h.id = n.id",
            )
            .with(column(&old, |row| row.hold.id.0))
            .with(column(&old, |row| row.hold.last_entry.0))
            .with(column(&old, |row| row.hold.captured.micros()))
            .with(column(&old, |row| row.hold.refunded.micros()))
            .with(column(&old, |row| row.hold.state.as_str()))
            .with(column(&old, |row| write_parts(&row.hold.parts)))
            .with(column(&old, |row| row.hold.expires_at.millis()))
            .with(column(&old, |row| row.ended_at.map(|at| at.millis()))),
        );
    }
}

fn push_postings(sets: &mut Vec<Set>, books: &Books) {
    let rows = &books.journal().postings;
    if rows.is_empty() {
        return;
    }
    sets.push(
        Set::new(
            "INSERT INTO posting (entry_id, n, kind, account_id, vendor, grant_id, hold_id, currency, debit, credit, amount, at, previous)
             SELECT * FROM unnest(CAST(?1 AS BIGINT[]), CAST(?2 AS BIGINT[]), CAST(?3 AS BIGINT[]), CAST(?4 AS BIGINT[]), CAST(?5 AS TEXT[]),
                                  CAST(?6 AS BIGINT[]), CAST(?7 AS BIGINT[]), CAST(?8 AS TEXT[]), CAST(?9 AS BIGINT[]), CAST(?10 AS BIGINT[]),
                                  CAST(?11 AS BIGINT[]), CAST(?12 AS BIGINT[]), CAST(?13 AS BIGINT[]))",
        )
        .with(column(rows, |row| row.entry))
        .with(column(rows, |row| row.n))
        .with(column(rows, |row| row.kind))
        .with(column(rows, |row| row.account))
        .with(column(rows, |row| row.vendor.clone()))
        .with(column(rows, |row| row.grant))
        .with(column(rows, |row| row.hold))
        .with(column(rows, |row| row.currency.clone()))
        .with(column(rows, |row| row.debit))
        .with(column(rows, |row| row.credit))
        .with(column(rows, |row| row.amount))
        .with(column(rows, |row| row.at))
        .with(column(rows, |row| row.previous)),
    );
}

fn push_new_grants(sets: &mut Vec<Set>, books: &Books) {
    let new = books.journal().new_grants.iter().filter_map(|(id, (account, reason, at))| {
        books.account(*account)?.0.grant(*id).map(|grant| (account, grant, reason, at))
    });
    let new: Vec<_> = new.collect();
    if new.is_empty() {
        return;
    }
    sets.push(
        Set::new(
            "INSERT INTO credit_grant (id, account_id, kind, amount, available, expires_at, price, currency, tax, fee_bps, breakage_to,
                                       origin_id, reason, created_at)
             SELECT id, account_id, kind, amount, amount, expires_at, price, currency, tax, fee_bps, breakage_to, origin_id, reason, created_at
             FROM unnest(CAST(?1 AS BIGINT[]), CAST(?2 AS BIGINT[]), CAST(?3 AS TEXT[]), CAST(?4 AS BIGINT[]), CAST(?5 AS BIGINT[]),
                         CAST(?6 AS BIGINT[]), CAST(?7 AS TEXT[]), CAST(?8 AS BIGINT[]), CAST(?9 AS BIGINT[]), CAST(?10 AS TEXT[]),
                         CAST(?11 AS BIGINT[]), CAST(?12 AS TEXT[]), CAST(?13 AS BIGINT[]))
                  AS n (id, account_id, kind, amount, expires_at, price, currency, tax, fee_bps, breakage_to, origin_id, reason, created_at)",
        )
        .with(column(&new, |(_, grant, ..)| grant.id.0))
        .with(column(&new, |(account, ..)| account.0))
        .with(column(&new, |(_, grant, ..)| grant.kind.as_str()))
        .with(column(&new, |(_, grant, ..)| grant.amount.micros()))
        .with(column(&new, |(_, grant, ..)| grant.expires_at.millis()))
        .with(column(&new, |(_, grant, ..)| grant.price.map(|price| price.minor)))
        .with(column(&new, |(_, grant, ..)| grant.price.map(|price| price.currency.as_str().to_owned())))
        .with(column(&new, |(_, grant, ..)| grant.tax))
        .with(column(&new, |(_, grant, ..)| i64::from(grant.share.fee_bps)))
        .with(column(&new, |(_, grant, ..)| grant.share.breakage_to.as_str()))
        .with(column(&new, |(_, grant, ..)| grant.origin.map(|origin| origin.0)))
        .with(column(&new, |(_, _, reason, _)| (*reason).clone()))
        .with(column(&new, |(.., at)| at.millis())),
    );
}

fn push_grants(sets: &mut Vec<Set>, books: &Books) {
    let grant = |(account, id): &(AccountId, GrantId)| books.account(*account)?.0.grant(*id);
    let moved = |wanted| {
        let keys = books.journal().grants.iter().filter(move |(_, moved)| **moved == wanted);
        keys.filter_map(move |(key, _)| grant(key)).collect::<Vec<_>>()
    };
    push_used(sets, &moved(Moved::Use));
    push_changed(sets, &moved(Moved::Anything));
}

fn push_used(sets: &mut Vec<Set>, moved: &[&Grant]) {
    if moved.is_empty() {
        return;
    }
    sets.push(
        Set::new(
            "UPDATE credit_grant g SET available = n.available, held = n.held, consumed = n.consumed
             FROM unnest(CAST(?1 AS BIGINT[]), CAST(?2 AS BIGINT[]), CAST(?3 AS BIGINT[]), CAST(?4 AS BIGINT[]))
                  AS n (id, available, held, consumed)
             WHERE g.id = n.id",
        )
        .with(column(moved, |grant| grant.id.0))
        .with(column(moved, |grant| grant.available.micros()))
        .with(column(moved, |grant| grant.held.micros()))
        .with(column(moved, |grant| grant.consumed.micros())),
    );
}

fn push_changed(sets: &mut Vec<Set>, moved: &[&Grant]) {
    if moved.is_empty() {
        return;
    }
    let credits = |value: fn(&Grant) -> Credits| column(moved, move |grant| value(grant).micros());
    sets.push(
        Set::new(
            "UPDATE credit_grant g SET available = n.available, held = n.held, consumed = n.consumed, expired = n.expired,
                    refunded = n.refunded, voided = n.voided, transferred = n.transferred, recognized = n.recognized, earned = n.earned,
                    lapsed = n.lapsed, returned = n.returned, vendor_due = n.vendor_due, tax_returned = n.tax_returned,
                    charged_back = n.charged_back, moved = n.moved, repaid = n.repaid
             FROM unnest(CAST(?1 AS BIGINT[]), CAST(?2 AS BIGINT[]), CAST(?3 AS BIGINT[]), CAST(?4 AS BIGINT[]), CAST(?5 AS BIGINT[]),
                         CAST(?6 AS BIGINT[]), CAST(?7 AS BIGINT[]), CAST(?8 AS BIGINT[]), CAST(?9 AS BIGINT[]), CAST(?10 AS BIGINT[]),
                         CAST(?11 AS BIGINT[]), CAST(?12 AS BIGINT[]), CAST(?13 AS BIGINT[]), CAST(?14 AS BIGINT[]), CAST(?15 AS BIGINT[]),
                         CAST(?16 AS BIGINT[]), CAST(?17 AS BIGINT[]))
                  AS n (id, available, held, consumed, expired, refunded, voided, transferred, recognized, earned, lapsed, returned,
                        vendor_due, tax_returned, charged_back, moved, repaid)
             WHERE g.id = n.id",
        )
        .with(column(moved, |grant| grant.id.0))
        .with(credits(|grant| grant.available))
        .with(credits(|grant| grant.held))
        .with(credits(|grant| grant.consumed))
        .with(credits(|grant| grant.expired))
        .with(credits(|grant| grant.refunded))
        .with(credits(|grant| grant.voided))
        .with(credits(|grant| grant.transferred))
        .with(column(moved, |grant| grant.recognized))
        .with(column(moved, |grant| grant.earned))
        .with(column(moved, |grant| grant.lapsed))
        .with(column(moved, |grant| grant.returned))
        .with(column(moved, |grant| grant.vendor_due))
        .with(column(moved, |grant| grant.tax_returned))
        .with(column(moved, |grant| i64::from(grant.charged_back)))
        .with(column(moved, |grant| grant.moved))
        .with(credits(|grant| grant.repaid)),
    );
}

/// Accounts that the batch changed, in the order of their ids.
fn changed(books: &Books) -> Vec<(&Account, i64)> {
    let mut changed: Vec<_> = books.journal().accounts.iter().filter_map(|id| books.account(*id)).collect();
    changed.sort_unstable_by_key(|(account, _)| account.id);
    changed
}

fn with_balances(set: Set, changed: &[(&Account, i64)]) -> Set {
    set.with(column(changed, |(account, _)| account.id.0))
        .with(column(changed, |(account, _)| account.available.micros()))
        .with(column(changed, |(account, _)| account.held.micros()))
        .with(column(changed, |(account, _)| account.debt.micros()))
        .with(column(changed, |(account, _)| account.suspended.clone()))
        .with(column(changed, |(account, _)| account.stopped.clone()))
        .with(column(changed, |(account, _)| account.last_entry.map(|entry| entry.0)))
}

fn push_accounts(sets: &mut Vec<Set>, books: &Books) {
    let changed = changed(books);
    if changed.is_empty() {
        return;
    }
    let set = Set::new(
        "UPDATE balance b SET available = n.available, held = n.held, debt = n.debt, suspended = n.suspended, stopped = n.stopped,
                last_entry = n.last_entry, version = b.version + 1
         FROM unnest(CAST(?1 AS BIGINT[]), CAST(?2 AS BIGINT[]), CAST(?3 AS BIGINT[]), CAST(?4 AS BIGINT[]), CAST(?5 AS TEXT[]),
                     CAST(?6 AS TEXT[]), CAST(?7 AS BIGINT[]))
              AS n (id, available, held, debt, suspended, stopped, last_entry)
         WHERE b.account_id = n.id",
    );
    sets.push(with_balances(set, &changed));
}

const CLAIM: &str =
        "WITH counted AS (UPDATE stream SET commits = CAST(?12 AS BIGINT) WHERE id = ?11 AND commits = CAST(?12 AS BIGINT) - 1 RETURNING 1),
              changed AS (
                  UPDATE balance b SET available = n.available, held = n.held, debt = n.debt, suspended = n.suspended, stopped = n.stopped,
                         last_entry = n.last_entry, version = b.version + 1
                  FROM unnest(CAST(?1 AS BIGINT[]), CAST(?2 AS BIGINT[]), CAST(?3 AS BIGINT[]), CAST(?4 AS BIGINT[]), CAST(?5 AS TEXT[]),
                              CAST(?6 AS TEXT[]), CAST(?7 AS BIGINT[]), CAST(?8 AS BIGINT[]))
                       AS n (id, available, held, debt, suspended, stopped, last_entry, version)
                  WHERE b.account_id = n.id AND b.version = n.version RETURNING 1)
         SELECT iap_expect((SELECT count(*) FROM counted) + (SELECT count(*) FROM changed)
             + (SELECT count(*) FROM balance b, unnest(CAST(?9 AS BIGINT[]), CAST(?10 AS BIGINT[])) AS s (id, version)
                WHERE b.account_id = s.id AND b.version = s.version), ?13)";

/// Counts the transaction on its stream and changes balances where their version still is the one in memory. Raises
/// [`Failure::Stale`] where one is not, so that the statements behind it, even the commit, do nothing.
fn push_claim(sets: &mut Vec<Set>, books: &Books, touched: &[AccountId], stream: i64, commits: i64) {
    let changed = changed(books);
    let others = touched.iter().copied().filter(|id| !books.journal().accounts.contains(id));
    let (others, seen) = versions(books, others);
    let expected = i64::try_from(1 + changed.len() + others.len()).unwrap_or(i64::MAX);
    let set = Set::new(CLAIM);
    let set = with_balances(set, &changed).with(column(&changed, |(_, version)| *version)).with(others).with(seen);
    sets.push(set.with(stream).with(commits).with(expected));
}

fn push_caps(sets: &mut Vec<Set>, books: &Books) {
    for (account, cap) in &books.journal().uncapped {
        sets.push(
            Set::new("DELETE FROM spending_cap WHERE account_id = ?1 AND company = ?2 AND period = ?3")
                .with(account.0)
                .with(cap.company.clone().unwrap_or_default())
                .with(cap.period.as_str()),
        );
    }
    for id in &books.journal().caps {
        let Some((account, _)) = books.account(*id) else { continue };
        for cap in &account.caps {
            sets.push(
                Set::new(
                    "INSERT INTO spending_cap (account_id, company, period, credits, used, window_start) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                     ON CONFLICT (account_id, company, period) DO UPDATE
                     SET credits = excluded.credits, used = excluded.used, window_start = excluded.window_start",
                )
                .with(id.0)
                .with(cap.company.clone().unwrap_or_default())
                .with(cap.period.as_str())
                .with(cap.credits.micros())
                .with(cap.used.micros())
                .with(cap.window.millis()),
            );
        }
    }
}

fn push_totals(sets: &mut Vec<Set>, books: &Books, stream: i64) {
    let rows: Vec<_> = books.journal().totals.iter().collect();
    if rows.is_empty() {
        return;
    }
    sets.push(
        Set::new(
            "INSERT INTO ledger_total AS t (stream, day, service_id, vendor, currency, book, debits, credits)
             SELECT ?1, n.* FROM unnest(CAST(?2 AS BIGINT[]), CAST(?3 AS BIGINT[]), CAST(?4 AS TEXT[]), CAST(?5 AS TEXT[]), CAST(?6 AS BIGINT[]),
                                        CAST(?7 AS BIGINT[]), CAST(?8 AS BIGINT[])) AS n
             ON CONFLICT (stream, day, service_id, vendor, currency, book) DO UPDATE
             SET debits = least(t.debits, 9223372036854775807 - excluded.debits) + excluded.debits,
                 credits = least(t.credits, 9223372036854775807 - excluded.credits) + excluded.credits",
        )
        .with(stream)
        .with(column(&rows, |(key, _)| key.day))
        .with(column(&rows, |(key, _)| key.service))
        .with(column(&rows, |(key, _)| key.vendor.clone()))
        .with(column(&rows, |(key, _)| key.currency.clone()))
        .with(column(&rows, |(key, _)| key.book))
        .with(column(&rows, |(_, sums)| sums.0))
        .with(column(&rows, |(_, sums)| sums.1)),
    );
}
