//! Each hold against its postings.

use iap_core::{
    ids::{AccountId, EntryId, GrantId, HoldId},
    ledger::{Book, EntryKind, HoldState},
};

use super::{Progress, Report, Stage, chain::Streams, credits};
use crate::{Row, Snapshot, StoreError, ledger::read_parts};

const SQL: &str = "SELECT id, 0 AS side, entry_id, 0 AS n, 0 AS kind, account_id, 0 AS grant_id, 0 AS debit, 0 AS credit, amount, captured,
                          refunded, last_entry, state, parts
                   FROM hold
                   UNION ALL
                   SELECT hold_id, 1, entry_id, n, kind, account_id, grant_id, debit, credit, amount, 0, 0, 0, '', ''
                   FROM posting WHERE hold_id IS NOT NULL AND currency IS NULL
                   ORDER BY 1, 2, 3, 4";

/// A row of `hold`.
struct Stored {
    account: i64,
    entry: i64,
    last_entry: i64,
    amount: i128,
    captured: i128,
    refunded: i128,
    state: String,
    parts: String,
}

/// A posting of a hold.
struct Moved {
    entry: i64,
    kind: Option<EntryKind>,
    account: i64,
    grant: i64,
    debit: Option<Book>,
    credit: Option<Book>,
    amount: i64,
}

/// One hold as it is read: its row first, then its postings, which are few.
struct Seen {
    id: i64,
    stored: Option<Stored>,
    moved: Vec<Moved>,
}

/// Compares all holds.
pub async fn compare(
    snapshot: &mut Snapshot,
    streams: &Streams,
    report: &mut Report,
    progress: &mut (impl FnMut(Stage, u64) + Send),
) -> Result<(), StoreError> {
    let mut current: Option<Seen> = None;
    let mut progress = Progress { stage: Stage::Holds, rows: 0, tell: progress };
    snapshot
        .scan(SQL, &[], |row| {
            progress.row();
            let id = row.int(0)?;
            if current.as_ref().is_none_or(|seen| seen.id != id)
                && let Some(done) = current.replace(Seen { id, stored: None, moved: Vec::new() })
            {
                done.compare(streams, report);
            }
            match &mut current {
                Some(seen) => seen.take(row),
                None => Ok(()),
            }
        })
        .await?;
    if let Some(done) = current {
        done.compare(streams, report);
    }
    Ok(())
}

/// What the postings make of a hold.
#[derive(Default)]
struct Made {
    authorized_by: Option<i64>,
    amount: i128,
    captured: i128,
    refunded: i128,
    back: i128,
    /// The kind of the entry by which the rest came back.
    ended_by: Option<EntryKind>,
    /// Grant, set aside, taken, given back; in burn order.
    parts: Vec<[i128; 4]>,
}

impl Made {
    fn of(moved: &[Moved]) -> Self {
        let mut made = Self::default();
        let is_authorize = |posting: &&Moved| posting.credit == Some(Book::Held);
        for posting in moved.iter().filter(is_authorize) {
            made.authorized_by = Some(posting.entry);
            made.amount += i128::from(posting.amount);
            made.part(posting.grant)[1] += i128::from(posting.amount);
        }
        for posting in moved.iter().filter(|posting| !is_authorize(posting)) {
            let amount = i128::from(posting.amount);
            match (posting.debit, posting.credit) {
                (Some(Book::Held), Some(Book::Consumed)) => {
                    made.captured += amount;
                    made.part(posting.grant)[2] += amount;
                }
                (Some(Book::Held), _) => {
                    made.back += amount;
                    made.ended_by = posting.kind;
                }
                (Some(Book::Consumed), _) => {
                    made.refunded += amount;
                    made.part(posting.grant)[3] += amount;
                }
                _ => {}
            }
        }
        made
    }

    fn part(&mut self, grant: i64) -> &mut [i128; 4] {
        let grant = i128::from(grant);
        let place = self.parts.iter().position(|part| part[0] == grant).unwrap_or_else(|| {
            self.parts.push([grant, 0, 0, 0]);
            self.parts.len() - 1
        });
        &mut self.parts[place]
    }
}

