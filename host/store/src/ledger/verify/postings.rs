//! The pass in order of entries: each posting by itself, chains, accounts and totals.

use iap_core::{
    Time,
    ids::EntryId,
    ledger::{Book, EntryKind},
};

use super::{
    Progress, Report, Stage,
    accounts::Accounts,
    chain::{Chain, Streams},
    totals::Totals,
};
use crate::{BadColumn, Ids, Row, Snapshot, StoreError, ledger::JournalRow};

const SQL: &str = "SELECT p.entry_id, p.n, p.kind, p.account_id, p.vendor, p.grant_id, p.hold_id, p.currency, p.debit, p.credit, p.amount,
                          p.at, p.previous, b.number, b.first_entry, b.postings, b.previous_hash, b.hash
                   FROM posting p LEFT JOIN posting_batch b ON b.stream = p.entry_id >> 40 AND b.last_entry = p.entry_id
                   ORDER BY p.entry_id, p.n";
/// Where the columns of the batch begin.
const BATCH: usize = 13;

/// Reads all postings in order of their entries.
pub async fn read(
    snapshot: &mut Snapshot,
    streams: &Streams,
    report: &mut Report,
    progress: &mut (impl FnMut(Stage, u64) + Send),
) -> Result<(), StoreError> {
    let mut accounts = Accounts::read(snapshot).await?;
    let mut totals = Totals::default();
    let mut chain = Chain::new(streams);
    let mut before: Option<JournalRow> = None;
    let mut progress = Progress { stage: Stage::Entries, rows: 0, tell: progress };
    snapshot
        .scan(SQL, &[], |row| {
            let posting = read_row(row)?;
            report.postings += 1;
            let begins = before.as_ref().is_none_or(|before| before.entry != posting.entry);
            check(&posting, before.as_ref(), begins, report);
            let service = accounts.take(&posting, begins, report).unwrap_or(0);
            totals.take(&posting, service);
            chain.take(&posting, row, BATCH, report)?;
            before = Some(posting);
            progress.row();
            Ok(())
        })
        .await?;
    chain.end(report);
    accounts.end(snapshot, report).await?;
    totals.end(snapshot, report).await
}

fn read_row(row: &Row) -> Result<JournalRow, BadColumn> {
    Ok(JournalRow {
        entry: row.int(0)?,
        n: row.int(1)?,
        kind: row.int(2)?,
        account: row.opt_int(3)?,
        vendor: row.opt_text(4)?,
        grant: row.opt_int(5)?,
        hold: row.opt_int(6)?,
        currency: row.opt_text(7)?,
        debit: row.int(8)?,
        credit: row.int(9)?,
        amount: row.int(10)?,
        at: row.int(11)?,
        previous: row.opt_int(12)?,
    })
}

/// What can be said of a posting by itself and beside the one before it.
fn check(posting: &JournalRow, before: Option<&JournalRow>, begins: bool, report: &mut Report) {
    let entry = EntryId(posting.entry);
    let n = posting.n;
    if EntryKind::from_number(posting.kind).is_none() {
        report.differ(format!("{entry}: kind {} is unknown", posting.kind));
    }
    if posting.amount <= 0 {
        report.differ(format!("{entry}, posting {n}: its amount is {}", posting.amount));
    }
    if posting.debit == posting.credit {
        report.differ(format!("{entry}, posting {n}: it debits and credits the same book"));
    }
    for book in [posting.debit, posting.credit] {
        match Book::from_number(book) {
            Some(known) if known.is_of_credits() != posting.currency.is_none() => {
                let what = posting.currency.as_deref().unwrap_or("credits");
                report.differ(format!("{entry}, posting {n}: {} is no book of {what}", known.as_str()));
            }
            Some(_) => {}
            None => report.differ(format!("{entry}, posting {n}: book {book} is unknown")),
        }
    }
    let Some(before) = before else { return };
    if begins {
        let same_stream = Ids::stream_of(before.entry) == Ids::stream_of(posting.entry);
        if same_stream && posting.at < before.at {
            let (now, then) = (Time(posting.at).millis(), before.at);
            report.differ(format!("{entry}: its time, {now}, is before that of the entry before it, {then}"));
        }
        if posting.n != 0 {
            report.differ(format!("{entry}: its first posting is missing"));
        }
        return;
    }
    if posting.n != before.n + 1 {
        report.differ(format!("{entry}: posting {} is missing", before.n + 1));
    }
    let head = |row: &JournalRow| (row.kind, row.account, row.at, row.previous);
    if head(posting) != head(before) || posting.vendor != before.vendor {
        report.differ(format!("{entry}: its postings do not agree on kind, account, time or the entry before"));
    }
}
