//! Grants, postings and what the sweepers look for.

use iap_core::{
    Credits, Time,
    ids::{AccountId, CallId, DatabaseId, EntryId, GrantId, HoldId, ServiceId},
    ledger::{Book, EntryKind, GrantKind, HoldState},
};

use crate::{Row, Statement, Store, StoreError};

/// A grant as the admin sees it.
#[derive(Clone, Debug)]
pub struct GrantRow {
    /// Its id.
    pub id: GrantId,
    /// Where it came from.
    pub kind: GrantKind,
    /// Credits given.
    pub amount: Credits,
    /// What may be spent of it.
    pub available: Credits,
    /// What is set aside of it.
    pub held: Credits,
    /// What was spent of it.
    pub consumed: Credits,
    /// What expired of it.
    pub expired: Credits,
    /// What was taken back against money.
    pub refunded: Credits,
    /// What was taken back without money.
    pub voided: Credits,
    /// Of it: what repaid a debt.
    pub repaid: Credits,
    /// What went to another grant.
    pub transferred: Credits,
    /// When it expires.
    pub expires_at: Time,
    /// Price in minor units, without tax, and its currency.
    pub price: Option<(i64, String)>,
    /// Tax paid beside it, in minor units.
    pub tax: i64,
    /// Of the price: what use has earned, in minor units.
    pub earned: i64,
    /// Whether the customer took the price back.
    pub charged_back: bool,
    /// Why it was given.
    pub reason: String,
    /// When it was given.
    pub created_at: Time,
}

/// A posting as the admin sees it.
#[derive(Clone, Debug)]
pub struct PostingRow {
    /// Its entry.
    pub entry: EntryId,
    /// Its place in the entry.
    pub n: i64,
    /// What the entry is.
    pub kind: EntryKind,
    /// Grant, but for a debt written off.
    pub grant: Option<GrantId>,
    /// Hold.
    pub hold: Option<HoldId>,
    /// `None` for credits.
    pub currency: Option<String>,
    /// From here.
    pub debit: Book,
    /// To here.
    pub credit: Book,
    /// Micro-credits or minor units.
    pub amount: i64,
    /// When.
    pub at: Time,
    /// The account's entry before.
    pub previous: Option<EntryId>,
    /// Why its entry was made, if somebody said.
    pub reason: Option<String>,
}

/// A hold, as far as others than the posting path need it.
#[derive(Clone, Copy, Debug)]
pub struct HoldRow {
    /// Whose credits.
    pub account: AccountId,
    /// The call that obtained it.
    pub call: Option<CallId>,
    /// Credits set aside.
    pub amount: Credits,
    /// When it ends by itself.
    pub expires_at: Time,
    /// How far it has come.
    pub state: HoldState,
}

/// What was taken of a hold.
#[derive(Clone, Copy, Debug)]
pub struct CapturedHold {
    /// The hold.
    pub id: HoldId,
    /// Credits taken.
    pub captured: Credits,
    /// Of them: given back.
    pub refunded: Credits,
}

/// See [`Store::grants`].
pub struct Grants<'a>(pub(super) &'a Store);

fn read_grant(row: &Row) -> Result<GrantRow, StoreError> {
    Ok(GrantRow {
        id: GrantId(row.int(0)?),
        kind: row.parse(1, |word| word.parse::<GrantKind>().ok())?,
        amount: Credits::from_micros(row.int(2)?),
        available: Credits::from_micros(row.int(3)?),
        held: Credits::from_micros(row.int(4)?),
        consumed: Credits::from_micros(row.int(5)?),
        expired: Credits::from_micros(row.int(6)?),
        expires_at: Time(row.int(7)?),
        price: row.opt_int(8)?.zip(row.opt_text(9)?),
        reason: row.text(10)?,
        created_at: Time(row.int(11)?),
        refunded: Credits::from_micros(row.int(12)?),
        voided: Credits::from_micros(row.int(13)?),
        repaid: Credits::from_micros(row.int(18)?),
        transferred: Credits::from_micros(row.int(14)?),
        tax: row.int(15)?,
        earned: row.int(16)?,
        charged_back: row.int(17)? != 0,
    })
}

