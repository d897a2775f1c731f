//! An independent, deliberately simple ledger: lists of lots and holds, in wide integers, written from what the
//! rules promise. It knows refusals by name only. The suite of the stores runs against it too.

use std::cmp::Ordering;

use iap_core::{
    ids::EntryId,
    ledger::{Breakage, Command, GrantKind, HoldState, NewGrant, Period},
};

use super::model_parts::{Held, Into, Lot, Revenue};

const DAY: i64 = 86_400_000;
pub(super) const MAX: i128 = i64::MAX as i128;

/// What an account is beside its lots and holds.
#[derive(Clone, Debug, Default)]
pub struct Owner {
    pub suspended: bool,
    pub stopped: bool,
    pub debt: i128,
    pub caps: Vec<(Option<String>, Period, i128)>,
    /// Its last entry that moved something, as the ledger under test says.
    pub last_entry: Option<EntryId>,
}

/// Two accounts of one service.
#[derive(Clone, Debug, Default)]
pub struct Model {
    pub owners: [Owner; 2],
    pub lots: Vec<Lot>,
    pub holds: Vec<Held>,
}

pub(super) type Outcome<T = ()> = Result<T, &'static str>;

pub(super) fn positive(amount: i128) -> Outcome {
    if amount > 0 { Ok(()) } else { Err("AmountMustBePositive") }
}

fn future(ttl: i64) -> Outcome {
    if ttl > 0 { Ok(()) } else { Err("MustEndInTheFuture") }
}

/// Number of the day or month (since 1970) that a moment lies in.
fn period_of(period: Period, now: i64) -> i64 {
    let mut days = now / DAY;
    if period == Period::Day {
        return days;
    }
    for month in 0.. {
        let year = 1970 + month / 12;
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let february = if leap { 29 } else { 28 };
        let length =
            [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][usize::try_from(month % 12).expect("a month")];
        if days < length {
            return month;
        }
        days -= length;
    }
    unreachable!("months do not end")
}

impl Model {
    /// Runs a command on account 0 or 1. A refusal changes nothing.
    pub fn run(&mut self, on: usize, command: &Command, now: i64) -> Outcome {
        let mut next = self.clone();
        next.act(on, command, now)?;
        *self = next;
        Ok(())
    }

    pub fn free(&self, on: usize) -> i128 {
        self.lots.iter().filter(|lot| lot.owner == on).map(|lot| lot.free).sum()
    }

    /// What is free of lots that have not ended.
    pub fn spendable(&self, on: usize, now: i64) -> i128 {
        self.lots.iter().filter(|lot| lot.owner == on && now < lot.ends).map(|lot| lot.free).sum()
    }

    pub fn held(&self, on: usize) -> i128 {
        let live = self.holds.iter().filter(|hold| hold.owner == on && hold.lives());
        live.map(|hold| hold.amount() - hold.taken()).sum()
    }

    /// What is held or spent of the holds that were authorized in the period of a moment.
    pub fn usage(&self, on: usize, company: Option<&str>, period: Period, now: i64) -> i128 {
        let bounded = |hold: &&Held| {
            hold.owner == on
                && (company.is_none() || hold.company.as_deref() == company)
                && period_of(period, hold.born) == period_of(period, now)
        };
        let used = |hold: &Held| if hold.lives() { hold.amount() } else { hold.taken() - hold.given_back() };
        self.holds.iter().filter(bounded).map(used).sum()
    }

