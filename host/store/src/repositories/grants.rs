//! Grants, postings and what the sweepers look for.

use iap_core::{
    Credits, Time,
    ids::{AccountId, CallId, DatabaseId, EntryId, GrantId, HoldId, ServiceId},
    ledger::{Book, EntryKind, GrantKind},
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
    /// When it expires.
    pub expires_at: Time,
    /// Price in minor units and its currency.
    pub price: Option<(i64, String)>,
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
    /// Grant.
    pub grant: GrantId,
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
}

/// See [`Store::grants`].
pub struct Grants<'a>(pub(super) &'a Store);

fn read_grant(row: &Row) -> Result<GrantRow, StoreError> {
    Ok(GrantRow {
        id: GrantId(row.int(0)?),
        kind: row.parse(1, GrantKind::from_name)?,
        amount: Credits::from_micros(row.int(2)?),
        available: Credits::from_micros(row.int(3)?),
        held: Credits::from_micros(row.int(4)?),
        consumed: Credits::from_micros(row.int(5)?),
        expired: Credits::from_micros(row.int(6)?),
        expires_at: Time(row.int(7)?),
        price: row.opt_int(8)?.zip(row.opt_text(9)?),
        reason: row.text(10)?,
        created_at: Time(row.int(11)?),
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
        grant: GrantId(row.int(3)?),
        hold: row.opt_int(4)?.map(HoldId),
        currency: row.opt_text(5)?,
        debit: book(6)?,
        credit: book(7)?,
        amount: row.int(8)?,
        at: Time(row.int(9)?),
        previous: row.opt_int(10)?.map(EntryId),
    })
}

impl Grants<'_> {
    /// A page of an account's grants, newest first, before an id.
    pub async fn page(&self, account: AccountId, before: GrantId, limit: i64) -> Result<Vec<GrantRow>, StoreError> {
        let sql = "SELECT id, kind, amount, available, held, consumed, expired, expires_at, price, currency, reason, created_at
                   FROM credit_grant WHERE account_id = ?1 AND id < ?2 ORDER BY id DESC LIMIT ?3";
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
                       SELECT coalesce(?2, (SELECT last_entry FROM balance WHERE account_id = ?1)), 1
                       UNION ALL
                       SELECT p.previous, chain.place + 1 FROM chain JOIN posting p ON p.entry_id = chain.entry_id AND p.n = 0 AND p.account_id = ?1
                       WHERE chain.place < ?3 AND p.previous IS NOT NULL)
                   SELECT p.entry_id, p.n, p.kind, p.grant_id, p.hold_id, p.currency, p.debit, p.credit, p.amount, p.at, p.previous
                   FROM chain JOIN posting p ON p.entry_id = chain.entry_id WHERE p.account_id = ?1 ORDER BY chain.place, p.n";
        self.0.read(sql, vec![account.into(), from.into(), entries.into()]).await?.iter().map(read_posting).collect()
    }

    /// Live holds whose time is up.
    pub async fn expired_holds(&self, now: Time, limit: i64) -> Result<Vec<(HoldId, AccountId)>, StoreError> {
        let sql =
            "SELECT id, account_id FROM hold WHERE state = 'live' AND expires_at <= ?1 ORDER BY expires_at LIMIT ?2";
        self.0
            .read(sql, vec![now.into(), limit.into()])
            .await?
            .iter()
            .map(|row| Ok((HoldId(row.int(0)?), AccountId(row.int(1)?))))
            .collect()
    }

    /// Live holds of a call.
    pub async fn live_holds_of_call(&self, account: AccountId, call: CallId) -> Result<Vec<HoldId>, StoreError> {
        let sql = "SELECT id FROM hold WHERE state = 'live' AND call_id = ?2 AND account_id = ?1";
        self.0.read(sql, vec![account.into(), call.into()]).await?.iter().map(|row| Ok(HoldId(row.int(0)?))).collect()
    }

    /// A hold.
    pub async fn hold(&self, id: HoldId) -> Result<Option<HoldRow>, StoreError> {
        let row = self
            .0
            .read_one("SELECT account_id, call_id, amount, expires_at FROM hold WHERE id = ?1", vec![id.into()])
            .await?;
        row.map(|row| {
            Ok(HoldRow {
                account: AccountId(row.int(0)?),
                call: row.opt_int(1)?.map(CallId),
                amount: Credits::from_micros(row.int(2)?),
                expires_at: Time(row.int(3)?),
            })
        })
        .transpose()
    }

    /// Grants whose time is up and of which something is left.
    pub async fn expired_grants(&self, now: Time, limit: i64) -> Result<Vec<(GrantId, AccountId)>, StoreError> {
        let sql = "SELECT id, account_id FROM credit_grant WHERE available > 0 AND expires_at < 9223372036854775807 AND expires_at <= ?1 ORDER BY expires_at LIMIT ?2";
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
