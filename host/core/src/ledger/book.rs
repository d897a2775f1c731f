//! The books of the ledger and the postings between them.

use crate::{
    Credits,
    ids::{AccountId, GrantId, HoldId},
    money::Currency,
};

/// A ledger account in the accountant's sense. What a posting debits, its other side credits.
///
/// The numbers are stored; never reuse one. A book of credits exists once per account (and so, summed
/// up, once per service), a book of money once per currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Book {
    /// Credits given out; its balance is minus all credits there are.
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
    /// Money received from customers through the card processor.
    CashReceived = 20,
    /// Money received for credits not yet spent.
    DeferredRevenue = 21,
}

impl Book {
    /// All books.
    pub const ALL: [Self; 8] = [
        Self::Issued,
        Self::Available,
        Self::Held,
        Self::Consumed,
        Self::Expired,
        Self::Refunded,
        Self::CashReceived,
        Self::DeferredRevenue,
    ];

    /// Stored number.
    pub const fn number(self) -> i64 {
        self as i64
    }

    /// From the stored number.
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|book| book.number() == number)
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
            Self::CashReceived => "cash_received",
            Self::DeferredRevenue => "deferred_revenue",
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

/// One movement: `amount` leaves `debit` and arrives in `credit`. Balanced by construction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Posting {
    /// Account (service × database) that it concerns.
    pub account: AccountId,
    /// Grant whose credits move, or whose price is booked.
    pub grant: GrantId,
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
        Self { account, grant, hold, asset: Asset::Credits, debit: from, credit: to, amount: amount.micros() }
    }
}