    fn act(&mut self, on: usize, command: &Command, now: i64) -> Outcome {
        if self.owners[on].stopped && !matches!(command, Command::Stop { .. }) {
            return Err("PostingIsStopped");
        }
        match command {
            Command::Grant(new) => self.give(on, new, now),
            Command::Authorize(ask) => {
                self.authorize(on, (ask.hold.0, i128::from(ask.amount.micros()), ask.ttl), ask.company.clone(), now)
            }
            Command::Capture { hold, amount, last } => {
                let amount = i128::from(amount.micros());
                if amount < 0 || (amount == 0 && !last) {
                    return Err("AmountMustBePositive");
                }
                let hold = self.live(on, hold.0, now)?;
                self.capture(hold, amount)?;
                if *last { self.end(hold, HoldState::Released, now) } else { Ok(()) }
            }
            Command::Release { hold } => {
                let hold = self.not_ended(on, hold.0)?;
                self.end(hold, HoldState::Released, now)
            }
            Command::ExpireHold { hold } => {
                let hold = self.not_ended(on, hold.0)?;
                if now < self.holds[hold].ends {
                    return Err("HoldHasNotExpired");
                }
                self.end(hold, HoldState::Expired, now)
            }
            Command::Keep { hold, ttl } => {
                future(*ttl)?;
                let hold = self.live(on, hold.0, now)?;
                self.holds[hold].ends = now + ttl;
                self.holds[hold].state = HoldState::Live;
                Ok(())
            }
            Command::MarkUnknown { hold, ttl } => {
                future(*ttl)?;
                let hold = self.live(on, hold.0, now)?;
                self.holds[hold].ends = now + ttl;
                self.holds[hold].state = HoldState::Unknown;
                Ok(())
            }
            Command::ExpireGrant { grant } => {
                let at = self.lot(on, grant.0)?;
                let lot = &mut self.lots[at];
                if now < lot.ends || lot.free == 0 {
                    return Err("NothingToExpire");
                }
                lot.expired += std::mem::take(&mut lot.free);
                lot.settle(Into::Lapsed);
                Ok(())
            }
            Command::RefundUse { hold, amount } => self.refund_use(on, hold.0, i128::from(amount.micros()), now),
            Command::RefundUses { parts } => {
                positive(i128::try_from(parts.len()).expect("few"))?;
                parts
                    .iter()
                    .try_for_each(|(hold, amount)| self.refund_use(on, hold.0, i128::from(amount.micros()), now))
            }
            Command::RefundCredits { grant, amount } => {
                self.refund_credits(on, grant.0, i128::from(amount.micros()), now)
            }
            Command::Adjust { amount } => self.adjust(on, i128::from(amount.micros()), now),
            Command::Transfer { to, amount } => {
                self.transfer(on, usize::try_from(to.0 - 1).expect("an account"), i128::from(amount.micros()), now)
            }
            Command::Chargeback { grant } => self.chargeback(on, grant.0),
            Command::ForgiveDebt { amount } => {
                let amount = i128::from(amount.micros());
                positive(amount)?;
                if self.owners[on].debt < amount {
                    return Err("ExceedsDebt");
                }
                self.owners[on].debt -= amount;
                Ok(())
            }
            Command::ProcessorFee { grant, minor } => {
                positive(i128::from(*minor))?;
                let lot = self.lot(on, grant.0)?;
                self.lots[lot].price.ok_or("GrantHasNoPrice")?;
                self.lots[lot].revenue.fees += i128::from(*minor);
                Ok(())
            }
            Command::Suspend { reason } => {
                self.owners[on].suspended = reason.is_some();
                Ok(())
            }
            Command::Stop { reason } => {
                self.owners[on].stopped = reason.is_some();
                Ok(())
            }
            Command::Cap { company, period, credits, as_of, .. } => {
                let owner = &mut self.owners[on];
                let known = owner.caps.iter().any(|cap| (&cap.0, cap.1) == (company, *period));
                if !known && *as_of != owner.last_entry {
                    return Err("Changed");
                }
                owner.caps.retain(|cap| (&cap.0, cap.1) != (company, *period));
                owner.caps.extend(credits.map(|credits| (company.clone(), *period, i128::from(credits.micros()))));
                Ok(())
            }
        }
    }

    pub(super) fn lot(&self, on: usize, id: i64) -> Outcome<usize> {
        self.lots.iter().position(|lot| lot.owner == on && lot.id == id).ok_or("UnknownGrant")
    }

