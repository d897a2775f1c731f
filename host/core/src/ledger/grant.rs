//! Grants: lots of credits, what became of them, and what revenue they carry.
//!
//! Of a grant's price, as much has left deferred revenue as of its credits have gone, rounded down:
//! `floor(price × gone / amount)`. Each movement posts the difference to what was posted before, so
//! that all of the price has gone when the last credit has, whatever the parts were. The vendor's part is
//! cumulative in the same way: `floor(basis × (10000 − fee) / 10000)`.

use super::{Asset, Book, Posting};
use crate::words::worded;
use crate::{Credits, Money, Time, ids::GrantId};

worded! {
    /// Where a grant came from.
    GrantKind, "kind of grant" {
        /// Given once to an eligible database.
        Trial = "trial",
        /// Given by the operator.
        Gift = "gift",
        /// Given back for a use whose own grant has expired.
        Refund = "refund",
        /// Given by the operator to set a balance right.
        Adjustment = "adjustment",
        /// Bought.
        Purchase = "purchase",
    }
}

worded! {
    /// Whose the money is of credits that were paid and expired.
    Breakage, "party that has breakage" {
        /// The vendor, less the platform's fee.
        Vendor = "vendor",
        /// The host.
        Host = "host",
    }
}

/// How revenue of a grant is shared: as it was when the grant was bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Share {
    /// Platform's fee, in basis points of what is earned: 2500 is 25 %. At most 10000.
    pub fee_bps: u16,
    /// Whose breakage is.
    pub breakage_to: Breakage,
}

impl Share {
    /// For grants without a price.
    pub const NONE: Self = Self { fee_bps: 0, breakage_to: Breakage::Host };
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
    /// What was taken back without money.
    pub voided: Credits,
    /// Of it: what repaid a debt of the account.
    pub repaid: Credits,
    /// What went to another grant.
    pub transferred: Credits,
    /// When it came into being.
    pub created_at: Time,
    /// It may be spent before this moment.
    pub expires_at: Time,
    /// Price paid for all of it, without tax.
    pub price: Option<Money>,
    /// Tax paid beside it, in minor units.
    pub tax: i64,
    /// How its revenue is shared.
    pub share: Share,
    /// What has left deferred revenue, in minor units.
    pub recognized: i64,
    /// Of it: earned by use.
    pub earned: i64,
    /// Of it: breakage.
    pub lapsed: i64,
    /// Of it: given back to the customer.
    pub returned: i64,
    /// Of it: gone to other grants.
    pub moved: i64,
    /// Of what was earned (and of breakage, if it is the vendor's): the vendor's part.
    pub vendor_due: i64,
    /// Of the tax: given back.
    pub tax_returned: i64,
    /// Whether the customer took the price back.
    pub charged_back: bool,
    /// The grant that it was a part of, if any.
    pub origin: Option<GrantId>,
}

/// A posting that a grant cannot take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OutOfRange(pub Book);

impl Grant {
    /// Burn order: trial first, then soonest to expire, then oldest. Total, so that every host agrees. Ids of one
    /// host rise with time; those of several do not, so time decides first.
    pub fn burn_key(&self) -> (bool, Time, Time, GrantId) {
        (self.kind != GrantKind::Trial, self.expires_at, self.created_at, self.id)
    }

    /// Whether its credits may be spent at a moment.
    pub fn is_usable(&self, now: Time) -> bool {
        now < self.expires_at && self.available.is_positive()
    }

    /// Whether nothing can happen to it any more but a refund of a use, or of its price.
    pub fn is_spent(&self) -> bool {
        self.available.is_zero() && self.held.is_zero()
    }

    /// Credits that have left it, whatever for.
    pub fn gone(&self) -> Credits {
        Credits::checked_sum([self.consumed, self.expired, self.refunded, self.voided, self.transferred])
            .expect("parts of an amount that fits")
    }

    /// Part of the price that belongs to so many of its credits, in minor units, rounded down.
    pub fn price_of(&self, credits: Credits) -> i64 {
        self.price.map_or(0, |price| self.part(price.minor, credits))
    }

    /// Part of the tax that belongs to so many of its credits, in minor units, rounded down.
    pub fn tax_of(&self, credits: Credits) -> i64 {
        self.part(self.tax, credits)
    }

    fn part(&self, whole: i64, credits: Credits) -> i64 {
        let part = i128::from(whole) * i128::from(credits.micros()) / i128::from(self.amount.micros().max(1));
        i64::try_from(part).expect("a part of a number that fits")
    }

    /// What is to leave deferred revenue now that its credits stand as they do.
    pub(super) fn unrecognized(&self) -> i64 {
        (self.price_of(self.gone()) - self.recognized).max(0)
    }

