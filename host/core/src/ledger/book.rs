//! The books of the ledger and the postings between them.

use crate::{
    Credits,
    ids::{AccountId, GrantId, HoldId},
    money::Currency,
};

/// A ledger account in the accountant's sense: a posting debits one and credits another.
///
/// The numbers are stored; never reuse one. A book of credits exists once per account (and so, summed
/// up, once per service), a book of money once per service and currency, or per vendor and currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Book {
    /// Credits given out; what all others have.
    Issued = 1,
    /// Credits that may be spent.
    Available = 2,
    /// Credits set aside by live holds.
    Held = 3,
    /// Credits spent.
    Consumed = 4,
    /// Credits whose grant expired.
    Expired = 5,
    /// Credits taken back against money.
    Refunded = 6,
    /// Credits taken back without money: by the operator, by a chargeback, for a debt.
    Voided = 7,
    /// Credits on their way from one grant to another; nothing, over a whole service.
    Transferred = 8,
    /// Credits that were spent and then charged back: what the account owes.
    Debt = 9,
    /// The other side of [`Book::Debt`].
    ChargedBack = 10,
    /// Money received from customers through the card processor.
    CashReceived = 20,
    /// Money received for credits not yet spent.
    DeferredRevenue = 21,
    /// What vendors have earned and may not draw yet.
    VendorAccrued = 22,
    /// What vendors may draw.
    VendorPayable = 23,
    /// What the platform has earned.
    PlatformFee = 24,
    /// What credits brought in that were paid and never used.
    Breakage = 25,
    /// What the card processor took.
    ProcessorFees = 26,
    /// Tax received for the state.
    Tax = 27,
    /// Money that went back to customers.
    Refunds = 28,
    /// Money that customers took back for credits that they had used.
    ChargebackLoss = 29,
    /// Money paid to vendors.
    Payouts = 30,
    /// Deferred revenue on its way from one grant to another; nothing, over a whole service.
    TransferredRevenue = 31,
}

impl Book {
    /// All books.
    pub const ALL: [Self; 22] = [
        Self::Issued,
        Self::Available,
        Self::Held,
        Self::Consumed,
        Self::Expired,
        Self::Refunded,
        Self::Voided,
        Self::Transferred,
        Self::Debt,
        Self::ChargedBack,
        Self::CashReceived,
        Self::DeferredRevenue,
        Self::VendorAccrued,
        Self::VendorPayable,
        Self::PlatformFee,
        Self::Breakage,
        Self::ProcessorFees,
        Self::Tax,
        Self::Refunds,
        Self::ChargebackLoss,
        Self::Payouts,
        Self::TransferredRevenue,
    ];

    /// Stored number.
    pub const fn number(self) -> i64 {
        self as i64
    }

    /// From the stored number.
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|book| book.number() == number)
    }

    /// Whether it is a book of credits; the others are of money.
    pub const fn is_of_credits(self) -> bool {
        (self as u8) < 20
    }

    /// Whether its balance is what was debited less what was credited, as that of cash is. The others
    /// grow on the credit side.
    pub const fn grows_by_debits(self) -> bool {
        matches!(self, Self::Issued | Self::Debt | Self::CashReceived | Self::ProcessorFees | Self::ChargebackLoss)
    }

    /// Name in exports and the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Issued => "issued",
            Self::Available => "available",
            Self::Held => "held",
            Self::Consumed => "consumed",
            Self::Expired => "expired",
            Self::Refunded => "refunded",
            Self::Voided => "voided",
            Self::Transferred => "transferred",
            Self::Debt => "debt",
            Self::ChargedBack => "charged_back",
            Self::CashReceived => "cash_received",
            Self::DeferredRevenue => "deferred_revenue",
            Self::VendorAccrued => "vendor_accrued",
            Self::VendorPayable => "vendor_payable",
            Self::PlatformFee => "platform_fee",
            Self::Breakage => "breakage",
            Self::ProcessorFees => "processor_fees",
            Self::Tax => "tax",
            Self::Refunds => "refunds",
            Self::ChargebackLoss => "chargeback_loss",
            Self::Payouts => "payouts",
            Self::TransferredRevenue => "transferred_revenue",
        }
    }
}

/// What a posting moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Asset {
    /// Credits of the account's service, in micro-credits.
    Credits,
    /// Money, in minor units.
    Money(Currency),
}

/// One movement: `amount` is debited to one book and credited to another. Balanced by construction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Posting {
    /// Account (service × database) that it concerns.
    pub account: AccountId,
    /// Grant whose credits move, or whose price is booked.
    pub grant: Option<GrantId>,
    /// Hold that caused it.
    pub hold: Option<HoldId>,
    /// What moves.
    pub asset: Asset,
    /// From here.
    pub debit: Book,
    /// To here.
    pub credit: Book,
    /// Micro-credits or minor units; positive.
    pub amount: i64,
}

impl Posting {
    /// A movement of credits of one grant.
    pub fn credits(
        account: AccountId,
        grant: GrantId,
        hold: Option<HoldId>,
        from: Book,
        to: Book,
        amount: Credits,
    ) -> Self {
        Self {
            account,
            grant: Some(grant),
            hold,
            asset: Asset::Credits,
            debit: from,
            credit: to,
            amount: amount.micros(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_book_has_its_number_and_name() {
        for book in Book::ALL {
            assert_eq!(Book::from_number(book.number()), Some(book));
            assert_eq!(book.is_of_credits(), book.number() < 20);
        }
        let names: std::collections::HashSet<_> = Book::ALL.into_iter().map(Book::as_str).collect();
        assert_eq!(names.len(), Book::ALL.len());
    }
}
