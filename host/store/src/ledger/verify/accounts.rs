//! Balances of accounts, and the chain of each account's entries.

use std::{
    collections::HashMap,
    hash::{BuildHasher as _, RandomState},
};

use iap_core::{
    ids::{AccountId, EntryId},
    ledger::Book,
};

use super::{Report, credits};
use crate::{Ids, Snapshot, StoreError, ledger::JournalRow};

/// What the postings say of one account.
#[derive(Default)]
struct Seen {
    service: i64,
    available: i128,
    held: i128,
    debt: i128,
    /// The last entry seen, and how many began the account.
    last: Option<i64>,
    first: u32,
    /// Hashes of all entries, less those of the entries that are before another one: with several hosts entries
    /// are not in the order of their ids, so the chain is not followed but added up. What is left is the newest.
    left: u64,
    /// Whether a break was named already.
    broken: bool,
}

/// What the postings say of all accounts.
pub struct Accounts {
    seen: HashMap<i64, Seen>,
    /// With a key of its own: nobody can make entries that add up to the same.
    hasher: RandomState,
}

impl Accounts {
    pub async fn read(snapshot: &mut Snapshot) -> Result<Self, StoreError> {
        let mut accounts = Self { seen: HashMap::new(), hasher: RandomState::new() };
        let seen = &mut accounts.seen;
        snapshot
            .scan("SELECT id, service_id FROM account", &[], |row| {
                seen.insert(row.int(0)?, Seen { service: row.int(1)?, ..Seen::default() });
                Ok(())
            })
            .await?;
        Ok(accounts)
    }

    /// Takes a posting of an account; answers its service.
    pub fn take(&mut self, posting: &JournalRow, begins: bool, report: &mut Report) -> Option<i64> {
        let id = posting.account?;
        let Some(seen) = self.seen.get_mut(&id) else {
            report.differ(format!("{}: it names {}, which is not there", EntryId(posting.entry), AccountId(id)));
            return None;
        };
        if posting.currency.is_none() {
            let amount = i128::from(posting.amount);
            let sides = [(posting.debit, -amount), (posting.credit, amount)];
            for (book, amount) in sides {
                match Book::from_number(book) {
                    Some(Book::Available) => seen.available += amount,
                    Some(Book::Held) => seen.held += amount,
                    Some(Book::Debt) => seen.debt -= amount,
                    _ => {}
                }
            }
        }
        if begins {
            let here = seen.last.filter(|last| Ids::stream_of(*last) == Ids::stream_of(posting.entry));
            let said = posting.previous.filter(|previous| Ids::stream_of(*previous) == Ids::stream_of(posting.entry));
            if said.is_some() && said != here {
                seen.broken = true;
                report.differ(format!(
                    "{} of {}: the entry before it is stored as {}, it is {}",
                    EntryId(posting.entry),
                    AccountId(id),
                    shown(said),
                    shown(here)
                ));
            }
            seen.last = Some(posting.entry);
            seen.left = seen.left.wrapping_add(self.hasher.hash_one(posting.entry));
            match posting.previous {
                Some(previous) => seen.left = seen.left.wrapping_sub(self.hasher.hash_one(previous)),
                None => seen.first += 1,
            }
        }
        Some(seen.service)
    }

    /// Compares with the stored balances.
    pub async fn end(self, snapshot: &mut Snapshot, report: &mut Report) -> Result<(), StoreError> {
        let Self { mut seen, hasher } = self;
        let sql = "SELECT account_id, available, held, debt, last_entry FROM balance ORDER BY account_id";
        snapshot
            .scan(sql, &[], |row| {
                report.accounts += 1;
                let id = row.int(0)?;
                let account = AccountId(id);
                let Some(seen) = seen.remove(&id) else {
                    report.differ(format!("{account}: it has a balance and no row"));
                    return Ok(());
                };
                let made = [("available", seen.available), ("held", seen.held), ("debt", seen.debt)];
                for (column, (name, made)) in (1..).zip(made) {
                    let stored = i128::from(row.int(column)?);
                    if stored != made {
                        let (stored, made) = (credits(stored), credits(made));
                        report.differ(format!("{account}: {name} is stored as {stored}, its postings make {made}"));
                    }
                }
                let last = row.opt_int(4)?;
                let left = last.map_or(0, |last| hasher.hash_one(last));
                if !seen.broken && (seen.left != left || seen.first != u32::from(last.is_some())) {
                    let last = shown(last);
                    report.differ(format!("{account}: its entries are no chain that ends with the stored one, {last}"));
                }
                Ok(())
            })
            .await?;
        let mut without: Vec<_> = seen.into_keys().collect();
        without.sort_unstable();
        for id in without {
            report.differ(format!("{}: it has no balance", AccountId(id)));
        }
        Ok(())
    }
}

fn shown(entry: Option<i64>) -> String {
    entry.map_or_else(|| "none".to_owned(), |entry| EntryId(entry).to_string())
}
