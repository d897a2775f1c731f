//! What the naive ledger is made of: lots with their revenue, and holds.

use iap_core::ledger::{GrantKind, HoldState};

/// What became of a price: all in minor units.
#[derive(Clone, Debug, Default)]
pub struct Revenue {
    pub earned: i128,
    pub lapsed: i128,
    pub returned: i128,
    pub moved: i128,
    pub recovered: i128,
    pub tax_returned: i128,
    pub fees: i128,
    /// What the host lost: back to the customer although it had left deferred revenue, or was held.
    pub lost: i128,
}

impl Revenue {
    /// What has left deferred revenue.
    pub fn out(&self) -> i128 {
        self.earned + self.lapsed + self.returned + self.moved + self.recovered
    }
}

/// A lot of credits.
#[derive(Clone, Debug)]
pub struct Lot {
    /// Its number in the ledger under test, once that is known.
    pub id: i64,
    pub owner: usize,
    pub kind: GrantKind,
    pub born: i64,
    pub ends: i64,
    pub amount: i128,
    pub free: i128,
    pub held: i128,
    pub used: i128,
    pub expired: i128,
    pub refunded: i128,
    pub voided: i128,
    /// Of what was voided: what repaid a debt.
    pub repaid: i128,
    pub moved: i128,
    pub price: Option<i128>,
    pub tax: i128,
    pub fee: i128,
    pub vendor_has_breakage: bool,
    pub disputed: bool,
    pub revenue: Revenue,
    /// How often money left or came back.
    pub moves: i128,
    /// Whether a use of it was ever given back.
    pub was_given_back: bool,
}

#[derive(Clone, Copy)]
pub(super) enum Into {
    Earned,
    Lapsed,
    Returned,
    Moved,
    Recovered,
}

impl Lot {
    pub fn gone(&self) -> i128 {
        self.used + self.expired + self.refunded + self.voided + self.moved
    }

    /// The vendor's part of what this lot brought in.
    pub fn vendor(&self) -> i128 {
        let lapsed = if self.vendor_has_breakage { self.revenue.lapsed } else { 0 };
        (self.revenue.earned + lapsed) * (10_000 - self.fee) / 10_000
    }

    /// Price of some of its credits, rounded down.
    pub fn worth(&self, credits: i128) -> i128 {
        self.price.unwrap_or(0) * credits / self.amount
    }

    /// Credits have gone: what is missing until the price of all that has gone follows them.
    pub(super) fn settle(&mut self, into: Into) -> i128 {
        let due = (self.worth(self.gone()) - self.revenue.out()).max(0);
        self.moves += 1;
        *match into {
            Into::Earned => &mut self.revenue.earned,
            Into::Lapsed => &mut self.revenue.lapsed,
            Into::Returned => &mut self.revenue.returned,
            Into::Moved => &mut self.revenue.moved,
            Into::Recovered => &mut self.revenue.recovered,
        } += due;
        due
    }

    /// A use is undone: no more stays earned than what is still used is worth.
    pub(super) fn unuse(&mut self, credits: i128) -> i128 {
        self.used -= credits;
        let stays = if self.used == 0 { 0 } else { self.revenue.earned.min(self.worth(self.used)) };
        let back = self.revenue.earned - stays;
        self.revenue.earned = stays;
        self.moves += 1;
        self.was_given_back = true;
        back
    }
}

/// Credits set aside.
#[derive(Clone, Debug)]
pub struct Held {
    pub id: i64,
    pub owner: usize,
    pub company: Option<String>,
    pub born: i64,
    pub ends: i64,
    pub state: HoldState,
    /// Lot, set aside, taken, given back.
    pub parts: Vec<(usize, i128, i128, i128)>,
}

impl Held {
    pub fn amount(&self) -> i128 {
        self.parts.iter().map(|part| part.1).sum()
    }

    pub fn taken(&self) -> i128 {
        self.parts.iter().map(|part| part.2).sum()
    }

    pub fn given_back(&self) -> i128 {
        self.parts.iter().map(|part| part.3).sum()
    }

    pub fn lives(&self) -> bool {
        matches!(self.state, HoldState::Live | HoldState::Unknown)
    }
}
