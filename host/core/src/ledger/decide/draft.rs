//! A decision in the making: postings, and the grants as they are after them.

use super::super::{Account, Asset, Book, Entry, EntryKind, Grant, Hold, NewGrant, Posting, Refusal, SpendingCap};
use crate::{
    Credits, Time,
    ids::{EntryId, GrantId, HoldId},
};

/// Collects the postings of one entry. Credits that go take their part of the price along.
pub(super) struct Draft<'a> {
    account: &'a Account,
    hold: Option<HoldId>,
    now: Time,
    grants: Vec<Grant>,
    new: Vec<NewGrant>,
    postings: Vec<Posting>,
    debt: Credits,
}

impl<'a> Draft<'a> {
    pub fn new(account: &'a Account, hold: Option<HoldId>, now: Time) -> Self {
        Self {
            account,
            hold,
            now,
            grants: Vec::new(),
            new: Vec::new(),
            postings: Vec::with_capacity(2),
            debt: account.debt,
        }
    }

    /// Whether nothing was posted.
    pub fn is_empty(&self) -> bool {
        self.postings.is_empty()
    }

    /// The entry with what was posted.
    pub fn entry(self, id: EntryId, kind: EntryKind) -> Entry {
        let Self { account, now, new, postings, .. } = self;
        Entry { postings, grants: new, ..Entry::new(id, Some(kind), account.id, now) }
    }

    /// The same, for what a hold has become; `back` of its credits are free again for its caps.
    pub fn entry_of_hold(self, id: EntryId, kind: EntryKind, hold: Hold, back: Credits) -> Entry {
        let caps = returned(self.account, &hold, back);
        // A hold of which all was taken ends without a posting: such an entry is stored nowhere.
        let last_entry = if self.postings.is_empty() { hold.last_entry } else { id };
        Entry { hold: Some(Hold { last_entry, ..hold }), caps, ..self.entry(id, kind) }
    }

    /// A grant as it is now.
    pub fn grant(&mut self, id: GrantId) -> Result<&mut Grant, Refusal> {
        if let Some(place) = self.grants.iter().position(|grant| grant.id == id) {
            return Ok(&mut self.grants[place]);
        }
        let grant = self.account.grant(id).ok_or(Refusal::UnknownGrant)?;
        self.grants.push(grant.clone());
        Ok(self.grants.last_mut().expect("it was pushed"))
    }

    fn post(&mut self, grant: GrantId, asset: Asset, debit: Book, credit: Book, amount: i64) -> Result<(), Refusal> {
        if amount == 0 {
            return Ok(());
        }
        let posting =
            Posting { account: self.account.id, grant: Some(grant), hold: self.hold, asset, debit, credit, amount };
        self.grant(grant)?
            .fold(&posting)
            .map_err(|error| Refusal::Inconsistent(format!("{} of {grant} would be out of range", error.0.as_str())))?;
        self.postings.push(posting);
        Ok(())
    }

    pub fn credits(&mut self, grant: GrantId, from: Book, to: Book, amount: Credits) -> Result<(), Refusal> {
        self.post(grant, Asset::Credits, from, to, amount.micros())
    }

    /// Money of a grant, in its currency; nothing for a grant without price.
    pub fn money(&mut self, grant: GrantId, debit: Book, credit: Book, minor: i64) -> Result<(), Refusal> {
        match self.grant(grant)?.price {
            Some(price) => self.post(grant, Asset::Money(price.currency), debit, credit, minor),
            None => Ok(()),
        }
    }

    /// A new grant, with the money that was paid for it.
    pub fn begin(&mut self, new: &NewGrant, from: Book) -> Result<(), Refusal> {
        self.grants.push(new.begin(self.now));
        self.new.push(new.clone());
        self.credits(new.id, from, Book::Available, new.amount)?;
        let paid = if from == Book::Transferred { Book::TransferredRevenue } else { Book::CashReceived };
        self.money(new.id, paid, Book::DeferredRevenue, new.price.map_or(0, |price| price.minor))?;
        self.money(new.id, Book::CashReceived, Book::Tax, new.tax)
    }