impl Seen {
    fn take(&mut self, row: &Row) -> Result<(), StoreError> {
        if row.int(1)? == 0 {
            self.stored = Some(Stored {
                account: row.int(5)?,
                entry: row.int(2)?,
                last_entry: row.int(12)?,
                amount: row.int(9)?.into(),
                captured: row.int(10)?.into(),
                refunded: row.int(11)?.into(),
                state: row.text(13)?,
                parts: row.text(14)?,
            });
            return Ok(());
        }
        self.moved.push(Moved {
            entry: row.int(2)?,
            kind: EntryKind::from_number(row.int(4)?),
            account: row.opt_int(5)?.unwrap_or(0),
            grant: row.opt_int(6)?.unwrap_or(0),
            debit: Book::from_number(row.int(7)?),
            credit: Book::from_number(row.int(8)?),
            amount: row.int(9)?,
        });
        Ok(())
    }

    fn compare(self, streams: &Streams, report: &mut Report) {
        let hold = HoldId(self.id);
        let Some(stored) = self.stored else {
            report.differ(format!("{hold}: it has postings and no row"));
            return;
        };
        report.holds += 1;
        let Ok(state) = stored.state.parse::<HoldState>() else {
            report.differ(format!("{hold}: its state {:?} is unknown", stored.state));
            return;
        };
        report.live_holds += u64::from(state.is_live());
        let made = Made::of(&self.moved);
        let amounts = [
            ("amount", stored.amount, made.amount),
            ("captured", stored.captured, made.captured),
            ("refunded", stored.refunded, made.refunded),
        ];
        for (name, stored, made) in amounts.into_iter().filter(|(_, stored, made)| stored != made) {
            let (stored, made) = (credits(stored), credits(made));
            report.differ(format!("{hold}: {name} is stored as {stored}, its postings make {made}"));
        }
        compare_parts(hold, &stored.parts, &made, report);
        let held = made.amount - made.captured - made.back;
        let left = if state.is_live() { stored.amount - stored.captured } else { 0 };
        if held != left {
            let (left, held) = (credits(left), credits(held));
            report.differ(format!("{hold}: it is {} with {left} set aside, its postings leave {held}", state.as_str()));
        }
        let expected = made.state(streams, self.id);
        if expected.is_some_and(|expected| expected != state) && !state.is_live() {
            let expected = expected.map_or("live", HoldState::as_str);
            report
                .differ(format!("{hold}: its state is stored as {}, its postings make it {expected}", state.as_str()));
        }
        if made.authorized_by != Some(stored.entry) {
            let entry = EntryId(stored.entry);
            report.differ(format!("{hold}: {entry} is stored as what authorized it, and its postings say otherwise"));
        }
        if !self.moved.iter().any(|posting| posting.entry == stored.last_entry) {
            let entry = EntryId(stored.last_entry);
            report.differ(format!("{hold}: {entry} is stored as its last entry, which has no posting of it"));
        }
        if let Some(other) = self.moved.iter().find(|posting| posting.account != stored.account) {
            let (entry, other) = (EntryId(other.entry), AccountId(other.account));
            report.differ(format!("{entry}: it is of {other} and moves {hold} of {}", AccountId(stored.account)));
        }
    }
}

impl Made {
    /// The state that the postings make, once nothing is set aside.
    fn state(&self, streams: &Streams, id: i64) -> Option<HoldState> {
        if self.captured > 0 {
            return Some(HoldState::Captured);
        }
        match self.ended_by? {
            EntryKind::ExpireHold => Some(HoldState::Expired),
            // Before there were chains, taking nothing was a capture too.
            EntryKind::Capture if !streams.is_chained(id) => Some(HoldState::Captured),
            _ => Some(HoldState::Released),
        }
    }
}

fn compare_parts(hold: HoldId, stored: &str, made: &Made, report: &mut Report) {
    let Some(parts) = read_parts(stored) else {
        report.differ(format!("{hold}: its parts cannot be read: {stored}"));
        return;
    };
    let micros = |credits: iap_core::Credits| i128::from(credits.micros());
    let stored: Vec<[i128; 4]> = parts
        .iter()
        .map(|part| [part.grant.0.into(), micros(part.amount), micros(part.captured), micros(part.refunded)])
        .collect();
    if stored == made.parts {
        return;
    }
    let differs = stored.iter().zip(&made.parts).find(|(stored, made)| stored != made);
    let grant = differs.and_then(|(stored, _)| i64::try_from(stored[0]).ok()).map(GrantId);
    let of = grant.map_or_else(|| "grants".to_owned(), |grant| grant.to_string());
    report.differ(format!("{hold}: what it has of {of} is not what its postings make"));
}
