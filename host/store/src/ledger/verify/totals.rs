//! Totals by day and book, and vendors' balances.

use std::collections::HashMap;

use iap_core::{
    ids::ServiceId,
    ledger::{Book, EntryKind},
};

use super::Report;
use crate::{
    Ids, Snapshot, StoreError,
    ledger::{JournalRow, Totalled},
};

/// Sums over the postings, for `ledger_total` and `vendor_balance`.
#[derive(Default)]
pub struct Totals {
    /// Debits and credits by stream and what a row adds up.
    rows: HashMap<(i64, Totalled), (i128, i128)>,
    /// What the last posting added to: neighbours mostly add to the same.
    last: Vec<((i64, Totalled), (i128, i128))>,
    /// Made payable and paid out, by vendor and currency.
    vendors: HashMap<(String, String), (i128, i128)>,
}

impl Totals {
    pub fn take(&mut self, posting: &JournalRow, service: i64) {
        let stream = Ids::stream_of(posting.entry);
        let amount = i128::from(posting.amount);
        for (n, total) in Totalled::of(posting, service).into_iter().enumerate() {
            let key = (stream, total);
            let sums = if n == 0 { (amount, 0) } else { (0, amount) };
            self.add(key, sums);
        }
        let (Some(vendor), Some(currency)) = (&posting.vendor, &posting.currency) else { return };
        let sums = self.vendors.entry((vendor.clone(), currency.clone())).or_default();
        match EntryKind::from_number(posting.kind) {
            Some(EntryKind::MakePayable) => sums.0 += amount,
            Some(EntryKind::PayOut) => sums.1 += amount,
            Some(EntryKind::PayoutReturned) => sums.1 -= amount,
            _ => {}
        }
    }

    fn add(&mut self, key: (i64, Totalled), sums: (i128, i128)) {
        /// Pairs of books that are mostly moved between, with some room.
        const RECENT: usize = 12;
        if let Some((_, recent)) = self.last.iter_mut().find(|(other, _)| *other == key) {
            (recent.0, recent.1) = (recent.0 + sums.0, recent.1 + sums.1);
            return;
        }
        if self.last.len() == RECENT {
            self.flush();
        }
        self.last.push((key, sums));
    }

    fn flush(&mut self) {
        for (key, sums) in self.last.drain(..) {
            let total = self.rows.entry(key).or_default();
            (total.0, total.1) = (total.0 + sums.0, total.1 + sums.1);
        }
    }

    /// Compares with what is stored, and says what the books stand at.
    pub async fn end(mut self, snapshot: &mut Snapshot, report: &mut Report) -> Result<(), StoreError> {
        self.flush();
        self.sum_up(report);
        let sql = "SELECT stream, day, service_id, vendor, currency, book, debits, credits FROM ledger_total";
        let rows = &mut self.rows;
        snapshot
            .scan(sql, &[], |row| {
                let total = Totalled {
                    day: row.int(1)?,
                    service: row.int(2)?,
                    vendor: row.text(3)?,
                    currency: row.text(4)?,
                    book: row.int(5)?,
                };
                let key = (row.int(0)?, total);
                let stored = (i128::from(row.int(6)?), i128::from(row.int(7)?));
                // A sum that does not fit is stored as the most that does.
                let most = i128::from(i64::MAX);
                let made = rows.remove(&key).unwrap_or_default();
                let made = (made.0.min(most), made.1.min(most));
                if stored != made {
                    report.differ(differing(&key, stored, made));
                }
                Ok(())
            })
            .await?;
        let mut missing: Vec<_> = self.rows.into_iter().collect();
        missing.sort_unstable();
        for (key, made) in missing {
            report.differ(differing(&key, (0, 0), made));
        }
        compare_vendors(snapshot, self.vendors, report).await
    }

    fn sum_up(&self, report: &mut Report) {
        let mut books: HashMap<(String, i64), i128> = HashMap::new();
        let mut passing: HashMap<(i64, String, i64), i128> = HashMap::new();
        for ((_, total), (debits, credits)) in &self.rows {
            *books.entry((total.currency.clone(), total.book)).or_default() += credits - debits;
            if [Book::Transferred.number(), Book::TransferredRevenue.number()].contains(&total.book) {
                *passing.entry((total.service, total.currency.clone(), total.book)).or_default() += credits - debits;
            }
        }
        let mut books: Vec<_> = books.into_iter().collect();
        books.sort_unstable();
        for ((currency, number), sum) in books {
            let Some(book) = Book::from_number(number) else { continue };
            if currency.is_empty() {
                report.books.push((book, sum));
            } else {
                report.money.push((currency, book, sum));
            }
        }
        let mut passing: Vec<_> = passing.into_iter().filter(|(_, sum)| *sum != 0).collect();
        passing.sort_unstable();
        for ((service, currency, number), sum) in passing {
            let (service, what) = (ServiceId(service), asset(&currency));
            let book = name(number);
            report.differ(format!("{service}: {book} of {what} must come to nothing, it comes to {sum}"));
        }
    }
}

async fn compare_vendors(
    snapshot: &mut Snapshot,
    mut vendors: HashMap<(String, String), (i128, i128)>,
    report: &mut Report,
) -> Result<(), StoreError> {
    let differing = |(vendor, currency): &(String, String), stored: (i128, i128), made: (i128, i128)| {
        format!(
            "vendor {vendor}, {currency}: {} made payable and {} paid out are stored, its postings make {} and {}",
            stored.0, stored.1, made.0, made.1
        )
    };
    for row in snapshot.rows("SELECT vendor_name, currency, made_payable, paid_out FROM vendor_balance", &[]).await? {
        let key = (row.text(0)?, row.text(1)?);
        let stored = (i128::from(row.int(2)?), i128::from(row.int(3)?));
        let made = vendors.remove(&key).unwrap_or_default();
        if stored != made {
            report.differ(differing(&key, stored, made));
        }
    }
    let mut missing: Vec<_> = vendors.into_iter().filter(|(_, made)| *made != (0, 0)).collect();
    missing.sort_unstable();
    for (key, made) in missing {
        report.differ(differing(&key, (0, 0), made));
    }
    Ok(())
}

fn name(book: i64) -> &'static str {
    Book::from_number(book).map_or("an unknown book", Book::as_str)
}

fn asset(currency: &str) -> &str {
    if currency.is_empty() { "credits" } else { currency }
}

fn differing((stream, total): &(i64, Totalled), stored: (i128, i128), made: (i128, i128)) -> String {
    let whose =
        if total.vendor.is_empty() { ServiceId(total.service).to_string() } else { format!("vendor {}", total.vendor) };
    format!(
        "total of {} of {whose} in {} on day {} of stream {stream}: {} debited and {} credited are stored, postings make {} and {}",
        name(total.book),
        asset(&total.currency),
        total.day,
        stored.0,
        stored.1,
        made.0,
        made.1
    )
}
