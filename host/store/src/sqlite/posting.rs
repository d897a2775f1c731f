//! The ledger's books in memory and how entries reach the tables.
//!
//! Decisions are taken on cached state, which is exactly what is stored: it is loaded from the
//! tables, changed only by entries that are written in the same transaction, and forgotten whole
//! when a transaction fails. Balances and grants are written once a batch, however often they move.

use std::{
    collections::{HashMap, HashSet, hash_map},
    sync::Arc,
};

use iap_core::{
    Credits, Money, Time,
    ids::{AccountId, EntryId, GrantId, HoldId},
    ledger::{Account, Asset, Authorize, Book, Command, Entry, Grant, GrantKind, Hold, HoldChange, HoldState, decide},
    money::Currency,
};
use rusqlite::{Connection, OptionalExtension, params};

use super::writer::all_or_none;
use crate::{Ids, Post, PostError, Posted};

macro_rules! concat_grant {
    ($clause:literal) => {
        concat!("SELECT id, kind, amount, available, held, consumed, expired, refunded, expires_at, price, currency FROM credit_grant ", $clause)
    };
}

/// Accounts and live holds kept in memory; beyond it everything is forgotten and loaded anew.
const CACHED: usize = 200_000;

/// The ledger's state, as far as it is loaded.
pub struct Books {
    ids: Arc<Ids>,
    accounts: HashMap<AccountId, Account>,
    holds: HashMap<HoldId, Hold>,
    dirty: HashSet<AccountId>,
    dirty_grants: HashSet<(AccountId, GrantId)>,
}

impl Books {
    /// Nothing loaded.
    pub fn new(ids: Arc<Ids>) -> Self {
        Self {
            ids,
            accounts: HashMap::new(),
            holds: HashMap::new(),
            dirty: HashSet::new(),
            dirty_grants: HashSet::new(),
        }
    }

    /// Forgets everything: the tables are the truth.
    pub fn forget(&mut self) {
        self.accounts.clear();
        self.holds.clear();
        self.dirty.clear();
        self.dirty_grants.clear();
    }

    /// Decides a command and writes its rows, but for balances and grants: see [`Books::flush`].
    pub fn post(&mut self, db: &Connection, post: Post, now: Time) -> rusqlite::Result<Result<Posted, PostError>> {
        let Post { account: account_id, command, call, reason, riders } = post;
        if let hash_map::Entry::Vacant(place) = self.accounts.entry(account_id) {
            match load_account(db, account_id)? {
                Some(account) => drop(place.insert(account)),
                None => return Ok(Err(PostError::UnknownAccount)),
            }
        }
        let hold = match named_hold(&command) {
            Some(id) => self.hold(db, id)?.filter(|hold| hold.account == account_id),
            None => None,
        };
        if let Command::ExpireGrant { grant } = &command {
            self.load_grant(db, account_id, *grant)?;
        }
        if let Some(hold) = &hold {
            for (grant, _) in &hold.allocation {
                self.load_grant(db, account_id, *grant)?;
            }
        }
        let account = self.accounts.get_mut(&account_id).expect("it was loaded above");
        let entry = match decide(account, hold.as_ref(), &command, self.ids.entry(), now) {
            Ok(entry) => entry,
            Err(refusal) => return Ok(Err(refusal.into())),
        };
        let mut after = account.clone();
        if let Err(corruption) = after.apply(&entry) {
            return Ok(Err(PostError::Storage(format!(
                "the ledger is not consistent: {corruption}. Run `iap ledger verify`"
            ))));
        }
        if let Command::Suspend { reason } = &command {
            after.suspended.clone_from(reason);
        }
        let hold = changed(account_id, hold, entry.hold.as_ref());
        let posted = Posted { entry: entry.id, at: now, available: after.spendable(now), held: after.held, hold };
        if let Some(riders) = riders {
            let statements = riders(&posted);
            if !statements.is_empty()
                && let Err(conflict) = all_or_none(db, &statements)?
            {
                return Ok(Err(PostError::Conflict(conflict)));
            }
        }
        let previous = account.last_entry;
        *account = after;
        if entry.postings.is_empty() {
            account.last_entry = previous;
        }
        self.write(db, &entry, previous, call, &reason)?;
        if let Some(hold) = &posted.hold {
            match hold.state {
                HoldState::Live => drop(self.holds.insert(hold.id, hold.clone())),
                HoldState::Captured | HoldState::Released | HoldState::Expired => drop(self.holds.remove(&hold.id)),
            }
        }
        Ok(Ok(posted))
    }

    fn hold(&mut self, db: &Connection, id: HoldId) -> rusqlite::Result<Option<Hold>> {
        match self.holds.get(&id) {
            Some(hold) => Ok(Some(hold.clone())),
            None => load_hold(db, id),
        }
    }

