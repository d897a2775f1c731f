//! What postings make of one grant, added up in any order: what the verifier and the self-check compare with.
//!
//! [`Grant`]'s own fold takes postings in the order they happened and refuses what goes out of range. With several
//! hosts the order of entry ids is not that order, and a ledger that was tampered with is out of range: here
//! nothing is refused but a pair of books between which nothing ever moves.

use super::{Book, Breakage, Grant};

/// Sums over the postings of one grant: credits in micro-credits, money in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Credits that it began with.
    pub given: i128,
    /// Credits that may be spent.
    pub available: i128,
    /// Credits set aside.
    pub held: i128,
    /// Credits spent.
    pub consumed: i128,
    /// Credits expired.
    pub expired: i128,
    /// Credits taken back against money.
    pub refunded: i128,
    /// Credits taken back without money.
    pub voided: i128,
    /// Of them: what repaid a debt.
    pub repaid: i128,
    /// Credits gone to another grant.
    pub transferred: i128,
    /// Price received.
    pub paid: i128,
    /// Tax received.
    pub tax: i128,
    /// Of the price: what left deferred revenue.
    pub recognized: i128,
    /// Of it: earned by use.
    pub earned: i128,
    /// Of it: breakage.
    pub lapsed: i128,
    /// Of it: given back to the customer.
    pub returned: i128,
    /// Gone to other grants.
    pub moved: i128,
    /// The vendor's part.
    pub vendor_due: i128,
    /// Of the tax: given back.
    pub tax_returned: i128,
}

/// Nothing ever moves between these books.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("nothing moves from {} to {}", .debit.as_str(), .credit.as_str())]
pub struct UnknownMove {
    /// Book debited.
    pub debit: Book,
    /// Book credited.
    pub credit: Book,
}

impl Tally {
    /// What a stored grant says of itself.
    pub fn of(grant: &Grant) -> Self {
        let credits = |credits: crate::Credits| i128::from(credits.micros());
        Self {
            given: credits(grant.amount),
            available: credits(grant.available),
            held: credits(grant.held),
            consumed: credits(grant.consumed),
            expired: credits(grant.expired),
            refunded: credits(grant.refunded),
            voided: credits(grant.voided),
            repaid: credits(grant.repaid),
            transferred: credits(grant.transferred),
            paid: grant.price.map_or(0, |price| price.minor).into(),
            tax: grant.tax.into(),
            recognized: grant.recognized.into(),
            earned: grant.earned.into(),
            lapsed: grant.lapsed.into(),
            returned: grant.returned.into(),
            moved: grant.moved.into(),
            vendor_due: grant.vendor_due.into(),
            tax_returned: grant.tax_returned.into(),
        }
    }

    /// Adds a posting of the grant.
    pub fn add(&mut self, debit: Book, credit: Book, amount: i64) -> Result<(), UnknownMove> {
        if !moves(debit, credit) {
            return Err(UnknownMove { debit, credit });
        }
        let amount = i128::from(amount);
        if debit.is_of_credits() {
            // Credits that come from another grant begin this one.
            if let Some(sum) = self.credits_of(debit).filter(|_| debit != Book::Transferred) {
                *sum -= amount;
            }
            if let Some(sum) = self.credits_of(credit) {
                *sum += amount;
            }
            match (debit, credit) {
                (Book::Issued | Book::Transferred, _) => self.given += amount,
                (Book::ChargedBack, Book::Debt) => self.repaid += amount,
                _ => {}
            }
        } else {
            self.add_money(debit, credit, amount);
        }
        Ok(())
    }

