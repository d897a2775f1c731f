//! Holds: credits set aside between authorize and capture.

use crate::words::worded;
use crate::{
    Credits, Time,
    ids::{AccountId, EntryId, GrantId, HoldId},
};

worded! {
    /// How far a hold has come. [`HoldState::Live`] and [`HoldState::Unknown`] go on, the others are final.
    HoldState, "state of a hold" {
        /// Credits are set aside.
        Live = "live",
        /// Credits are set aside, and its call ended without anybody knowing what the provider did: the
        /// plugin's job asks. At its deadline everything goes back.
        Unknown = "unknown",
        /// Credits were taken; what was not taken went back.
        Captured = "captured",
        /// Everything went back.
        Released = "released",
        /// Everything went back because its time was up.
        Expired = "expired",
    }
}

impl HoldState {
    /// Whether credits are set aside.
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Live | Self::Unknown)
    }
}

/// What a hold has of one grant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    /// The grant.
    pub grant: GrantId,
    /// Credits set aside of it.
    pub amount: Credits,
    /// Of them: taken.
    pub captured: Credits,
    /// Of those: given back as a refund.
    pub refunded: Credits,
}

/// Credits set aside on an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Its id.
    pub id: HoldId,
    /// Whose credits.
    pub account: AccountId,
    /// For which company, if said.
    pub company: Option<String>,
    /// The entry that authorized it.
    pub entry: EntryId,
    /// The last entry with a posting of it: that took of it, ended it or gave back.
    pub last_entry: EntryId,
    /// Credits set aside.
    pub amount: Credits,
    /// Credits taken.
    pub captured: Credits,
    /// Of them: given back as a refund.
    pub refunded: Credits,
    /// How far it has come.
    pub state: HoldState,
    /// When it was authorized.
    pub created_at: Time,
    /// It ends by itself at this moment.
    pub expires_at: Time,
    /// Which grants it reserves, in burn order; sums to `amount`.
    pub parts: Vec<Part>,
}

impl Hold {
    /// What it still has set aside; nothing once it has ended.
    pub fn remaining(&self) -> Credits {
        if self.state.is_live() {
            self.amount.checked_sub(self.captured).expect("a hold is never captured beyond its amount")
        } else {
            Credits::ZERO
        }
    }
}
