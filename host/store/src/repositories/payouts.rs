//! Money paid to vendors.

use iap_core::{Money, Time, ids::PayoutId, money::Currency};

use crate::{Row, Statement, Store, StoreError};

/// Money that was paid to a vendor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PayoutRow {
    /// Its id.
    pub id: PayoutId,
    /// To whom.
    pub vendor: String,
    /// How much.
    pub amount: Money,
    /// When it was recorded.
    pub created_at: Time,
    /// When it came back, if it did.
    pub returned_at: Option<Time>,
}

/// See [`Store::payouts`].
pub struct Payouts<'a>(pub(super) &'a Store);

macro_rules! select {
    ($clause:literal) => {
        concat!("SELECT id, vendor_name, amount, currency, created_at, returned_at FROM payout ", $clause)
    };
}

fn read(row: &Row) -> Result<PayoutRow, StoreError> {
    let currency = row.parse(3, |code| Currency::try_from(code.to_owned()).ok())?;
    Ok(PayoutRow {
        id: PayoutId(row.int(0)?),
        vendor: row.text(1)?,
        amount: Money { minor: row.int(2)?, currency },
        created_at: Time(row.int(4)?),
        returned_at: row.opt_int(5)?.map(Time),
    })
}

impl Payouts<'_> {
    /// By id.
    pub async fn get(&self, id: PayoutId) -> Result<Option<PayoutRow>, StoreError> {
        self.0.read_one(select!("WHERE id = ?1"), vec![id.into()]).await?.map(|row| read(&row)).transpose()
    }

    /// A page of payouts, newest first, before an id; of one vendor, if one is given.
    pub async fn page(&self, vendor: Option<&str>, before: PayoutId, limit: i64) -> Result<Vec<PayoutRow>, StoreError> {
        let rows = match vendor {
            Some(vendor) => {
                let sql = select!("WHERE vendor_name = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3");
                self.0.read(sql, vec![vendor.into(), before.into(), limit.into()]).await?
            }
            None => {
                let sql = select!("WHERE id < ?1 ORDER BY id DESC LIMIT ?2");
                self.0.read(sql, vec![before.into(), limit.into()]).await?
            }
        };
        rows.iter().map(read).collect()
    }

    /// Records a payout: a guard of its posting.
    pub fn add(id: PayoutId, vendor: &str, amount: Money, at: Time) -> Statement {
        Statement::new(
            "INSERT INTO payout (id, vendor_name, currency, amount, created_at) VALUES (?1, ?2, ?3, ?4, ?5)",
            vec![id.into(), vendor.into(), amount.currency.as_str().into(), amount.minor.into(), at.into()],
        )
    }

    /// It came back, which it does once: a guard of the posting that says so.
    pub fn returned(id: PayoutId, at: Time) -> Statement {
        let sql = "UPDATE payout SET returned_at = ?2 WHERE id = ?1 AND returned_at IS NULL";
        Statement::new(sql, vec![id.into(), at.into()]).expecting(1)
    }
}
