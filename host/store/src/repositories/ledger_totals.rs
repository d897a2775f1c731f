//! What was posted to each book: the trial balance.

use iap_core::ledger::Book;

use crate::{Store, StoreError};

/// Days in `ledger_total` are this many milliseconds.
const DAY: i64 = 86_400_000;

/// Totals of books.
pub struct LedgerTotals<'a>(pub(crate) &'a Store);

/// What was posted to one book of a service or vendor, in one asset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookTotal {
    /// The service's name; none for a vendor's own.
    pub service: Option<String>,
    /// The vendor's name; none for a service's.
    pub vendor: Option<String>,
    /// ISO 4217 code; none for credits.
    pub currency: Option<String>,
    /// Book.
    pub book: Book,
    /// Micro-credits or minor units debited.
    pub debits: i128,
    /// Micro-credits or minor units credited.
    pub credits: i128,
}

impl LedgerTotals<'_> {
    /// Totals of all books, by service, vendor, currency and book; up to the end of a day (in days since 1970-01-01,
    /// UTC), if one is given.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn all(&self, until: Option<i64>) -> Result<Vec<BookTotal>, StoreError> {
        // Sums are made here: those of two engines overflow in different ways.
        let sql = "SELECT s.name, t.vendor, t.currency, t.book, t.debits, t.credits
                   FROM ledger_total t LEFT JOIN service s ON s.id = t.service_id
                   WHERE t.day <= ?1 ORDER BY s.name, t.vendor, t.currency, t.book";
        let rows = self.0.read(sql, vec![until.unwrap_or(i64::MAX / DAY).into()]).await?;
        let mut totals: Vec<BookTotal> = Vec::new();
        for row in rows {
            let filled = |text: String| Some(text).filter(|text| !text.is_empty());
            let Some(book) = Book::from_number(row.int(3)?) else {
                return Err(StoreError::Engine(format!("ledger_total names book {}, which is unknown", row.int(3)?)));
            };
            let total = BookTotal {
                service: row.opt_text(0)?,
                vendor: filled(row.text(1)?),
                currency: filled(row.text(2)?),
                book,
                debits: row.int(4)?.into(),
                credits: row.int(5)?.into(),
            };
            let same = |other: &&mut BookTotal| {
                (&other.service, &other.vendor, &other.currency, other.book)
                    == (&total.service, &total.vendor, &total.currency, total.book)
            };
            match totals.last_mut().filter(same) {
                Some(sum) => {
                    sum.debits += total.debits;
                    sum.credits += total.credits;
                }
                None => totals.push(total),
            }
        }
        Ok(totals)
    }
}
