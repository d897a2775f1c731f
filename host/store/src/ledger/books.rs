//! The ledger's state in memory, as far as it was loaded, and what a batch does to it.
//!
//! Decisions are taken on cached state, which is exactly what is stored: it is loaded from the
//! tables, changed only by entries that are written in the same transaction, and forgotten when that
//! fails. Engines load what is missing, ask for decisions, and write the journal.

use std::{collections::HashMap, sync::Arc};

use iap_core::{
    Credits, Time,
    ids::{AccountId, CallId, GrantId, HoldId},
    ledger::{
        Account, AccountChange, Command, Entry, Grant, Hold, SpendingCap, decide, decide_refunds, decide_transfer,
    },
};

use super::{HoldRow, Journal, Moved, Post, PostError, Posted, VendorPost};
use crate::{BadColumn, Ids};

/// Accounts kept in memory; beyond it everything is forgotten and loaded anew.
const CACHED: usize = 200_000;

/// An account in memory, the version of its row, and its holds as far as they are live or needed.
#[derive(Debug)]
struct Cached {
    account: Account,
    version: i64,
    holds: HashMap<HoldId, Hold>,
}

/// A decision that is not accepted yet.
pub(crate) struct Decided {
    /// What to answer.
    pub posted: Posted,
    entries: Vec<(Entry, Account)>,
    call: Option<CallId>,
    reason: String,
}

/// A row that a post needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Needed {
    /// An account's balance, with its grants and caps.
    Account(AccountId),
    /// A hold.
    Hold(HoldId),
    /// A grant that has been spent.
    Grant(GrantId),
}

/// The ledger's state, as far as it is loaded.
pub(crate) struct Books {
    ids: Arc<Ids>,
    accounts: HashMap<AccountId, Cached>,
    /// Holds that were loaded although they have ended; they go with the batch.
    ended: Vec<(AccountId, HoldId)>,
    /// What could not be read, and why: posts that need it fail, and they alone. It is read again for the next batch.
    unreadable: HashMap<Needed, String>,
    journal: Journal,
}

impl Books {
    /// Nothing loaded.
    pub fn new(ids: Arc<Ids>) -> Self {
        Self {
            ids,
            accounts: HashMap::new(),
            ended: Vec::new(),
            unreadable: HashMap::new(),
            journal: Journal::default(),
        }
    }

    /// Forgets everything: the tables are the truth.
    pub fn forget(&mut self) {
        self.accounts.clear();
        self.ended.clear();
        self.unreadable.clear();
        self.journal = Journal::default();
    }

    /// Forgets an account and its holds.
    pub fn forget_account(&mut self, id: AccountId) {
        self.accounts.remove(&id);
    }

    /// Drops what the batch wrote down. What it changed in memory is to be forgotten too.
    pub fn begin_again(&mut self) {
        self.ended.clear();
        self.unreadable.clear();
        self.journal = Journal::default();
    }

    /// Version of an account in memory.
    pub fn version(&self, id: AccountId) -> Option<i64> {
        self.accounts.get(&id).map(|cached| cached.version)
    }

    /// Whether an account is in memory.
    pub fn has(&self, id: AccountId) -> bool {
        self.accounts.contains_key(&id)
    }

    /// Takes in an account that was loaded.
    pub fn put(&mut self, account: Account, version: i64) {
        self.accounts.insert(account.id, Cached { account, version, holds: HashMap::new() });
    }

    /// Takes in a hold that was loaded, if its account is in memory.
    pub fn put_hold(&mut self, hold: Hold) {
        if let Some(cached) = self.accounts.get_mut(&hold.account) {
            if !hold.state.is_live() {
                self.ended.push((hold.account, hold.id));
            }
            cached.holds.insert(hold.id, hold);
        }
    }

    /// Notes that a row was found and cannot be read.
    pub fn put_unreadable(&mut self, what: Needed, why: &BadColumn) {
        if let Needed::Account(id) = what {
            self.forget_account(id);
        }
        self.unreadable.insert(what, why.to_string());
    }

