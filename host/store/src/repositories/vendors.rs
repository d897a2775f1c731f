//! Vendors and their money.

use iap_core::{
    ledger::{Book, VendorBalance},
    money::Currency,
};

use crate::{Statement, Store, StoreError};

/// A vendor's money in one currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VendorMoney {
    /// The currency.
    pub currency: Currency,
    /// What was made payable and paid.
    pub balance: VendorBalance,
    /// Rises with each change of it.
    pub version: i64,
}

/// See [`Store::vendors`].
pub struct Vendors<'a>(pub(super) &'a Store);

fn currency(code: String) -> Result<Currency, StoreError> {
    Currency::try_from(code).map_err(|error| StoreError::Engine(error.to_string()))
}

impl Vendors<'_> {
    /// A vendor's balances, by currency.
    pub async fn balances(&self, vendor: &str) -> Result<Vec<VendorMoney>, StoreError> {
        let sql = "SELECT currency, made_payable, paid_out, version FROM vendor_balance WHERE vendor_name = ?1 ORDER BY currency";
        let rows = self.0.read(sql, vec![vendor.into()]).await?;
        rows.iter()
            .map(|row| {
                Ok(VendorMoney {
                    currency: currency(row.text(0)?)?,
                    balance: VendorBalance { made_payable: row.int(1)?, paid_out: row.int(2)? },
                    version: row.int(3)?,
                })
            })
            .collect()
    }

    /// All that a vendor's services ever accrued until the end of a day (since 1970-01-01, UTC), less what went back, in
    /// minor units by currency.
    pub async fn accrued(&self, vendor: &str, until: i64) -> Result<Vec<(Currency, i64)>, StoreError> {
        let sql = "SELECT t.currency, CAST(sum(t.credits - t.debits) AS BIGINT) FROM ledger_total t JOIN service s ON s.id = t.service_id
                   WHERE s.vendor_name = ?1 AND t.book = ?2 AND t.vendor = '' AND t.currency <> '' AND t.day <= ?3
                   GROUP BY t.currency ORDER BY t.currency";
        let params = vec![vendor.into(), Book::VendorAccrued.number().into(), until.into()];
        let rows = self.0.read(sql, params).await?;
        rows.iter().map(|row| Ok((currency(row.text(0)?)?, row.int(1)?))).collect()
    }

    /// Makes sure that there is a balance to change.
    pub fn begin(vendor: &str, currency: Currency) -> Statement {
        Statement::new(
            "INSERT INTO vendor_balance (vendor_name, currency) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            vec![vendor.into(), currency.as_str().into()],
        )
    }

    /// Changes a balance that is still as it was: a guard of the posting that goes with it.
    pub fn change(vendor: &str, before: &VendorMoney, after: VendorBalance) -> Statement {
        Statement::new(
            "UPDATE vendor_balance SET made_payable = ?4, paid_out = ?5, version = version + 1
             WHERE vendor_name = ?1 AND currency = ?2 AND version = ?3",
            vec![
                vendor.into(),
                before.currency.as_str().into(),
                before.version.into(),
                after.made_payable.into(),
                after.paid_out.into(),
            ],
        )
        .expecting(1)
    }
}
