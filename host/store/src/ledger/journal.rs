//! What one batch writes: postings as they come, states once however often they moved.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use iap_core::{
    Time,
    ids::{AccountId, CallId, GrantId, HoldId, ServiceId},
    ledger::{Asset, Book, Entry, Hold, Posting, SpendingCap},
};

use super::{Link, VendorPost};
use crate::Ids;

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

/// A posting as it is stored and hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalRow {
    /// Its entry.
    pub entry: i64,
    /// Its place in the entry, from 0.
    pub n: i64,
    /// Number of the entry's kind.
    pub kind: i64,
    /// Of an account …
    pub account: Option<i64>,
    /// … or of a vendor.
    pub vendor: Option<String>,
    /// Grant.
    pub grant: Option<i64>,
    /// Hold.
    pub hold: Option<i64>,
    /// `None` for credits.
    pub currency: Option<String>,
    /// Number of the book debited.
    pub debit: i64,
    /// Number of the book credited.
    pub credit: i64,
    /// Micro-credits or minor units.
    pub amount: i64,
    /// When, in Unix milliseconds.
    pub at: i64,
    /// The account's entry before this one.
    pub previous: Option<i64>,
}

/// What a row of `ledger_total` adds up, beside the stream.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Totalled {
    /// Days since 1970-01-01.
    pub day: i64,
    /// Service, or 0 for a vendor's.
    pub service: i64,
    /// Vendor, or empty for an account's.
    pub vendor: String,
    /// Empty for credits.
    pub currency: String,
    /// Number of the book.
    pub book: i64,
}

impl Totalled {
    /// The rows that a posting adds to: debits of one, credits of the other.
    pub fn of(row: &JournalRow, service: i64) -> [Self; 2] {
        [row.debit, row.credit].map(|book| Self {
            day: row.at.div_euclid(DAY),
            service,
            vendor: row.vendor.clone().unwrap_or_default(),
            currency: row.currency.clone().unwrap_or_default(),
            book,
        })
    }
}

/// A hold to be written.
#[derive(Clone, Debug)]
pub(crate) struct HoldRow {
    /// As it is after the batch.
    pub hold: Hold,
    /// Its call, where it is new.
    pub call: Option<CallId>,
    /// Whether it began in this batch.
    pub is_new: bool,
    /// When it ended, if it did.
    pub ended_at: Option<Time>,
}

/// What the postings of a batch are sealed with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sealed {
    /// First entry.
    pub first: i64,
    /// Last entry.
    pub last: i64,
    /// How many postings.
    pub postings: i64,
    /// When.
    pub at: i64,
    /// The link before.
    pub previous: Link,
    /// Its own.
    pub link: Link,
}

/// How much of a grant's row a batch changed: most change little, and what is not written need not be checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Moved {
    /// What is available, held and consumed.
    Use,
    /// Anything.
    Anything,
}

impl Moved {
    fn by(posting: &Posting) -> Self {
        let usual = |book| matches!(book, Book::Available | Book::Held | Book::Consumed);
        if posting.asset == Asset::Credits && usual(posting.debit) && usual(posting.credit) {
            Self::Use
        } else {
            Self::Anything
        }
    }
}

/// Everything that a batch changes of the ledger.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    /// Postings in order.
    pub postings: Vec<JournalRow>,
    /// New grants: account, reason and time. Their state is their account's.
    pub new_grants: BTreeMap<GrantId, (AccountId, String, Time)>,
    /// Grants that moved, new ones too, and how far.
    pub grants: BTreeMap<(AccountId, GrantId), Moved>,
    /// Holds that began, moved or ended.
    pub holds: BTreeMap<HoldId, HoldRow>,
    /// Accounts that moved.
    pub accounts: BTreeSet<AccountId>,
    /// Accounts whose caps moved.
    pub caps: HashSet<AccountId>,
    /// Caps that are gone.
    pub uncapped: Vec<(AccountId, SpendingCap)>,
    /// Debits and credits.
    pub totals: BTreeMap<Totalled, (i64, i64)>,
}

impl Journal {
    /// Whether the batch changes nothing of the ledger.
    pub fn is_empty(&self) -> bool {
        self.accounts.is_empty() && self.postings.is_empty()
    }

    /// Notes that a grant moved.
    pub fn grant(&mut self, grant: (AccountId, GrantId), moved: Moved) {
        let known = self.grants.entry(grant).or_insert(moved);
        *known = moved.max(*known);
    }

    /// Adds the postings of an account's entry.
    pub fn post(&mut self, entry: &Entry, service: ServiceId, previous: Option<i64>) {
        for (n, posting) in (0i64..).zip(&entry.postings) {
            if let Some(grant) = posting.grant {
                self.grant((entry.account, grant), Moved::by(posting));
            }
            let currency = match &posting.asset {
                Asset::Credits => None,
                Asset::Money(currency) => Some(currency.as_str().to_owned()),
            };
            self.add(
                JournalRow {
                    entry: entry.id.0,
                    n,
                    kind: entry.kind.map_or(0, |kind| kind.number()),
                    account: Some(posting.account.0),
                    vendor: None,
                    grant: posting.grant.map(|grant| grant.0),
                    hold: posting.hold.map(|hold| hold.0),
                    currency,
                    debit: posting.debit.number(),
                    credit: posting.credit.number(),
                    amount: posting.amount,
                    at: entry.at.millis(),
                    previous,
                },
                service.0,
            );
        }
    }

    /// Adds the posting of a vendor's entry.
    pub fn post_vendor(&mut self, post: &VendorPost, ids: &Ids, at: Time) -> i64 {
        let entry = ids.next();
        let row = JournalRow {
            entry,
            n: 0,
            kind: post.posting.kind.number(),
            account: None,
            vendor: Some(post.vendor.clone()),
            grant: None,
            hold: None,
            currency: Some(post.posting.currency.as_str().to_owned()),
            debit: post.posting.debit.number(),
            credit: post.posting.credit.number(),
            amount: post.posting.amount,
            at: at.millis(),
            previous: None,
        };
        self.add(row, 0);
        entry
    }

    fn add(&mut self, row: JournalRow, service: i64) {
        let [debit, credit] = Totalled::of(&row, service);
        // A day's sum that does not fit stays at the most that does: it must not stop anybody's posting.
        let debits = &mut self.totals.entry(debit).or_default().0;
        *debits = debits.saturating_add(row.amount);
        let credits = &mut self.totals.entry(credit).or_default().1;
        *credits = credits.saturating_add(row.amount);
        self.postings.push(row);
    }

    /// Seals the postings, which are in order, after the link before; `None` if there are none.
    pub fn seal(&self, previous: Link, at: Time) -> Option<Sealed> {
        let (first, last) = (self.postings.first()?.entry, self.postings.last()?.entry);
        Some(Sealed {
            first,
            last,
            postings: i64::try_from(self.postings.len()).unwrap_or(i64::MAX),
            at: at.millis(),
            previous,
            link: previous.next(self.postings.iter()),
        })
    }
}
