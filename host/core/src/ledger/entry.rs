//! Entries: what a command did, as one balanced set of postings with what it means beside them.

use super::{Hold, NewGrant, Posting, SpendingCap};
use crate::{
    Time,
    ids::{AccountId, EntryId, GrantId},
};

/// What kind of movement an entry is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EntryKind {
    /// Credits given.
    Grant,
    /// Credits set aside.
    Authorize,
    /// Credits taken.
    Capture,
    /// Credits returned.
    Release,
    /// Credits returned because the hold's time was up.
    ExpireHold,
    /// Credits gone because the grant's time was up.
    ExpireGrant,
    /// Credits of a use given back.
    RefundUse,
    /// Unused credits taken back against their price.
    RefundCredits,
    /// A balance set right by the operator.
    Adjust,
    /// Credits gone to another account.
    TransferOut,
    /// Credits that came from another account.
    TransferIn,
    /// A purchase whose price the customer took back.
    Chargeback,
    /// A debt written off.
    ForgiveDebt,
    /// What the card processor took of a purchase.
    ProcessorFee,
    /// A vendor's accrued revenue made payable.
    MakePayable,
    /// A vendor paid.
    PayOut,
    /// A payout that came back.
    PayoutReturned,
}

impl EntryKind {
    /// All kinds, in the order of their stored numbers from 1.
    pub const ALL: [Self; 17] = [
        Self::Grant,
        Self::Authorize,
        Self::Capture,
        Self::Release,
        Self::ExpireHold,
        Self::ExpireGrant,
        Self::RefundUse,
        Self::RefundCredits,
        Self::Adjust,
        Self::TransferOut,
        Self::TransferIn,
        Self::Chargeback,
        Self::ForgiveDebt,
        Self::ProcessorFee,
        Self::MakePayable,
        Self::PayOut,
        Self::PayoutReturned,
    ];

    /// Stored number.
    pub const fn number(self) -> i64 {
        self as i64 + 1
    }

    /// From the stored number.
    pub fn from_number(number: i64) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.number() == number)
    }

    /// Shown name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Grant => "grant",
            Self::Authorize => "authorize",
            Self::Capture => "capture",
            Self::Release => "release",
            Self::ExpireHold => "expire_hold",
            Self::ExpireGrant => "expire_grant",
            Self::RefundUse => "refund_use",
            Self::RefundCredits => "refund_credits",
            Self::Adjust => "adjust",
            Self::TransferOut => "transfer_out",
            Self::TransferIn => "transfer_in",
            Self::Chargeback => "chargeback",
            Self::ForgiveDebt => "forgive_debt",
            Self::ProcessorFee => "processor_fee",
            Self::MakePayable => "make_payable",
            Self::PayOut => "pay_out",
            Self::PayoutReturned => "payout_returned",
        }
    }
}

/// The decision: a balanced set of postings with what they mean for holds, grants and the account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its id.
    pub id: EntryId,
    /// What it is; `None` where nothing moves.
    pub kind: Option<EntryKind>,
    /// The account.
    pub account: AccountId,
    /// When it was decided.
    pub at: Time,
    /// Movements; empty where only a hold's time or something of the account changes.
    pub postings: Vec<Posting>,
    /// The hold that it concerns, as it is after it.
    pub hold: Option<Hold>,
    /// Grants that come into being.
    pub grants: Vec<NewGrant>,
    /// The grant that was charged back.
    pub charged_back: Option<GrantId>,
    /// Caps with another use than before: those with the same company and period are replaced.
    pub caps: Vec<SpendingCap>,
    /// What changes about the account itself.
    pub change: Option<AccountChange>,
}

impl Entry {
    /// An entry in which nothing happens yet.
    pub(super) fn new(id: EntryId, kind: Option<EntryKind>, account: AccountId, at: Time) -> Self {
        Self {
            id,
            kind,
            account,
            at,
            postings: Vec::new(),
            hold: None,
            grants: Vec::new(),
            charged_back: None,
            caps: Vec::new(),
            change: None,
        }
    }
}

/// What changes about an account itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccountChange {
    /// Spending is suspended with a reason, or resumed.
    Suspended(Option<String>),
    /// Posting is stopped with a reason, or resumed.
    Stopped(Option<String>),
    /// A cap is set, in place of one with its company and period.
    Capped(SpendingCap),
    /// The cap with this company and period is gone.
    Uncapped(SpendingCap),
}