    fn unreadable(&self, post: &Post) -> Option<&String> {
        if self.unreadable.is_empty() {
            return None;
        }
        let accounts = post.accounts().map(Needed::Account);
        let holds = named_holds(&post.command).map(Needed::Hold);
        let grants = self.missing_grants(post).into_iter().map(Needed::Grant);
        accounts.chain(holds).chain(grants).find_map(|needed| self.unreadable.get(&needed))
    }

    /// Takes in a grant that was loaded.
    pub fn put_grant(&mut self, account: AccountId, grant: Grant) {
        if let Some(cached) = self.accounts.get_mut(&account) {
            cached.account.take_in(grant);
        }
    }

    /// Takes in a cap that was loaded.
    pub fn put_cap(&mut self, account: AccountId, cap: SpendingCap) {
        if let Some(cached) = self.accounts.get_mut(&account) {
            cached.account.caps.push(cap);
        }
    }

    /// The holds that a post names and that are not in memory.
    pub fn missing_holds(&self, post: &Post) -> Vec<HoldId> {
        let Some(cached) = self.accounts.get(&post.account) else { return Vec::new() };
        named_holds(&post.command).filter(|id| !cached.holds.contains_key(id)).collect()
    }

    /// Grants that deciding a post needs and that are not in memory: a hold's or a named one may be spent.
    pub fn missing_grants(&self, post: &Post) -> Vec<GrantId> {
        let Some(cached) = self.accounts.get(&post.account) else { return Vec::new() };
        let holds = named_holds(&post.command).filter_map(|id| cached.holds.get(&id));
        let parts = holds.flat_map(|hold| &hold.parts);
        let wanted = parts.map(|part| part.grant).chain(named_grant(&post.command));
        wanted.filter(|grant| cached.account.grant(*grant).is_none()).collect()
    }

    /// Decides a post whose accounts, hold and grants are in memory as far as they exist.
    pub fn decide(&self, post: &Post, now: Time) -> Result<Decided, PostError> {
        if let Some(why) = self.unreadable(post) {
            return Err(PostError::Storage(why.clone()));
        }
        let account = |id| self.accounts.get(&id).ok_or(PostError::UnknownAccount);
        let Cached { account: from, holds, .. } = account(post.account)?;
        let mut new_id = || self.ids.next();
        let entries = match &post.command {
            Command::Transfer { to, amount } => {
                let to = &account(*to)?.account;
                let (out, into) = decide_transfer(from, to, *amount, &mut new_id, now)?;
                vec![after(from, out)?, after(to, into)?]
            }
            Command::RefundUses { parts } => {
                let named: Vec<&Hold> = parts.iter().filter_map(|(id, _)| holds.get(id)).collect();
                decide_refunds(from, &named, parts, &mut new_id, now)?
            }
            command => {
                let hold = named_holds(command).next().and_then(|id| holds.get(&id));
                vec![after(from, decide(from, hold, command, &mut new_id, now)?)?]
            }
        };
        let own: Vec<_> = entries.iter().filter(|(entry, _)| entry.account == post.account).collect();
        let (entry, state) = own.last().expect("a decision has an entry of its account");
        let posted = Posted {
            entries: entries.iter().map(|(entry, _)| entry.id).collect(),
            entry: entries[0].0.id,
            at: now,
            available: state.spendable(now),
            held: state.held,
            hold: entry.hold.clone(),
            postings: own.iter().flat_map(|(entry, _)| entry.postings.iter().copied()).collect(),
        };
        Ok(Decided { posted, entries, call: post.call, reason: post.reason.clone() })
    }

