//! Loads what the ledger's books need, and writes what a batch changed.

use iap_core::{
    Credits,
    ids::{AccountId, GrantId, HoldId},
};
use rusqlite::{Connection, OptionalExtension, params};

use super::read_row;
use crate::{
    BadColumn, Post, PostError, Row,
    ledger::{
        ACCOUNT, Books, CAP, GRANT, HOLD, Link, Moved, Sealed, read_account, read_cap, read_grant, read_hold,
        write_parts,
    },
};

/// What went wrong while loading.
pub enum LoadError {
    /// The engine.
    Engine(rusqlite::Error),
    /// A row that holds what it cannot: this command alone fails.
    Bad(BadColumn),
}

impl From<rusqlite::Error> for LoadError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Engine(error)
    }
}

impl From<BadColumn> for LoadError {
    fn from(error: BadColumn) -> Self {
        Self::Bad(error)
    }
}

impl From<BadColumn> for PostError {
    fn from(error: BadColumn) -> Self {
        Self::Storage(error.to_string())
    }
}

/// Loads the accounts, hold and grants of a post that are not in memory.
pub fn load(db: &Connection, books: &mut Books, post: &Post) -> Result<(), LoadError> {
    for account in post.accounts() {
        if !books.has(account) {
            load_account(db, books, account)?;
        }
    }
    for hold in books.missing_holds(post) {
        load_hold(db, books, hold)?;
    }
    for grant in books.missing_grants(post) {
        load_grant(db, books, grant)?;
    }
    Ok(())
}

fn rows(db: &Connection, sql: &str, id: i64) -> rusqlite::Result<Vec<Row>> {
    let mut statement = db.prepare_cached(sql)?;
    let columns = statement.column_count();
    statement.query_map([id], |row| read_row(row, columns))?.collect()
}

fn load_account(db: &Connection, books: &mut Books, id: AccountId) -> Result<(), LoadError> {
    let found = rows(db, &format!("{ACCOUNT} WHERE b.account_id = ?1"), id.0)?;
    let Some(row) = found.first() else { return Ok(()) };
    let (mut account, version) = read_account(row)?;
    for row in rows(db, &format!("{GRANT} WHERE account_id = ?1 AND (available > 0 OR held > 0)"), id.0)? {
        account.take_in(read_grant(&row)?.1);
    }
    for row in rows(db, &format!("{CAP} WHERE account_id = ?1"), id.0)? {
        account.caps.push(read_cap(&row)?.1);
    }
    books.put(account, version);
    Ok(())
}

fn load_hold(db: &Connection, books: &mut Books, id: HoldId) -> Result<(), LoadError> {
    if let Some(row) = rows(db, &format!("{HOLD} WHERE id = ?1"), id.0)?.first() {
        books.put_hold(read_hold(row)?);
    }
    Ok(())
}

fn load_grant(db: &Connection, books: &mut Books, id: GrantId) -> Result<(), LoadError> {
    if let Some(row) = rows(db, &format!("{GRANT} WHERE id = ?1"), id.0)?.first() {
        let (account, grant) = read_grant(row)?;
        books.put_grant(account, grant);
    }
    Ok(())
}

/// Where a stream's chain stands.
pub fn last_link(db: &Connection, stream: i64) -> rusqlite::Result<Link> {
    let sql = "SELECT number, hash FROM posting_batch WHERE stream = ?1 ORDER BY last_entry DESC LIMIT 1";
    let found = db.query_row(sql, [stream], |row| Ok(Link { number: row.get(0)?, hash: row.get(1)? })).optional()?;
    Ok(found.unwrap_or(Link::START))
}

