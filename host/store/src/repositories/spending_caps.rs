//! Spending caps of accounts, for reading; the posting path writes them.

use iap_core::{
    Credits, Time,
    ids::{AccountId, EntryId},
    ledger::{Period, SpendingCap},
};

use crate::{Store, StoreError};

/// See [`Store::spending_caps`].
pub struct SpendingCaps<'a>(pub(super) &'a Store);

impl SpendingCaps<'_> {
    /// Those of an account: of the whole of it first, then by company.
    pub async fn of_account(&self, account: AccountId) -> Result<Vec<SpendingCap>, StoreError> {
        let sql = "SELECT company, period, credits, used, window_start FROM spending_cap WHERE account_id = ?1 ORDER BY company, period";
        let rows = self.0.read(sql, vec![account.into()]).await?;
        rows.iter()
            .map(|row| {
                Ok(SpendingCap {
                    company: Some(row.text(0)?).filter(|company| !company.is_empty()),
                    period: row.parse(1, |word| word.parse::<Period>().ok())?,
                    credits: Credits::from_micros(row.int(2)?),
                    used: Credits::from_micros(row.int(3)?),
                    window: Time(row.int(4)?),
                })
            })
            .collect()
    }

    /// What an account (or one company of it) has set aside or spent since a moment, less what was given back, and the
    /// entry of the account up to which that is so.
    pub async fn used_since(
        &self,
        account: AccountId,
        company: Option<&str>,
        since: Time,
    ) -> Result<(Credits, Option<EntryId>), StoreError> {
        let sql = "SELECT b.last_entry,
                       (SELECT CAST(coalesce(sum(CASE WHEN h.state IN ('live', 'unknown') THEN h.amount ELSE h.captured END - h.refunded), 0) AS BIGINT)
                        FROM call c JOIN hold h ON h.call_id = c.id
                        WHERE c.account_id = b.account_id AND h.created_at >= ?2 AND (CAST(?3 AS TEXT) IS NULL OR h.company = ?3))
                   FROM balance b WHERE b.account_id = ?1";
        let row = self.0.read_one(sql, vec![account.into(), since.into(), company.map(str::to_owned).into()]).await?;
        let Some(row) = row else { return Ok((Credits::ZERO, None)) };
        Ok((Credits::from_micros(row.int(1)?), row.opt_int(0)?.map(EntryId)))
    }
}
