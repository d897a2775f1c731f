//! What the self-check looks at: few rows at a time, each account as one statement sees it.

use iap_core::{
    Credits,
    ids::{AccountId, EntryId, GrantId},
    ledger::{Book, Grant},
};

use crate::{Ids, Row, Store, StoreError, ledger::read_grant};

/// See [`Store::self_check`].
pub struct SelfCheck<'a>(pub(crate) &'a Store);

/// An account and its open grants at one moment.
#[derive(Clone, Debug)]
pub struct Look {
    /// Its newest entry.
    pub last_entry: Option<EntryId>,
    /// Stored: what may be spent.
    pub available: Credits,
    /// Stored: what is set aside.
    pub held: Credits,
    /// Stored: what it owes.
    pub debt: Credits,
    /// Why posting is stopped, if it is.
    pub stopped: Option<String>,
    /// Its grants of which something is available or held.
    pub grants: Vec<Grant>,
}

/// A posting of an account, as far as sums need it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    /// Grant, but for a debt written off.
    pub grant: Option<GrantId>,
    /// From here.
    pub debit: Book,
    /// To here.
    pub credit: Book,
    /// Micro-credits or minor units.
    pub amount: i64,
}

impl SelfCheck<'_> {
    /// Accounts after one, in the order of their ids.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn accounts_after(&self, after: AccountId, limit: i64) -> Result<Vec<AccountId>, StoreError> {
        let sql = "SELECT account_id FROM balance WHERE ?1 < account_id ORDER BY account_id LIMIT ?2";
        let rows = self.0.read(sql, vec![after.into(), limit.into()]).await?;
        rows.iter().map(|row| Ok(AccountId(row.int(0)?))).collect()
    }

    /// The newest postings of a stream after an entry of it: their accounts, newest first, and the newest entry.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn posted_since(&self, entry: EntryId, limit: i64) -> Result<(Vec<AccountId>, EntryId), StoreError> {
        let end = (Ids::stream_of(entry.0) + 1) << Ids::COUNTER_BITS;
        let sql =
            "SELECT entry_id, account_id FROM posting WHERE ?1 < entry_id AND entry_id < ?2 AND account_id IS NOT NULL
                   ORDER BY entry_id DESC LIMIT ?3";
        let rows = self.0.read(sql, vec![entry.into(), end.into(), limit.into()]).await?;
        let newest = rows.first().map_or(Ok(entry.0), |row| row.int(0))?;
        let accounts = rows.iter().map(|row| Ok(AccountId(row.int(1)?))).collect::<Result<_, StoreError>>()?;
        Ok((accounts, EntryId(newest)))
    }

    /// An account as it is now, if it has a balance. One statement, so that what it answers belongs together.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn look(&self, account: AccountId) -> Result<Option<Look>, StoreError> {
        let sql =
            "SELECT g.id, g.kind, g.amount, g.available, g.held, g.consumed, g.expired, g.refunded, g.voided, g.transferred, g.expires_at,
                    g.price, g.currency, g.tax, g.fee_bps, g.breakage_to, g.recognized, g.earned, g.lapsed, g.returned, g.vendor_due,
                    g.tax_returned, g.charged_back, g.origin_id, g.moved, g.account_id, g.created_at, g.repaid,
                    b.last_entry, b.available, b.held, b.debt, b.stopped
             FROM balance b LEFT JOIN credit_grant g ON g.account_id = b.account_id AND (g.available > 0 OR g.held > 0)
             WHERE b.account_id = ?1";
        let rows = self.0.read(sql, vec![account.into()]).await?;
        let Some(first) = rows.first() else { return Ok(None) };
        let own = rows.iter().filter(|row| matches!(row.opt_int(0), Ok(Some(_))));
        let grants = own.map(|row| Ok(read_grant(&Row(row.0[..28].to_vec()))?.1)).collect::<Result<_, StoreError>>()?;
        Ok(Some(Look {
            last_entry: first.opt_int(28)?.map(EntryId),
            available: Credits::from_micros(first.int(29)?),
            held: Credits::from_micros(first.int(30)?),
            debt: Credits::from_micros(first.int(31)?),
            stopped: first.opt_text(32)?,
            grants,
        }))
    }

    /// The postings of an account's entries from `newest` back to `known` (without it; to the first one if it is
    /// `None`), if these are at most `entries` entries: follows the account's chain.
    ///
    /// # Errors
    ///
    /// The database fails.
    pub async fn moved(
        &self,
        account: AccountId,
        newest: Option<EntryId>,
        known: Option<EntryId>,
        entries: i64,
    ) -> Result<Option<Vec<Moved>>, StoreError> {
        if newest == known {
            return Ok(Some(Vec::new()));
        }
        // Only the entry that is known may be followed by nothing that is read.
        let sql = "WITH RECURSIVE chain (entry_id, previous, place) AS (
                       SELECT p.entry_id, p.previous, CAST(1 AS BIGINT) FROM posting p
                       WHERE p.entry_id = ?1 AND p.n = 0 AND p.account_id = ?4
                       UNION ALL
                       SELECT p.entry_id, p.previous, chain.place + 1
                       FROM chain JOIN posting p ON p.entry_id = chain.previous AND p.n = 0 AND p.account_id = ?4
                       WHERE chain.place < ?3 AND chain.previous <> ?2)
                   SELECT chain.previous, p.grant_id, p.debit, p.credit, p.amount
                   FROM chain JOIN posting p ON p.entry_id = chain.entry_id WHERE p.account_id = ?4 ORDER BY chain.place, p.n";
        let params = vec![
            newest.map_or(0, |entry| entry.0).into(),
            known.map_or(0, |entry| entry.0).into(),
            entries.into(),
            account.into(),
        ];
        let rows = self.0.read(sql, params).await?;
        let end = rows.last().map(|row| row.opt_int(0)).transpose()?.flatten();
        if rows.is_empty() || end.map(EntryId) != known {
            return Ok(None);
        }
        let book = |row: &Row, column| {
            let number = row.int(column)?;
            let unknown = || StoreError::Engine(format!("{account}: book {number} of a posting is unknown"));
            Book::from_number(number).ok_or_else(unknown)
        };
        let moved = |row: &Row| {
            Ok(Moved {
                grant: row.opt_int(1)?.map(GrantId),
                debit: book(row, 2)?,
                credit: book(row, 3)?,
                amount: row.int(4)?,
            })
        };
        rows.iter().map(moved).collect::<Result<_, StoreError>>().map(Some)
    }
}