/// Writes everything that the batch changed.
pub fn write(db: &Connection, books: &Books, sealed: Option<&Sealed>, stream: i64) -> rusqlite::Result<()> {
    write_holds(db, books)?;
    // Before their postings: a grant that a posting waits for makes SQLite look for it through all postings.
    write_grants(db, books)?;
    write_postings(db, books)?;
    write_accounts(db, books)?;
    write_totals(db, books, stream)?;
    if let Some(sealed) = sealed {
        db.prepare_cached(
            "INSERT INTO posting_batch (stream, number, first_entry, last_entry, postings, at, previous_hash, hash)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        )?
        .execute(params![
            stream,
            sealed.link.number,
            sealed.first,
            sealed.last,
            sealed.postings,
            sealed.at,
            sealed.previous.hash,
            sealed.link.hash
        ])?;
    }
    Ok(())
}

fn write_holds(db: &Connection, books: &Books) -> rusqlite::Result<()> {
    let mut insert = db.prepare_cached(
        "INSERT INTO hold (id, account_id, call_id, company, entry_id, last_entry, amount, captured, refunded, state, parts,
                           created_at, expires_at, ended_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
    )?;
    let mut update = db.prepare_cached(
        "UPDATE hold SET last_entry = ?2, captured = ?3, refunded = ?4, state = ?5, parts = ?6, expires_at = ?7,
                ended_at = coalesce(ended_at, ?8) WHERE id = ?1",
    )?;
    for row in books.journal().holds.values() {
        let hold = &row.hold;
        let (captured, refunded) = (hold.captured.micros(), hold.refunded.micros());
        let (state, parts) = (hold.state.as_str(), write_parts(&hold.parts));
        let ended_at = row.ended_at.map(|at| at.millis());
        if row.is_new {
            insert.execute(params![
                hold.id.0,
                hold.account.0,
                row.call.map(|call| call.0),
                hold.company,
                hold.entry.0,
                hold.last_entry.0,
                hold.amount.micros(),
                captured,
                refunded,
                state,
                parts,
                hold.created_at.millis(),
                hold.expires_at.millis(),
                ended_at
            ])?;
        } else {
            let expires_at = hold.expires_at.millis();
            update.execute(params![
                hold.id.0,
                hold.last_entry.0,
                captured,
                refunded,
                state,
                parts,
                expires_at,
                ended_at
            ])?;
        }
    }
    Ok(())
}

fn write_postings(db: &Connection, books: &Books) -> rusqlite::Result<()> {
    let mut insert = db.prepare_cached(
        "INSERT INTO posting (entry_id, n, kind, account_id, vendor, grant_id, hold_id, currency, debit, credit, amount, at, previous)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?;
    for row in &books.journal().postings {
        insert.execute(params![
            row.entry,
            row.n,
            row.kind,
            row.account,
            row.vendor,
            row.grant,
            row.hold,
            row.currency,
            row.debit,
            row.credit,
            row.amount,
            row.at,
            row.previous
        ])?;
    }
    Ok(())
}

fn write_grants(db: &Connection, books: &Books) -> rusqlite::Result<()> {
    let mut insert = db.prepare_cached(
        "INSERT INTO credit_grant (id, account_id, kind, amount, available, expires_at, price, currency, tax, fee_bps, breakage_to,
                                   origin_id, reason, created_at)
         VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?;
    let journal = books.journal();
    for (id, (account, reason, at)) in &journal.new_grants {
        let grant = books.account(*account).and_then(|(account, _)| account.grant(*id));
        let Some(grant) = grant else { continue };
        insert.execute(params![
            id.0,
            account.0,
            grant.kind.as_str(),
            grant.amount.micros(),
            grant.expires_at.millis(),
            grant.price.map(|price| price.minor),
            grant.price.map(|price| price.currency.as_str().to_owned()),
            grant.tax,
            grant.share.fee_bps,
            grant.share.breakage_to.as_str(),
            grant.origin.map(|origin| origin.0),
            reason,
            at.millis()
        ])?;
    }
    let mut update = db.prepare_cached(
        "UPDATE credit_grant SET available = ?2, held = ?3, consumed = ?4, expired = ?5, refunded = ?6, voided = ?7, transferred = ?8,
                recognized = ?9, earned = ?10, lapsed = ?11, returned = ?12, vendor_due = ?13, tax_returned = ?14, charged_back = ?15, moved = ?16,
                repaid = ?17
         WHERE id = ?1",
    )?;
    // SQLite checks only what names a column that is written.
    let mut update_use =
        db.prepare_cached("UPDATE credit_grant SET available = ?2, held = ?3, consumed = ?4 WHERE id = ?1")?;
    for ((account, id), moved) in &journal.grants {
        let grant = books.account(*account).and_then(|(account, _)| account.grant(*id));
        let Some(grant) = grant else { continue };
        if *moved == Moved::Use {
            let [available, held, consumed] = [grant.available, grant.held, grant.consumed].map(Credits::micros);
            update_use.execute(params![id.0, available, held, consumed])?;
            continue;
        }
        let [available, held, consumed, expired, refunded, voided, transferred] = [
            grant.available,
            grant.held,
            grant.consumed,
            grant.expired,
            grant.refunded,
            grant.voided,
            grant.transferred,
        ]
        .map(Credits::micros);
        update.execute(params![
            id.0,
            available,
            held,
            consumed,
            expired,
            refunded,
            voided,
            transferred,
            grant.recognized,
            grant.earned,
            grant.lapsed,
            grant.returned,
            grant.vendor_due,
            grant.tax_returned,
            grant.charged_back,
            grant.moved,
            grant.repaid.micros()
        ])?;
    }
    Ok(())
}

fn write_accounts(db: &Connection, books: &Books) -> rusqlite::Result<()> {
    let mut update = db.prepare_cached(
        "UPDATE balance SET available = ?2, held = ?3, debt = ?4, suspended = ?5, stopped = ?6, last_entry = ?7, version = version + 1
         WHERE account_id = ?1",
    )?;
    let journal = books.journal();
    for id in &journal.accounts {
        let Some((account, _)) = books.account(*id) else { continue };
        update.execute(params![
            id.0,
            account.available.micros(),
            account.held.micros(),
            account.debt.micros(),
            account.suspended,
            account.stopped,
            account.last_entry.map(|entry| entry.0)
        ])?;
    }
    for (account, cap) in &journal.uncapped {
        db.prepare_cached("DELETE FROM spending_cap WHERE account_id = ?1 AND company = ?2 AND period = ?3")?
            .execute(params![account.0, cap.company.as_deref().unwrap_or(""), cap.period.as_str()])?;
    }
    for id in &journal.caps {
        let Some((account, _)) = books.account(*id) else { continue };
        for cap in &account.caps {
            db.prepare_cached(
                "INSERT INTO spending_cap (account_id, company, period, credits, used, window_start) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                 ON CONFLICT DO UPDATE SET credits = excluded.credits, used = excluded.used, window_start = excluded.window_start",
            )?
            .execute(params![
                id.0,
                cap.company.as_deref().unwrap_or(""),
                cap.period.as_str(),
                cap.credits.micros(),
                cap.used.micros(),
                cap.window.millis()
            ])?;
        }
    }
    Ok(())
}

fn write_totals(db: &Connection, books: &Books, stream: i64) -> rusqlite::Result<()> {
    let mut add = db.prepare_cached(
        "INSERT INTO ledger_total VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT DO UPDATE SET debits = min(debits, 9223372036854775807 - excluded.debits) + excluded.debits,
                                   credits = min(credits, 9223372036854775807 - excluded.credits) + excluded.credits",
    )?;
    for (key, (debits, credits)) in &books.journal().totals {
        add.execute(params![stream, key.day, key.service, key.vendor, key.currency, key.book, debits, credits])?;
    }
    Ok(())
}
