//! What vendors have earned, may draw and were paid. Each vendor and currency has one balance.

use super::{Book, EntryKind};
use crate::money::Currency;

/// A vendor's money in one currency, in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VendorBalance {
    /// All that was ever made payable.
    pub made_payable: i64,
    /// Of it: paid out.
    pub paid_out: i64,
}

/// A request to move a vendor's money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VendorCommand {
    /// Make payable what was accrued until some day: all that was ever accrued until then, less what went
    /// back for refunds. Never less than before: what is missing is made up for by what accrues next.
    MakePayable {
        /// Minor units accrued until then.
        accrued: i64,
    },
    /// Pay out.
    PayOut {
        /// Minor units, at most what is payable.
        minor: i64,
    },
    /// A payout came back.
    ReturnPayout {
        /// Minor units, at most what was paid.
        minor: i64,
    },
}

/// Why a vendor's command is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VendorRefusal {
    /// Money is zero or negative.
    #[error("the amount must be above zero")]
    AmountMustBePositive,
    /// Nothing more was accrued.
    #[error("nothing more was accrued until then")]
    NothingAccrued,
    /// More than is payable.
    #[error("{asked} were asked of {payable} minor units that are payable")]
    ExceedsPayable {
        /// Minor units asked for.
        asked: i64,
        /// Minor units payable.
        payable: i64,
    },
    /// More than was paid.
    #[error("{asked} were to come back of {paid} minor units that were paid")]
    ExceedsPaid {
        /// Minor units asked for.
        asked: i64,
        /// Minor units paid.
        paid: i64,
    },
}

/// One movement of a vendor's money.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VendorPosting {
    /// What it is.
    pub kind: EntryKind,
    /// In which currency.
    pub currency: Currency,
    /// From here.
    pub debit: Book,
    /// To here.
    pub credit: Book,
    /// Minor units; positive.
    pub amount: i64,
}

impl VendorBalance {
    /// What may be paid out.
    pub fn payable(&self) -> i64 {
        self.made_payable - self.paid_out
    }

    /// Decides a command: the movement and the balance after it.
    pub fn decide(self, command: VendorCommand, currency: Currency) -> Result<(VendorPosting, Self), VendorRefusal> {
        let posting = |kind, debit, credit, amount| VendorPosting { kind, currency, debit, credit, amount };
        match command {
            VendorCommand::MakePayable { accrued } => {
                let more = accrued.saturating_sub(self.made_payable);
                if more <= 0 {
                    return Err(VendorRefusal::NothingAccrued);
                }
                let posting = posting(EntryKind::MakePayable, Book::VendorAccrued, Book::VendorPayable, more);
                Ok((posting, Self { made_payable: accrued, ..self }))
            }
            VendorCommand::PayOut { minor } => {
                positive(minor)?;
                if self.payable() < minor {
                    return Err(VendorRefusal::ExceedsPayable { asked: minor, payable: self.payable() });
                }
                let posting = posting(EntryKind::PayOut, Book::VendorPayable, Book::Payouts, minor);
                Ok((posting, Self { paid_out: self.paid_out + minor, ..self }))
            }
            VendorCommand::ReturnPayout { minor } => {
                positive(minor)?;
                if self.paid_out < minor {
                    return Err(VendorRefusal::ExceedsPaid { asked: minor, paid: self.paid_out });
                }
                let posting = posting(EntryKind::PayoutReturned, Book::Payouts, Book::VendorPayable, minor);
                Ok((posting, Self { paid_out: self.paid_out - minor, ..self }))
            }
        }
    }
}

fn positive(minor: i64) -> Result<(), VendorRefusal> {
    if 0 < minor { Ok(()) } else { Err(VendorRefusal::AmountMustBePositive) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn euro() -> Currency {
        Currency::try_from("EUR".to_owned()).expect("a currency")
    }

    #[test]
    fn what_refunds_took_back_is_made_up_for_before_more_is_payable() {
        let balance = VendorBalance::default();
        let (posting, balance) = balance.decide(VendorCommand::MakePayable { accrued: 100 }, euro()).unwrap();
        assert_eq!(posting.amount, 100);
        let refused = balance.decide(VendorCommand::MakePayable { accrued: 60 }, euro());
        assert_eq!(refused, Err(VendorRefusal::NothingAccrued));
        let (posting, balance) = balance.decide(VendorCommand::MakePayable { accrued: 110 }, euro()).unwrap();
        assert_eq!((posting.amount, balance.payable()), (10, 110));
    }

    #[test]
    fn no_more_is_paid_than_is_payable_and_a_payout_may_come_back() {
        let balance = VendorBalance { made_payable: 50, paid_out: 20 };
        let refused = balance.decide(VendorCommand::PayOut { minor: 31 }, euro());
        assert_eq!(refused, Err(VendorRefusal::ExceedsPayable { asked: 31, payable: 30 }));
        let (posting, balance) = balance.decide(VendorCommand::PayOut { minor: 30 }, euro()).unwrap();
        assert_eq!((posting.debit, posting.credit), (Book::VendorPayable, Book::Payouts));
        let (_, balance) = balance.decide(VendorCommand::ReturnPayout { minor: 50 }, euro()).unwrap();
        assert_eq!(balance.payable(), 50);
        assert!(balance.decide(VendorCommand::ReturnPayout { minor: 1 }, euro()).is_err());
    }
}
