//! What may be asked of the ledger, and why it may refuse.

use super::{Breakage, Grant, GrantKind, HoldState, Period, Share};
use crate::{
    Credits, Money, Time,
    ids::{AccountId, EntryId, GrantId, HoldId},
};

/// A request to move credits of one account (of two, for a transfer).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Give credits.
    Grant(NewGrant),
    /// Set credits aside.
    Authorize(Authorize),
    /// Take credits of a hold.
    Capture {
        /// The hold.
        hold: HoldId,
        /// At most what it has left; zero with `last` is a release.
        amount: Credits,
        /// Whether the rest goes back and the hold ends. If not, more may be taken later.
        last: bool,
    },
    /// Return all credits that a hold has left.
    Release {
        /// The hold.
        hold: HoldId,
    },
    /// Return all credits of a hold whose time is up.
    ExpireHold {
        /// The hold.
        hold: HoldId,
    },
    /// Let a live hold last longer (or shorter): a hold kept beyond its call. One whose outcome was not known is an ordinary
    /// live hold then: somebody goes on with it.
    Keep {
        /// The hold.
        hold: HoldId,
        /// Milliseconds from now.
        ttl: i64,
    },
    /// The call of a hold ended and nobody knows what the provider did. Said again, it only sets the end anew.
    MarkUnknown {
        /// The hold.
        hold: HoldId,
        /// Milliseconds from now until everything goes back by itself.
        ttl: i64,
    },
    /// Take what is left of a grant whose time is up.
    ExpireGrant {
        /// The grant.
        grant: GrantId,
    },
    /// Give credits of a use back: to the grants they came from, the last taken first.
    RefundUse {
        /// The hold that took them.
        hold: HoldId,
        /// At most what it took and did not give back yet.
        amount: Credits,
    },
    /// The same of several holds: all of it or nothing, with an entry for each.
    RefundUses {
        /// Each hold with what it gives back.
        parts: Vec<(HoldId, Credits)>,
    },
    /// Take unused credits of a purchase back against their price.
    RefundCredits {
        /// The grant.
        grant: GrantId,
        /// At most what is available of it.
        amount: Credits,
    },
    /// Set a balance right: give (a grant of kind `adjustment`) or take, in burn order.
    Adjust {
        /// Credits to give, or to take if below zero.
        amount: Credits,
    },
    /// Move credits to another account of the service, in burn order; they keep their expiry, price and share.
    Transfer {
        /// The other account.
        to: AccountId,
        /// Credits.
        amount: Credits,
    },
    /// The customer took the price of a purchase back. What is left of it is voided; what was used, or repaid a debt, is
    /// a debt.
    Chargeback {
        /// The grant.
        grant: GrantId,
    },
    /// Write off what an account owes.
    ForgiveDebt {
        /// At most the debt.
        amount: Credits,
    },
    /// Record what the card processor took of a purchase.
    ProcessorFee {
        /// The grant.
        grant: GrantId,
        /// Minor units of the grant's currency.
        minor: i64,
    },
    /// Stop spending (with a reason), or allow it again.
    Suspend {
        /// Code of the reason, such as `hosting-refused`; `None` resumes.
        reason: Option<String>,
    },
    /// Stop everything (with a reason), or allow it again.
    Stop {
        /// What was found; `None` resumes.
        reason: Option<String>,
    },
    /// Bound what may be spent in a period, or (without credits) no more.
    Cap {
        /// For this company; `None` is the whole account.
        company: Option<String>,
        /// How often it begins anew.
        period: Period,
        /// Most credits in a period; `None` removes the cap.
        credits: Option<Credits>,
        /// What was held or spent in the present period already, for a new cap …
        used: Credits,
        /// … as it was after this entry of the account.
        as_of: Option<EntryId>,
    },
}

/// Credits to set aside.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authorize {
    /// Id of the new hold.
    pub hold: HoldId,
    /// Credits to set aside.
    pub amount: Credits,
    /// Milliseconds until the hold expires by itself.
    pub ttl: i64,
    /// For which company, if said: its spending caps count it.
    pub company: Option<String>,
}

/// A lot of credits to give.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewGrant {
    /// Id of the new grant.
    pub id: GrantId,
    /// Where it comes from.
    pub kind: GrantKind,
    /// Credits.
    pub amount: Credits,
    /// [`Time::NEVER`] if it does not expire.
    pub expires_at: Time,
    /// Price paid for all of it, without tax; for purchases.
    pub price: Option<Money>,
    /// Tax paid beside it, in minor units.
    pub tax: i64,
    /// How its revenue is shared.
    pub share: Share,
    /// The grant that it was a part of, if any.
    pub origin: Option<GrantId>,
}

impl NewGrant {
    /// Credits that nobody paid for and that do not expire.
    pub fn gift(id: GrantId, amount: Credits) -> Self {
        Self {
            id,
            kind: GrantKind::Gift,
            amount,
            expires_at: Time::NEVER,
            price: None,
            tax: 0,
            share: Share { fee_bps: 0, breakage_to: Breakage::Host },
            origin: None,
        }
    }