fn read_posting(row: &Row) -> Result<PostingRow, StoreError> {
    let unknown = |what: &str, number| {
        StoreError::Engine(format!("{what} {number} of a posting is unknown: it was written by a newer version"))
    };
    let book = |column| {
        let number = row.int(column)?;
        Book::from_number(number).ok_or_else(|| unknown("book", number))
    };
    let kind = row.int(2)?;
    Ok(PostingRow {
        entry: EntryId(row.int(0)?),
        n: row.int(1)?,
        kind: EntryKind::from_number(kind).ok_or_else(|| unknown("kind", kind))?,
        grant: row.opt_int(3)?.map(GrantId),
        hold: row.opt_int(4)?.map(HoldId),
        currency: row.opt_text(5)?,
        debit: book(6)?,
        credit: book(7)?,
        amount: row.int(8)?,
        at: Time(row.int(9)?),
        previous: row.opt_int(10)?.map(EntryId),
        reason: row.opt_text(11)?,
    })
}

macro_rules! select_grant {
    ($clause:literal) => {
        concat!(
            "SELECT id, kind, amount, available, held, consumed, expired, expires_at, price, currency, reason, created_at,
                    refunded, voided, transferred, tax, earned, charged_back, repaid
             FROM credit_grant ",
            $clause
        )
    };
}

