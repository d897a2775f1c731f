//! Recomputes everything from the postings and names what differs.
//!
//! Three passes over the postings within one consistent view, so it may run beside serving hosts: in order of
//! entries (chains, accounts, totals), by grant and by hold; the engine sorts, on its disk. Memory grows with
//! accounts and with rows of `ledger_total`, not with postings, grants or holds.

mod accounts;
mod beside;
mod chain;
mod grants;
mod holds;
mod postings;
mod totals;

use iap_core::{Credits, ledger::Book};

use crate::{Location, Snapshot, StoreError};

/// Differences that are named; the others are counted.
const NAMED: usize = 20;
/// Rows between two words about progress.
const STEP: u64 = 200_000;

/// What to verify beyond what the database says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The host's ed25519 key: heads of chains must be signed by it. Without it, by the key stored beside them.
    pub public_key: Option<[u8; 32]>,
}

/// Which pass over the postings is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// In order of entries.
    Entries,
    /// By grant.
    Grants,
    /// By hold.
    Holds,
}

impl Stage {
    /// Shown name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Entries => "entries",
            Self::Grants => "grants",
            Self::Holds => "holds",
        }
    }
}

/// A difference between the postings and what is stored beside them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What differs, as in `grant_1x8: available is stored as 5, its postings make 4`.
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
    /// Live holds among them, those of unknown outcome included.
    pub live_holds: u64,
    /// Batches of hash chains checked.
    pub batches: u64,
    /// Signed heads of chains checked.
    pub heads: u64,
    /// Public keys that signed them, in hexadecimal.
    pub keys: Vec<String>,
    /// Credits by book, over all services, in micro-credits; they add up to zero.
    pub books: Vec<(Book, i128)>,
    /// Money by currency and book, in minor units; of each currency they add up to zero.
    pub money: Vec<(String, Book, i128)>,
    /// How many differences were found.
    pub found: u64,
    /// The first of them, at most 20.
    pub differences: Vec<Difference>,
}

impl Report {
    /// Whether nothing differs.
    pub fn is_clean(&self) -> bool {
        self.found == 0
    }

    fn differ(&mut self, what: String) {
        self.found += 1;
        if self.differences.len() < NAMED {
            self.differences.push(Difference { what });
        }
    }
}

/// Verifies the database at `location`, which must exist. `progress` is told how many rows of a pass were read, now and
/// then.
///
/// On SQLite it runs in place: call it where blocking is allowed.
///
/// # Errors
///
/// The database could not be read to its end.
pub async fn verify(
    location: &Location,
    options: Options,
    mut progress: impl FnMut(Stage, u64) + Send,
) -> Result<Report, StoreError> {
    let mut snapshot = Snapshot::take(location).await?;
    let mut report = Report::default();
    let streams = chain::Streams::read(&mut snapshot).await?;
    postings::read(&mut snapshot, &streams, &mut report, &mut progress).await?;
    chain::compare_heads(&mut snapshot, options.public_key, &mut report).await?;
    grants::compare(&mut snapshot, &streams, &mut report, &mut progress).await?;
    holds::compare(&mut snapshot, &streams, &mut report, &mut progress).await?;
    beside::compare(&mut snapshot, &mut report).await?;
    Ok(report)
}

/// Micro-credits as credits, if they are in range.
fn credits(micros: i128) -> String {
    i64::try_from(micros)
        .map_or_else(|_| format!("{micros} micro-credits"), |micros| Credits::from_micros(micros).to_string())
}

/// Counts rows and says so now and then.
struct Progress<'a, F> {
    stage: Stage,
    rows: u64,
    tell: &'a mut F,
}

impl<F: FnMut(Stage, u64)> Progress<'_, F> {
    fn row(&mut self) {
        self.rows += 1;
        if self.rows.is_multiple_of(STEP) {
            (self.tell)(self.stage, self.rows);
        }
    }
}
