//! Exports of all postings: CSV, or a journal for plain-text accounting.

mod csv;
mod journal;

use std::io::Write;

use iap_core::{
    Credits, Money, Time,
    ids::{AccountId, EntryId, GrantId, HoldId},
    ledger::{Book, EntryKind},
    money::Currency,
};
use iap_store::{Location, Row, Snapshot, StoreError};

/// Rows between two words about progress.
const STEP: u64 = 200_000;

/// How it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One line a posting.
    Csv,
    /// One transaction an entry, as hledger and ledger read it.
    Journal,
}

/// Which postings: from one moment, before another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first moment.
    pub from: Time,
    /// The moment after the last.
    pub before: Time,
}

/// A posting with readable names.
struct Line {
    entry: i64,
    n: i64,
    kind: &'static str,
    account: Option<AccountId>,
    service: String,
    vendor: Option<String>,
    grant: Option<GrantId>,
    hold: Option<HoldId>,
    /// None for credits.
    currency: Option<String>,
    debit: &'static str,
    credit: &'static str,
    /// A decimal, with all its digits.
    amount: String,
    at: Time,
    /// Why its entry was made, if somebody said.
    reason: Option<String>,
}

impl Line {
    fn read(row: &Row) -> Result<Self, StoreError> {
        let entry = row.int(0)?;
        let unknown = |what: &str, number: i64| {
            StoreError::Engine(format!("{}: {what} {number} is unknown: a newer version wrote it", EntryId(entry)))
        };
        let book = |column| {
            let number = row.int(column)?;
            Book::from_number(number).map(Book::as_str).ok_or_else(|| unknown("book", number))
        };
        let kind = row.int(2)?;
        let currency = row.opt_text(8)?;
        Ok(Self {
            entry,
            n: row.int(1)?,
            kind: EntryKind::from_number(kind).map(EntryKind::as_str).ok_or_else(|| unknown("kind", kind))?,
            account: row.opt_int(3)?.map(AccountId),
            service: row.opt_text(4)?.unwrap_or_default(),
            vendor: row.opt_text(5)?,
            grant: row.opt_int(6)?.map(GrantId),
            hold: row.opt_int(7)?.map(HoldId),
            debit: book(9)?,
            credit: book(10)?,
            amount: amount(row.int(11)?, currency.as_deref())?,
            at: Time(row.int(12)?),
            reason: row.opt_text(13)?,
            currency,
        })
    }
}

fn amount(number: i64, currency: Option<&str>) -> Result<String, StoreError> {
    let Some(code) = currency else { return Ok(Credits::from_micros(number).to_string()) };
    let currency = Currency::try_from(code.to_owned()).map_err(|error| StoreError::Engine(error.to_string()))?;
    Ok(Money { minor: number, currency }.amount())
}

/// Writes postings in order of their entries; one is in memory at a time. `progress` is told how many were written, now
/// and then. Answers how many there are.
///
/// On SQLite it runs in place: call it where blocking is allowed.
///
/// # Errors
///
/// The database could not be read to its end, or `to` not written.
pub async fn export(
    location: &Location,
    format: Format,
    span: Span,
    to: impl Write + Send,
    mut progress: impl FnMut(u64) + Send,
) -> anyhow::Result<u64> {
    let mut snapshot = Snapshot::take(location).await?;
    let mut writer = match format {
        Format::Csv => Writer::Csv(Box::new(csv::Csv::begin(to)?)),
        Format::Journal => Writer::Journal(journal::Journal::begin(to, &mut snapshot).await?),
    };
    let sql = "SELECT p.entry_id, p.n, p.kind, p.account_id, s.name, p.vendor, p.grant_id, p.hold_id, p.currency, p.debit, p.credit,
                      p.amount, p.at, e.text
               FROM posting p LEFT JOIN entry_note e ON e.entry_id = p.entry_id LEFT JOIN account a ON a.id = p.account_id LEFT JOIN service s ON s.id = a.service_id
               WHERE ?1 <= p.at AND p.at < ?2 ORDER BY p.entry_id, p.n";
    let mut lines = 0;
    snapshot
        .scan(sql, &[span.from.into(), span.before.into()], |row| {
            let written = writer.line(&Line::read(row)?);
            written.map_err(|error| StoreError::Engine(format!("the export cannot be written: {error}")))?;
            lines += 1;
            if lines % STEP == 0 {
                progress(lines);
            }
            Ok(())
        })
        .await?;
    writer.end()?;
    Ok(lines)
}

enum Writer<W: Write> {
    Csv(Box<csv::Csv<W>>),
    Journal(journal::Journal<W>),
}

impl<W: Write> Writer<W> {
    fn line(&mut self, line: &Line) -> std::io::Result<()> {
        match self {
            Self::Csv(csv) => csv.line(line),
            Self::Journal(journal) => journal.line(line),
        }
    }

    fn end(self) -> std::io::Result<()> {
        match self {
            Self::Csv(csv) => csv.end(),
            Self::Journal(journal) => journal.end(),
        }
    }
}