    fn hold(&self, on: usize, id: i64) -> Outcome<usize> {
        self.holds.iter().position(|hold| hold.owner == on && hold.id == id).ok_or("UnknownHold")
    }

    fn not_ended(&self, on: usize, id: i64) -> Outcome<usize> {
        let hold = self.hold(on, id)?;
        if self.holds[hold].lives() { Ok(hold) } else { Err("HoldHasEnded") }
    }

    fn live(&self, on: usize, id: i64, now: i64) -> Outcome<usize> {
        let hold = self.not_ended(on, id)?;
        if now < self.holds[hold].ends { Ok(hold) } else { Err("HoldHasExpired") }
    }

    pub(super) fn room(&self, on: usize, amount: i128) -> Outcome {
        if self.free(on) + self.held(on) + amount <= MAX { Ok(()) } else { Err("TooManyCredits") }
    }

    /// Which lots cover an amount: trials first, then the soonest to end, then those with the lowest number.
    pub(super) fn cover(&self, on: usize, amount: i128, now: i64) -> Outcome<Vec<(usize, i128)>> {
        let mut usable: Vec<usize> = (0..self.lots.len()).collect();
        usable.retain(|lot| self.lots[*lot].owner == on && now < self.lots[*lot].ends && self.lots[*lot].free > 0);
        usable.sort_by(|left, right| {
            let (one, other) = (&self.lots[*left], &self.lots[*right]);
            match (one.kind == GrantKind::Trial, other.kind == GrantKind::Trial) {
                (true, false) => Ordering::Less,
                (false, true) => Ordering::Greater,
                _ => one.ends.cmp(&other.ends).then(one.born.cmp(&other.born)).then(one.id.cmp(&other.id)),
            }
        });
        let mut missing = amount;
        let mut parts = Vec::new();
        for lot in usable {
            let part = missing.min(self.lots[lot].free);
            missing -= part;
            if part > 0 {
                parts.push((lot, part));
            }
        }
        if missing == 0 { Ok(parts) } else { Err("InsufficientCredit") }
    }

    pub(super) fn give(&mut self, on: usize, new: &NewGrant, now: i64) -> Outcome {
        let amount = i128::from(new.amount.micros());
        positive(amount)?;
        if new.expires_at.0 <= now {
            return Err("MustEndInTheFuture");
        }
        if new.price.is_none() && new.tax != 0 {
            return Err("GrantHasNoPrice");
        }
        self.room(on, amount)?;
        let mut lot = Lot {
            id: new.id.0,
            owner: on,
            kind: new.kind,
            born: now,
            ends: new.expires_at.0,
            amount,
            free: amount,
            held: 0,
            used: 0,
            expired: 0,
            refunded: 0,
            voided: 0,
            repaid: 0,
            moved: 0,
            price: new.price.map(|price| i128::from(price.minor)),
            tax: if new.price.is_some() { i128::from(new.tax) } else { 0 },
            fee: i128::from(new.share.fee_bps),
            vendor_has_breakage: new.share.breakage_to == Breakage::Vendor,
            disputed: false,
            revenue: Revenue::default(),
            moves: 0,
            was_given_back: false,
        };
        let owed = self.owners[on].debt.min(amount);
        if lot.price.is_some() && owed > 0 {
            lot.free -= owed;
            lot.voided += owed;
            lot.repaid = owed;
            lot.settle(Into::Recovered);
            self.owners[on].debt -= owed;
        }
        self.lots.push(lot);
        Ok(())
    }

