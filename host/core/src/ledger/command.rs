//! What may be asked of the ledger, what it answers, and why it may refuse.

use super::{GrantKind, HoldState, Posting};
use crate::{
    Credits, Money, Time,
    ids::{AccountId, EntryId, GrantId, HoldId},
};

/// A request to move credits of one account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Give credits.
    Grant(NewGrant),
    /// Set credits aside.
    Authorize(Authorize),
    /// Take credits of a hold and return the rest.
    Capture {
        /// The hold.
        hold: HoldId,
        /// At most what it holds; zero is a release.
        amount: Credits,
    },
    /// Return all credits of a hold.
    Release {
        /// The hold.
        hold: HoldId,
    },
    /// Return all credits of a hold whose time is up.
    ExpireHold {
        /// The hold.
        hold: HoldId,
    },
    /// Let a live hold last longer (or shorter): a hold kept beyond its call.
    Keep {
        /// The hold.
        hold: HoldId,
        /// Milliseconds from now.
        ttl: i64,
    },
    /// Take what is left of a grant whose time is up.
    ExpireGrant {
        /// The grant.
        grant: GrantId,
    },
    /// Stop spending (with a reason), or allow it again.
    Suspend {
        /// Code of the reason, such as `hosting-refused`; `None` resumes.
        reason: Option<String>,
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
    /// Price paid for all of it; for purchases.
    pub price: Option<Money>,
}

/// What kind of movement an entry is. Stored by name.
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
}

impl EntryKind {
    /// All kinds, in the order of their stored numbers from 1.
    pub const ALL: [Self; 6] =
        [Self::Grant, Self::Authorize, Self::Capture, Self::Release, Self::ExpireHold, Self::ExpireGrant];

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
        }
    }
}

/// What becomes of a hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HoldChange {
    /// It comes into being.
    Begins {
        /// The hold.
        id: HoldId,
        /// Credits set aside.
        amount: Credits,
        /// Which grants it reserves.
        allocation: Vec<(GrantId, Credits)>,
        /// When it ends by itself.
        expires_at: Time,
    },
    /// It ends.
    Ends {
        /// The hold.
        id: HoldId,
        /// How.
        state: HoldState,
        /// Credits taken.
        captured: Credits,
    },
    /// It will end by itself at another moment.
    Moves {
        /// The hold.
        id: HoldId,
        /// When.
        expires_at: Time,
    },
}

/// The decision: a balanced set of postings with what they mean for holds and grants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its id.
    pub id: EntryId,
    /// What it is.
    pub kind: Option<EntryKind>,
    /// The account.
    pub account: AccountId,
    /// When it was decided.
    pub at: Time,
    /// Movements; empty where only a hold's time or an account's suspension changes.
    pub postings: Vec<Posting>,
    /// What becomes of the hold.
    pub hold: Option<HoldChange>,
    /// The grant that comes into being.
    pub grant: Option<NewGrant>,
}

/// Why a command is refused. Listed in the order they are checked; callers may rely on that order.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Credits are zero or negative.
    #[error("the amount must be above zero")]
    AmountMustBePositive,
    /// A hold's or grant's end is not in the future.
    #[error("the end must be in the future")]
    MustEndInTheFuture,
    /// Nothing may be spent on the account.
    #[error("the account is suspended: {reason}")]
    AccountIsSuspended {
        /// Code of the reason.
        reason: String,
    },
    /// The account's credits do not cover it.
    #[error("{needed} credits are needed and {available} are available")]
    InsufficientCredit {
        /// Credits asked for.
        needed: Credits,
        /// Credits that may be spent now.
        available: Credits,
    },
    /// Credits would pass what 64 bits hold.
    #[error("the account cannot hold that many credits")]
    TooManyCredits,
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
    /// More than the hold has.
    #[error("{asked} credits were asked of a hold of {held}")]
    ExceedsHold {
        /// Credits asked for.
        asked: Credits,
        /// Credits of the hold.
        held: Credits,
    },
    /// There is no such grant open on the account.
    #[error("there is no such grant")]
    UnknownGrant,
    /// The grant's time is not up, or nothing is left of it.
    #[error("the grant has nothing to expire")]
    NothingToExpire,
}
