//! An account as the ledger sees it: its open grants and what they add up to.

use super::{Asset, Book, Entry, Posting};
use crate::{
    Credits, Money, Time,
    ids::{AccountId, EntryId, GrantId},
};

/// Where a grant came from. The order is the burn order of kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GrantKind {
    /// Given once to an eligible database.
    Trial,
    /// Given by the operator.
    Gift,
    /// Given back for a use.
    Refund,
    /// Bought.
    Purchase,
}

impl GrantKind {
    /// Stored and shown name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Trial => "trial",
            Self::Gift => "gift",
            Self::Refund => "refund",
            Self::Purchase => "purchase",
        }
    }

    /// From the stored name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Trial, Self::Gift, Self::Refund, Self::Purchase].into_iter().find(|kind| kind.as_str() == name)
    }
}

/// A lot of credits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Its id; rises with time.
    pub id: GrantId,
    /// Where it came from.
    pub kind: GrantKind,
    /// Credits given.
    pub amount: Credits,
    /// What may be spent of it.
    pub available: Credits,
    /// What live holds have set aside of it.
    pub held: Credits,
    /// What was spent of it.
    pub consumed: Credits,
    /// What expired of it.
    pub expired: Credits,
    /// What was taken back against money.
    pub refunded: Credits,
    /// It may be spent before this moment.
    pub expires_at: Time,
    /// Price paid for all of it.
    pub price: Option<Money>,
}

impl Grant {
    /// Burn order: trial first, then soonest to expire, then oldest. Total, so that every host agrees.
    pub fn burn_key(&self) -> (bool, Time, GrantId) {
        (self.kind != GrantKind::Trial, self.expires_at, self.id)
    }

    /// Whether its credits may be spent at a moment.
    pub fn is_usable(&self, now: Time) -> bool {
        now < self.expires_at && self.available.is_positive()
    }

    /// Whether nothing can happen to it any more but a refund of a use.
    pub fn is_spent(&self) -> bool {
        self.available.is_zero() && self.held.is_zero()
    }

    fn book(&mut self, book: Book) -> Option<&mut Credits> {
        match book {
            Book::Available => Some(&mut self.available),
            Book::Held => Some(&mut self.held),
            Book::Consumed => Some(&mut self.consumed),
            Book::Expired => Some(&mut self.expired),
            Book::Refunded => Some(&mut self.refunded),
            Book::Issued | Book::CashReceived | Book::DeferredRevenue => None,
        }
    }
}

/// An account and its grants that are not used up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Why nothing may be spent, if so: a code such as `hosting-refused`.
    pub suspended: Option<String>,
    /// Σ available of its grants, expired ones that were not swept yet included.
    pub available: Credits,
    /// Σ held of its grants.
    pub held: Credits,
    /// Its newest entry; the chain of its entries begins here.
    pub last_entry: Option<EntryId>,
    /// Grants that are not used up, in burn order.
    pub grants: Vec<Grant>,
}

/// A posting that the books cannot take: the ledger or the code is wrong, never the customer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Corruption {
    /// It names a grant that the account does not have open.
    #[error("a posting of {account} names {grant}, which it does not have")]
    UnknownGrant {
        /// The account.
        account: AccountId,
        /// The grant.
        grant: GrantId,
    },
    /// A book would fall below zero or overflow.
    #[error("{book} of {grant} on {account} would be out of range", book = .book.as_str())]
    OutOfRange {
        /// The account.
        account: AccountId,
        /// The grant.
        grant: GrantId,
        /// The book.
        book: Book,
    },
}

impl Account {
    /// An account to which nothing has happened.
    pub fn new(id: AccountId) -> Self {
        Self {
            id,
            suspended: None,
            available: Credits::ZERO,
            held: Credits::ZERO,
            last_entry: None,
            grants: Vec::new(),
        }
    }

    /// What may be spent at a moment: unlike [`Account::available`], without grants that have expired.
    pub fn spendable(&self, now: Time) -> Credits {
        let usable = self.grants.iter().filter(|grant| grant.is_usable(now)).map(|grant| grant.available);
        Credits::checked_sum(usable).unwrap_or(Credits::MAX)
    }

    /// Applies an entry. If it fails, the account is to be thrown away: callers apply to a copy.
    pub fn apply(&mut self, entry: &Entry) -> Result<(), Corruption> {
        if let Some(new) = &entry.grant {
            let grant = Grant {
                id: new.id,
                kind: new.kind,
                amount: new.amount,
                available: Credits::ZERO,
                held: Credits::ZERO,
                consumed: Credits::ZERO,
                expired: Credits::ZERO,
                refunded: Credits::ZERO,
                expires_at: new.expires_at,
                price: new.price,
            };
            let place = self.grants.partition_point(|other| other.burn_key() < grant.burn_key());
            self.grants.insert(place, grant);
        }
        for posting in entry.postings.iter().filter(|posting| posting.asset == Asset::Credits) {
            self.post(posting)?;
        }
        self.last_entry = Some(entry.id);
        Ok(())
    }

    fn post(&mut self, posting: &Posting) -> Result<(), Corruption> {
        let (account, grant_id) = (self.id, posting.grant);
        let amount = Credits::from_micros(posting.amount);
        let grant = self
            .grants
            .iter_mut()
            .find(|grant| grant.id == grant_id)
            .ok_or(Corruption::UnknownGrant { account, grant: grant_id })?;
        let out_of_range = |book| Corruption::OutOfRange { account, grant: grant_id, book };
        let down = |value: &mut Credits, book| {
            *value = value.checked_sub(amount).filter(|rest| Credits::ZERO <= *rest).ok_or(out_of_range(book))?;
            Ok(())
        };
        let up = |value: &mut Credits, book| {
            *value = value.checked_add(amount).ok_or(out_of_range(book))?;
            Ok(())
        };
        if let Some(value) = grant.book(posting.debit) {
            down(value, posting.debit)?;
        }
        if let Some(value) = grant.book(posting.credit) {
            up(value, posting.credit)?;
        }
        for (book, total) in [(Book::Available, &mut self.available), (Book::Held, &mut self.held)] {
            if posting.debit == book {
                down(total, book)?;
            }
            if posting.credit == book {
                up(total, book)?;
            }
        }
        Ok(())
    }
}