    /// A grant that was spent when the account was loaded is not in memory; a hold's or sweeper's
    /// grant may be one.
    fn load_grant(&mut self, db: &Connection, account: AccountId, grant: GrantId) -> rusqlite::Result<()> {
        let Some(state) = self.accounts.get_mut(&account) else { return Ok(()) };
        if state.grants.iter().any(|other| other.id == grant) {
            return Ok(());
        }
        let mut statement = db.prepare_cached(concat_grant!("WHERE id = ?1 AND account_id = ?2"))?;
        if let Some(found) = statement.query_row(params![grant.0, account.0], read_grant).optional()? {
            let place = state.grants.partition_point(|other| other.burn_key() < found.burn_key());
            state.grants.insert(place, found);
        }
        Ok(())
    }

    fn write(
        &mut self,
        db: &Connection,
        entry: &Entry,
        previous: Option<EntryId>,
        call: Option<iap_core::ids::CallId>,
        reason: &str,
    ) -> rusqlite::Result<()> {
        self.dirty.insert(entry.account);
        if let Some(new) = &entry.grant {
            db.prepare_cached(
                "INSERT INTO credit_grant (id, account_id, kind, amount, available, expires_at, price, currency, reason, created_at)
                 VALUES (?1, ?2, ?3, ?4, ?4, ?5, ?6, ?7, ?8, ?9)",
            )?
            .execute(params![
                new.id.0,
                entry.account.0,
                new.kind.as_str(),
                new.amount.micros(),
                new.expires_at.millis(),
                new.price.map(|price| price.minor),
                new.price.map(|price| price.currency.as_str().to_owned()),
                reason,
                entry.at.millis(),
            ])?;
        }
        match &entry.hold {
            Some(HoldChange::Begins { id, amount, expires_at, .. }) => {
                db.prepare_cached(
                    "INSERT INTO hold (id, account_id, call_id, entry_id, amount, state, created_at, expires_at)
                     VALUES (?1, ?2, ?3, ?4, ?5, 'live', ?6, ?7)",
                )?
                .execute(params![
                    id.0,
                    entry.account.0,
                    call.map(|call| call.0),
                    entry.id.0,
                    amount.micros(),
                    entry.at.millis(),
                    expires_at.millis()
                ])?;
            }
            Some(HoldChange::Ends { id, state, captured }) => {
                db.prepare_cached("UPDATE hold SET state = ?2, captured = ?3, ended_at = ?4 WHERE id = ?1")?
                    .execute(params![id.0, state.as_str(), captured.micros(), entry.at.millis()])?;
            }
            Some(HoldChange::Moves { id, expires_at }) => {
                db.prepare_cached("UPDATE hold SET expires_at = ?2 WHERE id = ?1")?
                    .execute(params![id.0, expires_at.millis()])?;
            }
            None => {}
        }
        let mut insert = db.prepare_cached(
            "INSERT INTO posting (entry_id, n, kind, account_id, grant_id, hold_id, currency, debit, credit, amount, at, previous)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
        )?;
        for (n, posting) in (0i64..).zip(&entry.postings) {
            if posting.asset == Asset::Credits {
                self.dirty_grants.insert((entry.account, posting.grant));
            }
            let currency = match &posting.asset {
                Asset::Credits => None,
                Asset::Money(currency) => Some(currency.as_str()),
            };
            insert.execute(params![
                entry.id.0,
                n,
                entry.kind.map(|kind| kind.number()),
                posting.account.0,
                posting.grant.0,
                posting.hold.map(|hold| hold.0),
                currency,
                posting.debit.number(),
                posting.credit.number(),
                posting.amount,
                entry.at.millis(),
                previous.map(|entry| entry.0),
            ])?;
        }
        Ok(())
    }

    /// Writes the balances and grants that the batch has moved.
    pub fn flush(&mut self, db: &Connection) -> rusqlite::Result<()> {
        let mut update = db.prepare_cached(
            "UPDATE credit_grant SET available = ?2, held = ?3, consumed = ?4, expired = ?5, refunded = ?6 WHERE id = ?1",
        )?;
        for (account, id) in self.dirty_grants.drain() {
            let grants = self.accounts.get(&account).map_or(&[][..], |account| &account.grants);
            if let Some(grant) = grants.iter().find(|grant| grant.id == id) {
                let books =
                    [grant.available, grant.held, grant.consumed, grant.expired, grant.refunded].map(Credits::micros);
                update.execute(params![id.0, books[0], books[1], books[2], books[3], books[4]])?;
            }
        }
        let mut update = db.prepare_cached(
            "UPDATE balance SET available = ?2, held = ?3, suspended = ?4, last_entry = ?5, version = version + 1 WHERE account_id = ?1",
        )?;
        for id in self.dirty.drain() {
            if let Some(account) = self.accounts.get_mut(&id) {
                update.execute(params![
                    id.0,
                    account.available.micros(),
                    account.held.micros(),
                    account.suspended,
                    account.last_entry.map(|entry| entry.0)
                ])?;
                account.grants.retain(|grant| !grant.is_spent());
            }
        }
        if CACHED < self.accounts.len() + self.holds.len() {
            self.forget();
        }
        Ok(())
    }
}