    fn authorize(&mut self, on: usize, ask: (i64, i128, i64), company: Option<String>, now: i64) -> Outcome {
        let (id, amount, ttl) = ask;
        positive(amount)?;
        future(ttl)?;
        let owner = &self.owners[on];
        if owner.suspended {
            return Err("AccountIsSuspended");
        }
        if owner.debt > 0 {
            return Err("AccountIsInDebt");
        }
        for (of, period, limit) in &owner.caps {
            let bounds = of.is_none() || *of == company;
            if bounds && self.usage(on, of.as_deref(), *period, now) + amount > *limit {
                return Err("SpendingCapReached");
            }
        }
        let parts = self.cover(on, amount, now)?;
        for (lot, part) in &parts {
            self.lots[*lot].free -= part;
            self.lots[*lot].held += part;
        }
        let parts = parts.into_iter().map(|(lot, part)| (lot, part, 0, 0)).collect();
        self.holds.push(Held { id, owner: on, company, born: now, ends: now + ttl, state: HoldState::Live, parts });
        Ok(())
    }

    fn capture(&mut self, hold: usize, amount: i128) -> Outcome {
        let held = &mut self.holds[hold];
        if held.amount() - held.taken() < amount {
            return Err("ExceedsHold");
        }
        let mut missing = amount;
        for (lot, set_aside, taken, _) in &mut held.parts {
            let part = missing.min(*set_aside - *taken);
            missing -= part;
            *taken += part;
            if part > 0 {
                let lot = &mut self.lots[*lot];
                lot.held -= part;
                lot.used += part;
                lot.settle(Into::Earned);
                if lot.disputed {
                    self.owners[held.owner].debt += part;
                }
            }
        }
        if self.owners[held.owner].debt > MAX { Err("TooManyCredits") } else { Ok(()) }
    }

    fn end(&mut self, hold: usize, otherwise: HoldState, now: i64) -> Outcome {
        let held = &mut self.holds[hold];
        held.state = if held.taken() > 0 { HoldState::Captured } else { otherwise };
        for (lot, set_aside, taken, _) in &held.parts {
            let back = set_aside - taken;
            if back == 0 {
                continue;
            }
            let lot = &mut self.lots[*lot];
            lot.held -= back;
            if lot.disputed {
                lot.voided += back;
                lot.settle(Into::Recovered);
            } else if lot.ends <= now {
                lot.expired += back;
                lot.settle(Into::Lapsed);
            } else {
                lot.free += back;
            }
        }
        Ok(())
    }

    fn refund_use(&mut self, on: usize, hold: i64, amount: i128, now: i64) -> Outcome {
        positive(amount)?;
        let hold = self.hold(on, hold)?;
        if self.holds[hold].lives() {
            return Err("HoldHasNotEnded");
        }
        if self.holds[hold].taken() - self.holds[hold].given_back() < amount {
            return Err("ExceedsHold");
        }
        let fits = self.room(on, amount);
        let mut missing = amount;
        for part in (0..self.holds[hold].parts.len()).rev() {
            let (at, _, taken, given_back) = &mut self.holds[hold].parts[part];
            let back = missing.min(*taken - *given_back);
            if back == 0 {
                continue;
            }
            missing -= back;
            *given_back += back;
            let at = *at;
            let lot = &mut self.lots[at];
            if lot.disputed {
                return Err("GrantWasChargedBack");
            }
            let worth = lot.unuse(back);
            if now < lot.ends {
                lot.free += back;
            } else {
                lot.moved += back;
                lot.revenue.moved += worth;
                self.split(at, on, back, worth);
                let new = self.lots.last_mut().expect("it was split off");
                (new.kind, new.born, new.ends) = (GrantKind::Refund, now, now + 30 * DAY);
            }
        }
        fits
    }

    /// A part of a lot becomes a lot of its own.
    pub(super) fn split(&mut self, lot: usize, owner: usize, amount: i128, worth: i128) {
        let from = self.lots[lot].clone();
        self.lots.push(Lot {
            id: 0,
            owner,
            amount,
            free: amount,
            held: 0,
            used: 0,
            expired: 0,
            refunded: 0,
            voided: 0,
            repaid: 0,
            moved: 0,
            price: from.price.map(|_| worth),
            tax: 0,
            disputed: false,
            revenue: Revenue::default(),
            moves: 0,
            was_given_back: false,
            ..from
        });
    }
}
