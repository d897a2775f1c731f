//! Recomputes every balance from the postings and names what differs.
//!
//! One pass over the postings in the order they were written, within one read transaction, so it may
//! run beside a serving host. Memory grows with accounts, open grants and live holds, not with postings.

use std::{collections::HashMap, path::Path};

use iap_core::ledger::{Book, EntryKind};
use rusqlite::{Connection, OpenFlags, params};

/// A difference between the postings and what is stored beside them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What differs, as in `grant_1x8: available is 5, its postings make 4`.
    pub what: String,
}

/// What a verification saw.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Postings read.
    pub postings: u64,
    /// Accounts compared.
    pub accounts: u64,
    /// Grants compared.
    pub grants: u64,
    /// Holds compared.
    pub holds: u64,
    /// Live holds among them.
    pub live_holds: u64,
    /// Credits by book, over all services, in micro-credits; they add up to zero.
    pub books: Vec<(Book, i128)>,
    /// The first differences found, at most 20.
    pub differences: Vec<Difference>,
}

impl Report {
    /// Whether nothing differs.
    pub fn is_clean(&self) -> bool {
        self.differences.is_empty()
    }

    fn differ(&mut self, what: String) {
        if self.differences.len() < 20 {
            self.differences.push(Difference { what });
        }
    }
}

#[derive(Default)]
struct Seen {
    account: i64,
    issued: i64,
    available: i64,
    held: i64,
    consumed: i64,
    expired: i64,
    refunded: i64,
}

impl Seen {
    fn book(&mut self, number: i64) -> Option<(&mut i64, i64)> {
        Some(match Book::from_number(number)? {
            Book::Issued => (&mut self.issued, -1),
            Book::Available => (&mut self.available, 1),
            Book::Held => (&mut self.held, 1),
            Book::Consumed => (&mut self.consumed, 1),
            Book::Expired => (&mut self.expired, 1),
            Book::Refunded => (&mut self.refunded, 1),
            Book::CashReceived | Book::DeferredRevenue => return None,
        })
    }
}

#[derive(Default)]
struct SeenHold {
    authorized: i64,
    captured: i64,
    held: i64,
    kind: i64,
}

/// Why a verification could not be made at all.
pub type VerifyError = rusqlite::Error;

/// Verifies the database at `path`. `progress` is told the number of postings read, now and then.
pub fn verify(path: &Path, mut progress: impl FnMut(u64)) -> Result<Report, VerifyError> {
    let mut db =
        Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    db.busy_timeout(std::time::Duration::from_secs(10))?;
    let db = db.transaction()?;
    let mut report = Report::default();
    let mut grants: HashMap<i64, Seen> = HashMap::new();
    let mut holds: HashMap<i64, SeenHold> = HashMap::new();
    let mut last: HashMap<i64, i64> = HashMap::new();
    read_postings(&db, &mut report, &mut grants, &mut holds, &mut last, &mut progress)?;
    compare_grants(&db, &mut report, &grants)?;
    compare_live_holds(&db, &mut report, &holds)?;
    compare_accounts(&db, &mut report, &last)?;
    Ok(report)
}

fn read_postings(
    db: &Connection,
    report: &mut Report,
    grants: &mut HashMap<i64, Seen>,
    holds: &mut HashMap<i64, SeenHold>,
    last: &mut HashMap<i64, i64>,
    progress: &mut impl FnMut(u64),
) -> Result<(), VerifyError> {
    let mut books: HashMap<i64, i128> = HashMap::new();
    let mut statement = db.prepare(
        "SELECT entry_id, n, kind, account_id, grant_id, hold_id, currency IS NULL, debit, credit, amount, previous FROM posting ORDER BY entry_id, n",
    )?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        report.postings += 1;
        if report.postings.is_multiple_of(100_000) {
            progress(report.postings);
        }
        let (entry, n, kind, account, grant): (i64, i64, i64, i64, i64) =
            (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?);
        let (hold, is_credits, debit, credit, amount): (Option<i64>, bool, i64, i64, i64) =
            (row.get(5)?, row.get(6)?, row.get(7)?, row.get(8)?, row.get(9)?);
        let previous: Option<i64> = row.get(10)?;
        if EntryKind::from_number(kind).is_none() {
            report.differ(format!("entry {entry}: kind {kind} is unknown"));
        }
        if n == 0 && last.insert(account, entry) != previous {
            report.differ(format!("entry {entry} of account {account}: the entry before it is missing or another"));
        }
        if !is_credits {
            continue;
        }
        let seen = grants.entry(grant).or_default();
        seen.account = account;
        for (number, sign) in [(debit, -1), (credit, 1)] {
            match seen.book(number) {
                Some((value, direction)) => {
                    *value += sign * direction * amount;
                    *books.entry(number).or_default() += i128::from(sign * amount);
                    if *value < 0 {
                        report.differ(format!("grant {grant} of account {account}: entry {entry} takes it below zero"));
                    }
                }
                None => report.differ(format!("entry {entry}: {number} is no book of credits")),
            }
        }
        if let Some(hold) = hold {
            let seen = holds.entry(hold).or_default();
            seen.kind = kind;
            if credit == Book::Held.number() {
                seen.authorized += amount;
                seen.held += amount;
            } else {
                seen.held -= amount;
                if credit == Book::Consumed.number() {
                    seen.captured += amount;
                }
            }
            if seen.held == 0 {
                let seen = holds.remove(&hold).unwrap_or_default();
                compare_ended_hold(db, report, hold, &seen)?;
            }
        }
    }
    report.books = Book::ALL.into_iter().filter_map(|book| books.get(&book.number()).map(|sum| (book, *sum))).collect();
    Ok(())
}