    fn credits_of(&mut self, book: Book) -> Option<&mut i128> {
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

    fn add_money(&mut self, debit: Book, credit: Book, amount: i128) {
        use Book::{CashReceived, DeferredRevenue, PlatformFee, Refunds, Tax, TransferredRevenue, VendorAccrued};
        match (debit, credit) {
            (CashReceived | TransferredRevenue, DeferredRevenue) => self.paid += amount,
            (CashReceived, Tax) => self.tax += amount,
            (Tax, Refunds) => self.tax_returned += amount,
            (DeferredRevenue, _) => self.recognized += amount,
            (_, DeferredRevenue) => self.recognized -= amount,
            _ => {}
        }
        match (debit, credit) {
            (DeferredRevenue, VendorAccrued | PlatformFee) => self.earned += amount,
            (VendorAccrued | PlatformFee, DeferredRevenue) => self.earned -= amount,
            (DeferredRevenue, Book::Breakage) => self.lapsed += amount,
            (DeferredRevenue, Refunds) => self.returned += amount,
            (DeferredRevenue, TransferredRevenue) => self.moved += amount,
            _ => {}
        }
        match (debit, credit) {
            (_, VendorAccrued) => self.vendor_due += amount,
            (VendorAccrued, _) => self.vendor_due -= amount,
            _ => {}
        }
    }

    /// What differs from a stored grant, each as its column's name, what is stored and what the postings make.
    pub fn differences(&self, grant: &Grant) -> impl Iterator<Item = (&'static str, i128, i128)> + use<> {
        let price = grant.price.map_or(0, |price| price.minor);
        let credits = [
            ("amount", grant.amount, self.given),
            ("available", grant.available, self.available),
            ("held", grant.held, self.held),
            ("consumed", grant.consumed, self.consumed),
            ("expired", grant.expired, self.expired),
            ("refunded", grant.refunded, self.refunded),
            ("voided", grant.voided, self.voided),
            ("repaid", grant.repaid, self.repaid),
            ("transferred", grant.transferred, self.transferred),
        ];
        let money = [
            ("price", price, self.paid),
            ("tax", grant.tax, self.tax),
            ("recognized", grant.recognized, self.recognized),
            ("earned", grant.earned, self.earned),
            ("lapsed", grant.lapsed, self.lapsed),
            ("returned", grant.returned, self.returned),
            ("moved", grant.moved, self.moved),
            ("vendor_due", grant.vendor_due, self.vendor_due),
            ("tax_returned", grant.tax_returned, self.tax_returned),
        ];
        let credits = credits.map(|(name, stored, made)| (name, i128::from(stored.micros()), made));
        let money = money.map(|(name, stored, made)| (name, i128::from(stored), made));
        credits.into_iter().chain(money).filter(|(_, stored, made)| stored != made)
    }

    /// What is wrong with a stored grant by itself, whatever its postings are.
    pub fn contradictions(grant: &Grant) -> Vec<String> {
        let mut found = Vec::new();
        let books = [
            grant.available,
            grant.held,
            grant.consumed,
            grant.expired,
            grant.refunded,
            grant.voided,
            grant.transferred,
        ];
        let sum: i128 = books.iter().map(|credits| i128::from(credits.micros())).sum();
        if sum != i128::from(grant.amount.micros()) {
            found.push("its books do not add up to its amount".to_owned());
        }
        if books.iter().any(|credits| credits.micros() < 0) {
            found.push("a book of it is below zero".to_owned());
        }
        if grant.repaid < crate::Credits::ZERO || grant.voided < grant.repaid {
            found.push("what repaid a debt is no part of what was voided".to_owned());
        }
        let price = i128::from(grant.price.map_or(0, |price| price.minor));
        if grant.is_spent() && i128::from(grant.recognized) != price {
            found.push(format!("all of it has gone, and {} of its price of {price} were recognized", grant.recognized));
        }
        let lapsed = if grant.share.breakage_to == Breakage::Vendor { grant.lapsed } else { 0 };
        let basis = i128::from(grant.earned) + i128::from(lapsed);
        let due = basis * i128::from(10_000 - grant.share.fee_bps.min(10_000)) / 10_000;
        if i128::from(grant.vendor_due) != due {
            found.push(format!("the vendor's part is stored as {}, its share makes {due}", grant.vendor_due));
        }
        found
    }
}

/// Whether postings of a grant move between these books.
pub(super) fn moves(debit: Book, credit: Book) -> bool {
    use Book::{
        Available, CashReceived, ChargebackLoss, ChargedBack, Consumed, Debt, DeferredRevenue, Expired, Held, Issued,
        PlatformFee, ProcessorFees, Refunded, Refunds, Tax, Transferred, TransferredRevenue, VendorAccrued, Voided,
    };
    matches!(
        (debit, credit),
        (Issued | Transferred, Available)
            | (Available, Held | Expired | Refunded | Voided | Transferred)
            | (Held, Available | Consumed | Expired | Voided)
            | (Consumed, Available | Transferred)
            | (Debt, ChargedBack)
            | (ChargedBack, Debt)
            | (CashReceived, DeferredRevenue | Tax)
            | (TransferredRevenue, DeferredRevenue)
            | (VendorAccrued, DeferredRevenue | Book::Breakage)
            | (PlatformFee, DeferredRevenue)
            | (
                DeferredRevenue,
                VendorAccrued | PlatformFee | Book::Breakage | Refunds | TransferredRevenue | ChargebackLoss
            )
            | (Book::Breakage, VendorAccrued)
            | (Tax | ChargebackLoss, Refunds)
            | (ProcessorFees, CashReceived)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_postings_does_not_matter() {
        let postings = [
            (Book::Issued, Book::Available, 10),
            (Book::CashReceived, Book::DeferredRevenue, 100),
            (Book::Available, Book::Held, 4),
            (Book::Held, Book::Consumed, 3),
            (Book::Held, Book::Available, 1),
            (Book::DeferredRevenue, Book::VendorAccrued, 20),
            (Book::DeferredRevenue, Book::PlatformFee, 10),
        ];
        let sum = |postings: &mut dyn Iterator<Item = &(Book, Book, i64)>| {
            let mut tally = Tally::default();
            for (debit, credit, amount) in postings {
                tally.add(*debit, *credit, *amount).expect("a known move");
            }
            tally
        };
        let tally = sum(&mut postings.iter());
        assert_eq!(tally, sum(&mut postings.iter().rev()));
        assert_eq!((tally.given, tally.available, tally.held, tally.consumed), (10, 7, 0, 3));
        assert_eq!((tally.paid, tally.recognized, tally.earned, tally.vendor_due), (100, 30, 30, 20));
        assert!(Tally::default().add(Book::Consumed, Book::Issued, 1).is_err());
    }
}