impl Grants<'_> {
    /// A grant of an account.
    pub async fn get(&self, account: AccountId, id: GrantId) -> Result<Option<GrantRow>, StoreError> {
        let sql = select_grant!("WHERE account_id = ?1 AND id = ?2");
        self.0.read_one(sql, vec![account.into(), id.into()]).await?.map(|row| read_grant(&row)).transpose()
    }

    /// Holds of a call of which something was taken, the last obtained first.
    pub async fn captured_holds_of_call(&self, call: CallId) -> Result<Vec<CapturedHold>, StoreError> {
        let sql = "SELECT id, captured, refunded FROM hold WHERE call_id = ?1 AND captured > 0 ORDER BY id DESC";
        let rows = self.0.read(sql, vec![call.into()]).await?;
        rows.iter()
            .map(|row| {
                Ok(CapturedHold {
                    id: HoldId(row.int(0)?),
                    captured: Credits::from_micros(row.int(1)?),
                    refunded: Credits::from_micros(row.int(2)?),
                })
            })
            .collect()
    }

    /// A page of an account's grants, newest first, before an id.
    pub async fn page(&self, account: AccountId, before: GrantId, limit: i64) -> Result<Vec<GrantRow>, StoreError> {
        let sql = select_grant!("WHERE account_id = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3");
        self.0.read(sql, vec![account.into(), before.into(), limit.into()]).await?.iter().map(read_grant).collect()
    }

    /// Postings of an account's entries, newest first, from an entry on: follows the account's chain.
    /// From the newest if `from` is `None`.
    pub async fn postings(
        &self,
        account: AccountId,
        from: Option<EntryId>,
        entries: i64,
    ) -> Result<Vec<PostingRow>, StoreError> {
        let sql = "WITH RECURSIVE chain (entry_id, place) AS (
                       SELECT coalesce(CAST(?2 AS BIGINT), (SELECT last_entry FROM balance WHERE account_id = ?1)), CAST(1 AS BIGINT)
                       UNION ALL
                       SELECT p.previous, chain.place + 1 FROM chain JOIN posting p ON p.entry_id = chain.entry_id AND p.n = 0 AND p.account_id = ?1
                       WHERE chain.place < ?3 AND p.previous IS NOT NULL)
                   SELECT p.entry_id, p.n, p.kind, p.grant_id, p.hold_id, p.currency, p.debit, p.credit, p.amount, p.at, p.previous, e.text
                   FROM chain JOIN posting p ON p.entry_id = chain.entry_id LEFT JOIN entry_note e ON e.entry_id = p.entry_id WHERE p.account_id = ?1 ORDER BY chain.place, p.n";
        self.0.read(sql, vec![account.into(), from.into(), entries.into()]).await?.iter().map(read_posting).collect()
    }

    /// Live holds whose time is up.
    pub async fn expired_holds(&self, now: Time, limit: i64) -> Result<Vec<(HoldId, AccountId)>, StoreError> {
        let sql = "SELECT id, account_id FROM hold WHERE state IN ('live', 'unknown') AND expires_at <= ?1
                   AND NOT EXISTS (SELECT 1 FROM balance b WHERE b.account_id = hold.account_id AND b.stopped IS NOT NULL)
                   ORDER BY expires_at LIMIT ?2";
        self.0
            .read(sql, vec![now.into(), limit.into()])
            .await?
            .iter()
            .map(|row| Ok((HoldId(row.int(0)?), AccountId(row.int(1)?))))
            .collect()
    }

    /// Live holds of a call.
    pub async fn live_holds_of_call(&self, account: AccountId, call: CallId) -> Result<Vec<HoldId>, StoreError> {
        let sql = "SELECT id FROM hold WHERE state IN ('live', 'unknown') AND call_id = ?2 AND account_id = ?1";
        self.0.read(sql, vec![account.into(), call.into()]).await?.iter().map(|row| Ok(HoldId(row.int(0)?))).collect()
    }

    /// Credits that a call has taken, and those that its live holds have set aside.
    pub async fn engaged_by_call(&self, call: CallId) -> Result<Credits, StoreError> {
        let sql = "SELECT CAST(coalesce(sum(CASE WHEN state IN ('live', 'unknown') THEN amount ELSE captured END), 0) AS BIGINT)
                   FROM hold WHERE call_id = ?1";
        let row = self.0.read_one(sql, vec![call.into()]).await?;
        Ok(row.map(|row| row.int(0)).transpose()?.map_or(Credits::ZERO, Credits::from_micros))
    }

    /// A hold.
    pub async fn hold(&self, id: HoldId) -> Result<Option<HoldRow>, StoreError> {
        let row = self
            .0
            .read_one("SELECT account_id, call_id, amount, expires_at, state FROM hold WHERE id = ?1", vec![id.into()])
            .await?;
        row.map(|row| {
            Ok(HoldRow {
                account: AccountId(row.int(0)?),
                call: row.opt_int(1)?.map(CallId),
                amount: Credits::from_micros(row.int(2)?),
                expires_at: Time(row.int(3)?),
                state: row.parse(4, |word| word.parse::<HoldState>().ok())?,
            })
        })
        .transpose()
    }

    /// Bought lots of an account that may be spent: when they were bought, and what is left.
    pub async fn bought_lots(&self, account: AccountId, now: Time) -> Result<Vec<(Time, Credits)>, StoreError> {
        let sql = "SELECT created_at, available FROM credit_grant WHERE account_id = ?1 AND kind = 'purchase' AND available > 0 AND expires_at > ?2";
        let rows = self.0.read(sql, vec![account.into(), now.into()]).await?;
        rows.iter().map(|row| Ok((Time(row.int(0)?), Credits::from_micros(row.int(1)?)))).collect()
    }

    /// Purchases of an account of which something was not used.
    pub async fn unused_purchases(&self, account: AccountId) -> Result<Vec<(GrantId, Credits)>, StoreError> {
        let sql = "SELECT id, available FROM credit_grant WHERE account_id = ?1 AND available > 0 AND price IS NOT NULL ORDER BY id";
        let rows = self.0.read(sql, vec![account.into()]).await?;
        rows.iter().map(|row| Ok((GrantId(row.int(0)?), Credits::from_micros(row.int(1)?)))).collect()
    }

    /// Grants whose time is up and of which something is left.
    pub async fn expired_grants(&self, now: Time, limit: i64) -> Result<Vec<(GrantId, AccountId)>, StoreError> {
        let sql = "SELECT id, account_id FROM credit_grant WHERE available > 0 AND expires_at < 9223372036854775807 AND expires_at <= ?1 /* postgres: AND rest_expires_at <= ?1 */
                   AND NOT EXISTS (SELECT 1 FROM balance b WHERE b.account_id = credit_grant.account_id AND b.stopped IS NOT NULL)
                   ORDER BY expires_at LIMIT ?2";
        self.0
            .read(sql, vec![now.into(), limit.into()])
            .await?
            .iter()
            .map(|row| Ok((GrantId(row.int(0)?), AccountId(row.int(1)?))))
            .collect()
    }

    /// Whether a database had its trial of a service.
    pub async fn had_trial(&self, service: ServiceId, database: DatabaseId) -> Result<bool, StoreError> {
        let row = self
            .0
            .read_one(
                "SELECT 1 FROM trial WHERE service_id = ?1 AND database_id = ?2",
                vec![service.into(), database.into()],
            )
            .await?;
        Ok(row.is_some())
    }

    /// Records a trial. Conflicts on `trial` if there was one.
    pub fn trial(service: ServiceId, database: DatabaseId, grant: GrantId) -> Statement {
        Statement::new("INSERT INTO trial VALUES (?1, ?2, ?3)", vec![service.into(), database.into(), grant.into()])
    }
}