    /// What is to return to deferred revenue now that fewer of its credits are consumed.
    pub(super) fn unearned(&self) -> i64 {
        if self.consumed.is_zero() { self.earned } else { (self.earned - self.price_of(self.consumed)).max(0) }
    }

    /// The vendor's part of what its uses have earned, and of `more`.
    pub(super) fn vendor_part_of_use(&self, more: i64) -> i64 {
        self.vendor_part(self.earned + more)
    }

    /// The vendor's part of all that it has brought in.
    pub(super) fn vendor_part_of_all(&self) -> i64 {
        let lapsed = if self.share.breakage_to == Breakage::Vendor { self.lapsed } else { 0 };
        self.vendor_part(self.earned + lapsed)
    }

    fn vendor_part(&self, basis: i64) -> i64 {
        let part = i128::from(basis) * i128::from(10_000 - self.share.fee_bps.min(10_000)) / 10_000;
        i64::try_from(part).expect("a part of a number that fits")
    }

    /// Takes a posting of credits or money.
    pub(super) fn fold(&mut self, posting: &Posting) -> Result<(), OutOfRange> {
        match posting.asset {
            Asset::Credits => {
                let amount = Credits::from_micros(posting.amount);
                // Credits that arrive from another grant begin this one.
                if posting.debit != Book::Transferred
                    && let Some(value) = self.credits_of(posting.debit)
                {
                    let rest = value.checked_sub(amount).filter(|rest| Credits::ZERO <= *rest);
                    *value = rest.ok_or(OutOfRange(posting.debit))?;
                }
                if let Some(value) = self.credits_of(posting.credit) {
                    *value = value.checked_add(amount).ok_or(OutOfRange(posting.credit))?;
                }
                if (posting.debit, posting.credit) == (Book::ChargedBack, Book::Debt) {
                    let repaid = self.repaid.checked_add(amount).filter(|repaid| *repaid <= self.voided);
                    self.repaid = repaid.ok_or(OutOfRange(posting.credit))?;
                }
                Ok(())
            }
            Asset::Money(_) => self.fold_money(posting),
        }
    }

    fn credits_of(&mut self, book: Book) -> Option<&mut Credits> {
        match book {
            Book::Available => Some(&mut self.available),
            Book::Held => Some(&mut self.held),
            Book::Consumed => Some(&mut self.consumed),
            Book::Expired => Some(&mut self.expired),
            Book::Refunded => Some(&mut self.refunded),
            Book::Voided => Some(&mut self.voided),
            Book::Transferred => Some(&mut self.transferred),
            _ => None,
        }
    }

    fn fold_money(&mut self, posting: &Posting) -> Result<(), OutOfRange> {
        use Book::{
            Breakage, CashReceived, ChargebackLoss, DeferredRevenue, PlatformFee, ProcessorFees, Refunds, Tax,
            TransferredRevenue, VendorAccrued,
        };
        let amount = posting.amount;
        match (posting.debit, posting.credit) {
            (DeferredRevenue, VendorAccrued) => {
                self.recognized += amount;
                self.earned += amount;
                self.vendor_due += amount;
            }
            (VendorAccrued, DeferredRevenue) => {
                self.recognized -= amount;
                self.earned -= amount;
                self.vendor_due -= amount;
            }
            (DeferredRevenue, PlatformFee) => {
                self.recognized += amount;
                self.earned += amount;
            }
            (PlatformFee, DeferredRevenue) => {
                self.recognized -= amount;
                self.earned -= amount;
            }
            (DeferredRevenue, Breakage) => {
                self.recognized += amount;
                self.lapsed += amount;
            }
            (Breakage, VendorAccrued) => self.vendor_due += amount,
            (VendorAccrued, Breakage) => self.vendor_due -= amount,
            (DeferredRevenue, Refunds) => {
                self.recognized += amount;
                self.returned += amount;
            }
            (DeferredRevenue, TransferredRevenue) => {
                self.recognized += amount;
                self.moved += amount;
            }
            (DeferredRevenue, ChargebackLoss) => self.recognized += amount,
            (Tax, Refunds) => self.tax_returned += amount,
            (ChargebackLoss, Refunds)
            | (CashReceived | TransferredRevenue, DeferredRevenue)
            | (CashReceived, Tax)
            | (ProcessorFees, CashReceived) => {}
            (_, credit) => return Err(OutOfRange(credit)),
        }
        let price = self.price.map_or(0, |price| price.minor);
        let fits = 0 <= self.earned
            && 0 <= self.vendor_due
            && self.vendor_due <= self.earned + self.lapsed
            && self.earned + self.lapsed + self.returned + self.moved <= self.recognized
            && self.recognized <= price
            && self.tax_returned <= self.tax;
        if fits { Ok(()) } else { Err(OutOfRange(posting.credit)) }
    }
}