fn compare_ended_hold(db: &Connection, report: &mut Report, hold: i64, seen: &SeenHold) -> Result<(), VerifyError> {
    report.holds += 1;
    let mut statement = db.prepare_cached("SELECT amount, captured, state FROM hold WHERE id = ?1")?;
    let stored =
        statement.query_row([hold], |row| Ok((row.get::<_, i64>(0)?, row.get::<_, i64>(1)?, row.get::<_, String>(2)?)));
    match stored {
        Ok((amount, captured, state)) => {
            let expected = match EntryKind::from_number(seen.kind) {
                Some(EntryKind::Capture) => "captured",
                Some(EntryKind::ExpireHold) => "expired",
                _ => "released",
            };
            if (amount, captured, state.as_str()) != (seen.authorized, seen.captured, expected) {
                report.differ(format!(
                    "hold {hold}: stored as {state} with {captured} of {amount} taken, its postings make {expected} with {} of {}",
                    seen.captured, seen.authorized
                ));
            }
            Ok(())
        }
        Err(rusqlite::Error::QueryReturnedNoRows) => {
            report.differ(format!("hold {hold}: it has postings and no row"));
            Ok(())
        }
        Err(error) => Err(error),
    }
}

fn compare_live_holds(db: &Connection, report: &mut Report, holds: &HashMap<i64, SeenHold>) -> Result<(), VerifyError> {
    let mut live = 0;
    let mut statement = db.prepare("SELECT id, amount FROM hold WHERE state = 'live'")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (id, amount): (i64, i64) = (row.get(0)?, row.get(1)?);
        live += 1;
        match holds.get(&id) {
            Some(seen) if seen.held == amount => {}
            Some(seen) => {
                report.differ(format!("hold {id}: {amount} are stored as held, its postings make {}", seen.held))
            }
            None => report.differ(format!("hold {id}: it is live and its postings say it has ended")),
        }
    }
    if live != holds.len() {
        report.differ(format!("{live} holds are live, postings make it {}", holds.len()));
    }
    report.live_holds = u64::try_from(live).unwrap_or(u64::MAX);
    report.holds += report.live_holds;
    Ok(())
}

fn compare_grants(db: &Connection, report: &mut Report, grants: &HashMap<i64, Seen>) -> Result<(), VerifyError> {
    let mut statement = db.prepare(
        "SELECT id, account_id, amount, available, held, consumed, expired, refunded FROM credit_grant ORDER BY id",
    )?;
    let mut rows = statement.query([])?;
    let none = Seen::default();
    while let Some(row) = rows.next()? {
        report.grants += 1;
        let id: i64 = row.get(0)?;
        let seen = grants.get(&id).unwrap_or(&none);
        let made = [seen.account, seen.issued, seen.available, seen.held, seen.consumed, seen.expired, seen.refunded];
        for (column, (name, made)) in ["account", "amount", "available", "held", "consumed", "expired", "refunded"]
            .into_iter()
            .zip(made)
            .enumerate()
        {
            let stored: i64 = row.get(column + 1)?;
            if stored != made {
                report.differ(format!("grant {id}: {name} is stored as {stored}, its postings make {made}"));
            }
        }
    }
    if usize::try_from(report.grants).unwrap_or(usize::MAX) != grants.len() {
        report.differ(format!("{} grants are stored, postings name {}", report.grants, grants.len()));
    }
    Ok(())
}

fn compare_accounts(db: &Connection, report: &mut Report, last: &HashMap<i64, i64>) -> Result<(), VerifyError> {
    let mut statement = db.prepare(
        "SELECT b.account_id, b.available, b.held, b.last_entry, coalesce(sum(g.available), 0), coalesce(sum(g.held), 0)
         FROM balance b LEFT JOIN credit_grant g ON g.account_id = b.account_id AND (g.available > 0 OR g.held > 0)
         GROUP BY b.account_id",
    )?;
    let mut rows = statement.query(params![])?;
    while let Some(row) = rows.next()? {
        report.accounts += 1;
        let (id, available, held, entry): (i64, i64, i64, Option<i64>) =
            (row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?);
        let (made_available, made_held): (i64, i64) = (row.get(4)?, row.get(5)?);
        if (available, held) != (made_available, made_held) {
            report.differ(format!("account {id}: {available} available and {held} held are stored, its grants make {made_available} and {made_held}"));
        }
        if entry != last.get(&id).copied() {
            report.differ(format!(
                "account {id}: its newest entry is stored as {entry:?}, postings make it {:?}",
                last.get(&id)
            ));
        }
    }
    Ok(())
}
