//! Holds: credits set aside between authorize and capture.

use crate::{
    Credits, Time,
    ids::{AccountId, GrantId, HoldId},
};

/// How far a hold has come. Every state but [`HoldState::Live`] is final.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HoldState {
    /// Credits are set aside.
    Live,
    /// Credits were taken; what was not taken went back.
    Captured,
    /// Everything went back.
    Released,
    /// Everything went back because its time was up.
    Expired,
}

impl HoldState {
    /// Stored and shown name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Captured => "captured",
            Self::Released => "released",
            Self::Expired => "expired",
        }
    }

    /// From the stored name.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Live, Self::Captured, Self::Released, Self::Expired].into_iter().find(|state| state.as_str() == name)
    }
}

/// Credits set aside on an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Its id.
    pub id: HoldId,
    /// Whose credits.
    pub account: AccountId,
    /// Credits set aside.
    pub amount: Credits,
    /// Credits taken in the end; zero while live.
    pub captured: Credits,
    /// How far it has come.
    pub state: HoldState,
    /// It ends by itself at this moment.
    pub expires_at: Time,
    /// Which grants it reserves, in burn order; sums to `amount`.
    pub allocation: Vec<(GrantId, Credits)>,
}