    /// Credits of the hold are spent: their part of the price is earned. Of a charged-back grant, they are owed.
    pub fn consume(&mut self, grant: GrantId, amount: Credits) -> Result<(), Refusal> {
        self.credits(grant, Book::Held, Book::Consumed, amount)?;
        let state = self.grant(grant)?;
        let earned = state.unrecognized();
        let to_vendor = state.vendor_part_of_use(earned) - state.vendor_part_of_use(0);
        let owed = state.charged_back;
        self.money(grant, Book::DeferredRevenue, Book::VendorAccrued, to_vendor)?;
        self.money(grant, Book::DeferredRevenue, Book::PlatformFee, earned - to_vendor)?;
        self.round(grant)?;
        if owed { self.owe(grant, amount) } else { Ok(()) }
    }

    /// Credits of a charged-back grant were used: the account owes them.
    pub fn owe(&mut self, grant: GrantId, amount: Credits) -> Result<(), Refusal> {
        self.debt = self.debt.checked_add(amount).ok_or(Refusal::TooManyCredits)?;
        self.credits(grant, Book::Debt, Book::ChargedBack, amount)
    }

    /// Credits of a use go elsewhere: their part of the price is not earned any more. Answers that part.
    pub fn unconsume(&mut self, grant: GrantId, to: Book, amount: Credits) -> Result<i64, Refusal> {
        self.credits(grant, Book::Consumed, to, amount)?;
        let state = self.grant(grant)?;
        let unearned = state.unearned();
        let from_vendor = state.vendor_part_of_use(0) - state.vendor_part_of_use(-unearned);
        self.money(grant, Book::VendorAccrued, Book::DeferredRevenue, from_vendor)?;
        self.money(grant, Book::PlatformFee, Book::DeferredRevenue, unearned - from_vendor)?;
        self.round(grant)?;
        Ok(unearned)
    }

    /// Credits expire: their part of the price is breakage.
    pub fn lapse(&mut self, grant: GrantId, from: Book, amount: Credits) -> Result<(), Refusal> {
        self.credits(grant, from, Book::Expired, amount)?;
        self.break_off(grant)
    }

    fn break_off(&mut self, grant: GrantId) -> Result<(), Refusal> {
        let lapsed = self.grant(grant)?.unrecognized();
        self.money(grant, Book::DeferredRevenue, Book::Breakage, lapsed)?;
        self.round(grant)
    }

    /// The vendor's parts of uses and of breakage are rounded down together: what that changes is breakage.
    fn round(&mut self, grant: GrantId) -> Result<(), Refusal> {
        let state = self.grant(grant)?;
        match state.vendor_part_of_all() - state.vendor_due {
            more @ 0.. => self.money(grant, Book::Breakage, Book::VendorAccrued, more),
            less => self.money(grant, Book::VendorAccrued, Book::Breakage, -less),
        }
    }

    /// Credits are taken back without money; what was paid for them goes to `money`.
    pub fn void(&mut self, grant: GrantId, from: Book, amount: Credits, money: Book) -> Result<(), Refusal> {
        self.credits(grant, from, Book::Voided, amount)?;
        if money == Book::Breakage {
            return self.break_off(grant);
        }
        let part = self.grant(grant)?.unrecognized();
        self.money(grant, Book::DeferredRevenue, money, part)
    }

    /// Credits of a new purchase repay a debt; their price makes good for what the chargeback lost.
    pub fn repay(&mut self, grant: GrantId, amount: Credits) -> Result<(), Refusal> {
        self.void(grant, Book::Available, amount, Book::ChargebackLoss)?;
        self.credits(grant, Book::ChargedBack, Book::Debt, amount)
    }

    /// Held credits come back. Those of an expired grant expire at once, those of a charged-back one are void.
    pub fn give_back(&mut self, grant: GrantId, amount: Credits) -> Result<(), Refusal> {
        let now = self.now;
        let state = self.grant(grant)?;
        if state.charged_back {
            self.void(grant, Book::Held, amount, Book::ChargebackLoss)
        } else if state.expires_at <= now {
            self.lapse(grant, Book::Held, amount)
        } else {
            self.credits(grant, Book::Held, Book::Available, amount)
        }
    }
}

/// Caps after credits of a hold came back.
pub(super) fn returned(account: &Account, hold: &Hold, back: Credits) -> Vec<SpendingCap> {
    if !back.is_positive() {
        return Vec::new();
    }
    let bounding = account.caps.iter().filter(|cap| cap.bounds(hold.company.as_deref()));
    bounding.map(|cap| cap.without(back, hold.created_at)).collect()
}
