//! An account as the ledger sees it: its open grants and what they add up to.

use super::{AccountChange, Asset, Book, Entry, Grant, Posting, SpendingCap};
use crate::{
    Credits, Time,
    ids::{AccountId, EntryId, GrantId, ServiceId},
};

/// An account and its grants that are not used up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Whose credits these are.
    pub service: ServiceId,
    /// Why nothing may be spent, if so: a code such as `hosting-refused`.
    pub suspended: Option<String>,
    /// Why nothing at all may be posted, if so.
    pub stopped: Option<String>,
    /// Σ available of its grants, expired ones that were not swept yet included.
    pub available: Credits,
    /// Σ held of its grants.
    pub held: Credits,
    /// What it owes for credits that were used and charged back.
    pub debt: Credits,
    /// Its newest entry; the chain of its entries begins here.
    pub last_entry: Option<EntryId>,
    /// Spending caps, one for each company and period.
    pub caps: Vec<SpendingCap>,
    /// Grants that are not used up, in burn order; others as far as they were needed.
    pub grants: Vec<Grant>,
}

/// A posting that the books cannot take: the ledger or the code is wrong, never the customer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Corruption {
    /// It names a grant that the account does not have.
    #[error("a posting of {account} names {grant}, which it does not have")]
    UnknownGrant {
        /// The account.
        account: AccountId,
        /// The grant.
        grant: GrantId,
    },
    /// A book would fall below zero or overflow.
    #[error("{book} of {account} would be out of range", book = .book.as_str())]
    OutOfRange {
        /// The account.
        account: AccountId,
        /// The book.
        book: Book,
    },
}

impl Account {
    /// An account to which nothing has happened.
    pub fn new(id: AccountId, service: ServiceId) -> Self {
        Self {
            id,
            service,
            suspended: None,
            stopped: None,
            available: Credits::ZERO,
            held: Credits::ZERO,
            debt: Credits::ZERO,
            last_entry: None,
            caps: Vec::new(),
            grants: Vec::new(),
        }
    }

    /// What may be spent at a moment: unlike [`Account::available`], without grants that have expired.
    pub fn spendable(&self, now: Time) -> Credits {
        let usable = self.grants.iter().filter(|grant| grant.is_usable(now)).map(|grant| grant.available);
        Credits::checked_sum(usable).unwrap_or(Credits::MAX)
    }

    /// One of its grants.
    pub fn grant(&self, id: GrantId) -> Option<&Grant> {
        self.grants.iter().find(|grant| grant.id == id)
    }

    /// Takes in a grant that was loaded, at its place in burn order; nothing if it is there already.
    pub fn take_in(&mut self, grant: Grant) {
        if self.grant(grant.id).is_none() {
            let place = self.grants.partition_point(|other| other.burn_key() < grant.burn_key());
            self.grants.insert(place, grant);
        }
    }

    /// Applies an entry. If it fails, the account is to be thrown away: callers apply to a copy.
    pub fn apply(&mut self, entry: &Entry) -> Result<(), Corruption> {
        for new in &entry.grants {
            self.take_in(new.begin(entry.at));
        }
        for posting in &entry.postings {
            self.post(posting)?;
        }
        if let Some(id) = entry.charged_back {
            let grant = self.grants.iter_mut().find(|grant| grant.id == id);
            grant.ok_or(Corruption::UnknownGrant { account: self.id, grant: id })?.charged_back = true;
        }
        for cap in &entry.caps {
            self.replace(cap);
        }
        match &entry.change {
            Some(AccountChange::Suspended(reason)) => self.suspended.clone_from(reason),
            Some(AccountChange::Stopped(reason)) => self.stopped.clone_from(reason),
            Some(AccountChange::Capped(cap)) => self.replace(cap),
            Some(AccountChange::Uncapped(gone)) => {
                self.caps.retain(|cap| (&cap.company, cap.period) != (&gone.company, gone.period));
            }
            None => {}
        }
        if !entry.postings.is_empty() {
            self.last_entry = Some(entry.id);
        }
        Ok(())
    }

    fn replace(&mut self, cap: &SpendingCap) {
        match self.caps.iter_mut().find(|other| (&other.company, other.period) == (&cap.company, cap.period)) {
            Some(other) => other.clone_from(cap),
            None => self.caps.push(cap.clone()),
        }
    }

    fn post(&mut self, posting: &Posting) -> Result<(), Corruption> {
        let account = self.id;
        let out_of_range = |book| Corruption::OutOfRange { account, book };
        if let Some(id) = posting.grant {
            let grant = self.grants.iter_mut().find(|grant| grant.id == id);
            let grant = grant.ok_or(Corruption::UnknownGrant { account, grant: id })?;
            grant.fold(posting).map_err(|error| out_of_range(error.0))?;
        }
        if posting.asset != Asset::Credits {
            return Ok(());
        }
        let amount = Credits::from_micros(posting.amount);
        let totals = [
            (Book::Available, false, &mut self.available),
            (Book::Held, false, &mut self.held),
            (Book::Debt, true, &mut self.debt),
        ];
        for (book, by_debits, total) in totals {
            let (up, down) = if by_debits { (posting.debit, posting.credit) } else { (posting.credit, posting.debit) };
            if down == book {
                let rest = total.checked_sub(amount).filter(|rest| Credits::ZERO <= *rest);
                *total = rest.ok_or(out_of_range(book))?;
            }
            if up == book {
                *total = total.checked_add(amount).ok_or(out_of_range(book))?;
            }
        }
        Ok(())
    }
}