    /// The grant before its first posting.
    pub(super) fn begin(&self, at: Time) -> Grant {
        Grant {
            id: self.id,
            kind: self.kind,
            amount: self.amount,
            available: Credits::ZERO,
            held: Credits::ZERO,
            consumed: Credits::ZERO,
            expired: Credits::ZERO,
            refunded: Credits::ZERO,
            voided: Credits::ZERO,
            repaid: Credits::ZERO,
            transferred: Credits::ZERO,
            created_at: at,
            expires_at: self.expires_at,
            price: self.price,
            tax: self.tax,
            share: self.share,
            recognized: 0,
            earned: 0,
            lapsed: 0,
            returned: 0,
            moved: 0,
            vendor_due: 0,
            tax_returned: 0,
            charged_back: false,
            origin: self.origin,
        }
    }
}

/// Why a command is refused. Listed in the order they are checked; callers may rely on that order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// What is stored contradicts itself.
    #[error("the ledger is not consistent: {0}. Run `iap ledger verify`")]
    Inconsistent(String),
    /// Nothing may be posted: the self-check found something.
    #[error("posting is stopped for the account: {reason}")]
    PostingIsStopped {
        /// What was found.
        reason: String,
    },
    /// Credits are zero or negative.
    #[error("the amount must be above zero")]
    AmountMustBePositive,
    /// A hold's or grant's end is not in the future.
    #[error("the end must be in the future")]
    MustEndInTheFuture,
    /// A transfer within one account, or between services.
    #[error("credits move only between two accounts of one service")]
    NotTransferable,
    /// Nothing may be spent on the account.
    #[error("the account is suspended: {reason}")]
    AccountIsSuspended {
        /// Code of the reason.
        reason: String,
    },
    /// A purchase of the account was charged back after its credits were used.
    #[error("the account owes {debt} credits of a purchase that was charged back")]
    AccountIsInDebt {
        /// Credits owed.
        debt: Credits,
    },
    /// A spending cap would be passed.
    #[error(
        "{needed} credits would pass the cap of {limit} per {period}{for_company}: {used} are used",
        for_company = .company.as_deref().map(|company| format!(" for company {company}")).unwrap_or_default()
    )]
    SpendingCapReached {
        /// The company, if the cap is for one.
        company: Option<String>,
        /// How often it begins anew.
        period: Period,
        /// Most credits in a period.
        limit: Credits,
        /// Held or spent in it so far.
        used: Credits,
        /// Credits asked for.
        needed: Credits,
    },
    /// The account's credits do not cover it.
    #[error("{needed} credits are needed and {available} are available")]
    InsufficientCredit {
        /// Credits asked for.
        needed: Credits,
        /// Credits that may be spent now.
        available: Credits,
    },
    /// There is no such hold on the account.
    #[error("there is no such hold")]
    UnknownHold,
    /// The hold has come to its end before.
    #[error("the hold has ended: it was {}", .state.as_str())]
    HoldHasEnded {
        /// How it ended.
        state: HoldState,
        /// Credits that were taken.
        captured: Credits,
    },
    /// The hold's time is up, although nothing has swept it yet.
    #[error("the hold expired")]
    HoldHasExpired,
    /// The hold's time is not up.
    #[error("the hold has not expired yet")]
    HoldHasNotExpired,
    /// The hold is live: only what was taken can be given back.
    #[error("the hold has not ended yet: release it")]
    HoldHasNotEnded,
    /// More than the hold has.
    #[error("{asked} credits were asked of a hold that has {held}")]
    ExceedsHold {
        /// Credits asked for.
        asked: Credits,
        /// Credits that the hold has (for a refund: took).
        held: Credits,
    },
    /// There is no such grant on the account.
    #[error("there is no such grant")]
    UnknownGrant,
    /// The grant's time is not up, or nothing is left of it.
    #[error("the grant has nothing to expire")]
    NothingToExpire,
    /// Nobody paid for the grant.
    #[error("the grant has no price")]
    GrantHasNoPrice,
    /// Its price went back to the customer already.
    #[error("the grant was charged back")]
    GrantWasChargedBack,
    /// More than the grant has available.
    #[error("{asked} credits were asked of a grant that has {available} available")]
    ExceedsGrant {
        /// Credits asked for.
        asked: Credits,
        /// Credits available of it.
        available: Credits,
    },
    /// More than the account owes.
    #[error("{asked} credits were asked of a debt of {debt}")]
    ExceedsDebt {
        /// Credits asked for.
        asked: Credits,
        /// Credits owed.
        debt: Credits,
    },
    /// Credits would pass what 64 bits hold.
    #[error("the account cannot hold that many credits")]
    TooManyCredits,
    /// The account changed since it was looked at.
    #[error("the account changed meanwhile: look again")]
    Changed,
}