    /// Makes a decision the state, and writes it down for the batch.
    pub fn accept(&mut self, decided: Decided) -> Posted {
        let Decided { posted, entries, call, reason } = decided;
        for (entry, after) in entries {
            let cached = self.accounts.get_mut(&entry.account).expect("it was decided on");
            let previous = cached.account.last_entry.map(|entry| entry.0);
            self.journal.post(&entry, after.service, previous);
            self.journal.accounts.insert(entry.account);
            for new in &entry.grants {
                self.journal.new_grants.insert(new.id, (entry.account, reason.clone(), entry.at));
            }
            if let Some(grant) = entry.charged_back {
                self.journal.grant((entry.account, grant), Moved::Anything);
            }
            if !entry.caps.is_empty() {
                self.journal.caps.insert(entry.account);
            }
            match &entry.change {
                Some(AccountChange::Capped(_)) => drop(self.journal.caps.insert(entry.account)),
                Some(AccountChange::Uncapped(cap)) => self.journal.uncapped.push((entry.account, cap.clone())),
                Some(AccountChange::Suspended(_) | AccountChange::Stopped(_)) | None => {}
            }
            cached.account = after;
            if let Some(hold) = entry.hold {
                self.keep_hold(hold, call, entry.at);
            }
        }
        posted
    }

    fn keep_hold(&mut self, hold: Hold, call: Option<CallId>, at: Time) {
        let Some(cached) = self.accounts.get_mut(&hold.account) else { return };
        let is_new = hold.entry == hold.last_entry && !cached.holds.contains_key(&hold.id);
        let ended_at = (!hold.state.is_live()).then_some(at);
        match self.journal.holds.get_mut(&hold.id) {
            Some(row) => {
                row.ended_at = row.ended_at.or(ended_at);
                row.hold.clone_from(&hold);
            }
            None => drop(self.journal.holds.insert(hold.id, HoldRow { hold: hold.clone(), call, is_new, ended_at })),
        }
        cached.holds.insert(hold.id, hold);
    }

    /// Writes a vendor's movement down for the batch.
    pub fn accept_vendor(&mut self, post: &VendorPost, now: Time) -> i64 {
        self.journal.post_vendor(post, &self.ids, now)
    }

    /// What the batch changes.
    pub fn journal(&self) -> &Journal {
        &self.journal
    }

    /// An account in memory, with its version before the batch.
    pub fn account(&self, id: AccountId) -> Option<(&Account, i64)> {
        self.accounts.get(&id).map(|cached| (&cached.account, cached.version))
    }

    /// The batch was committed: versions rise, what has ended leaves memory.
    pub fn committed(&mut self) {
        let journal = std::mem::take(&mut self.journal);
        for id in &journal.accounts {
            if let Some(cached) = self.accounts.get_mut(id) {
                cached.version += 1;
                cached.account.grants.retain(|grant| !grant.is_spent());
            }
        }
        let ended =
            journal.holds.values().filter(|row| row.ended_at.is_some()).map(|row| (row.hold.account, row.hold.id));
        for (account, hold) in ended.chain(self.ended.drain(..)) {
            if let Some(cached) = self.accounts.get_mut(&account) {
                cached.holds.remove(&hold);
            }
        }
        self.unreadable.clear();
        if CACHED < self.accounts.len() {
            self.forget();
        }
    }
}

fn after(account: &Account, entry: Entry) -> Result<(Entry, Account), PostError> {
    let mut after = account.clone();
    after.apply(&entry).map_err(|corruption| {
        PostError::Storage(format!("the ledger is not consistent: {corruption}. Run `iap ledger verify`"))
    })?;
    Ok((entry, after))
}

/// The holds that a command names.
fn named_holds(command: &Command) -> impl Iterator<Item = HoldId> + use<'_> {
    let one = match command {
        Command::Capture { hold, .. }
        | Command::Release { hold }
        | Command::ExpireHold { hold }
        | Command::Keep { hold, .. }
        | Command::MarkUnknown { hold, .. }
        | Command::RefundUse { hold, .. } => Some(*hold),
        _ => None,
    };
    let several: &[(HoldId, Credits)] = match command {
        Command::RefundUses { parts } => parts,
        _ => &[],
    };
    one.into_iter().chain(several.iter().map(|(hold, _)| *hold))
}

/// The grant that a command names.
pub(crate) fn named_grant(command: &Command) -> Option<GrantId> {
    match command {
        Command::ExpireGrant { grant }
        | Command::RefundCredits { grant, .. }
        | Command::Chargeback { grant }
        | Command::ProcessorFee { grant, .. } => Some(*grant),
        _ => None,
    }
}