fn named_hold(command: &Command) -> Option<HoldId> {
    match command {
        Command::Capture { hold, .. }
        | Command::Release { hold }
        | Command::ExpireHold { hold }
        | Command::Keep { hold, .. } => Some(*hold),
        Command::Grant(_)
        | Command::Authorize(Authorize { .. })
        | Command::ExpireGrant { .. }
        | Command::Suspend { .. } => None,
    }
}

fn changed(account: AccountId, before: Option<Hold>, change: Option<&HoldChange>) -> Option<Hold> {
    match (change, before) {
        (Some(HoldChange::Begins { id, amount, allocation, expires_at }), _) => Some(Hold {
            id: *id,
            account,
            amount: *amount,
            captured: Credits::ZERO,
            state: HoldState::Live,
            expires_at: *expires_at,
            allocation: allocation.clone(),
        }),
        (Some(HoldChange::Ends { state, captured, .. }), Some(hold)) => {
            Some(Hold { state: *state, captured: *captured, ..hold })
        }
        (Some(HoldChange::Moves { expires_at, .. }), Some(hold)) => Some(Hold { expires_at: *expires_at, ..hold }),
        (_, before) => before,
    }
}

fn read_grant(row: &rusqlite::Row<'_>) -> rusqlite::Result<Grant> {
    let credits = |column| row.get(column).map(Credits::from_micros);
    let bad = |column: usize, words: String| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, words.into())
    };
    let kind: String = row.get(1)?;
    let price = match (row.get::<_, Option<i64>>(9)?, row.get::<_, Option<String>>(10)?) {
        (Some(minor), Some(code)) => {
            Some(Money { minor, currency: Currency::try_from(code).map_err(|error| bad(10, error.to_string()))? })
        }
        _ => None,
    };
    Ok(Grant {
        id: GrantId(row.get(0)?),
        kind: GrantKind::from_name(&kind).ok_or_else(|| bad(1, format!("{kind:?} is no kind of grant")))?,
        amount: credits(2)?,
        available: credits(3)?,
        held: credits(4)?,
        consumed: credits(5)?,
        expired: credits(6)?,
        refunded: credits(7)?,
        expires_at: Time(row.get(8)?),
        price,
    })
}

fn load_account(db: &Connection, id: AccountId) -> rusqlite::Result<Option<Account>> {
    let mut statement =
        db.prepare_cached("SELECT available, held, suspended, last_entry FROM balance WHERE account_id = ?1")?;
    let account = statement
        .query_row([id.0], |row| {
            Ok(Account {
                id,
                available: Credits::from_micros(row.get(0)?),
                held: Credits::from_micros(row.get(1)?),
                suspended: row.get(2)?,
                last_entry: row.get::<_, Option<i64>>(3)?.map(EntryId),
                grants: Vec::new(),
            })
        })
        .optional()?;
    let Some(mut account) = account else { return Ok(None) };
    let mut statement = db.prepare_cached(concat_grant!("WHERE account_id = ?1 AND (available > 0 OR held > 0)"))?;
    account.grants = statement.query_map([id.0], read_grant)?.collect::<rusqlite::Result<_>>()?;
    account.grants.sort_by_key(Grant::burn_key);
    Ok(Some(account))
}

fn load_hold(db: &Connection, id: HoldId) -> rusqlite::Result<Option<Hold>> {
    let mut statement =
        db.prepare_cached("SELECT account_id, entry_id, amount, captured, state, expires_at FROM hold WHERE id = ?1")?;
    let found = statement
        .query_row([id.0], |row| {
            let name: String = row.get(4)?;
            let state = HoldState::from_name(&name).ok_or(rusqlite::Error::InvalidQuery)?;
            let hold = Hold {
                id,
                account: AccountId(row.get(0)?),
                amount: Credits::from_micros(row.get(2)?),
                captured: Credits::from_micros(row.get(3)?),
                state,
                expires_at: Time(row.get(5)?),
                allocation: Vec::new(),
            };
            Ok((hold, row.get::<_, i64>(1)?))
        })
        .optional()?;
    let Some((mut hold, entry)) = found else { return Ok(None) };
    let mut statement = db.prepare_cached(
        "SELECT grant_id, amount FROM posting WHERE entry_id = ?1 AND credit = ?2 AND currency IS NULL ORDER BY n",
    )?;
    hold.allocation = statement
        .query_map(params![entry, Book::Held.number()], |row| {
            Ok((GrantId(row.get(0)?), Credits::from_micros(row.get(1)?)))
        })?
        .collect::<rusqlite::Result<_>>()?;
    Ok(Some(hold))
}
