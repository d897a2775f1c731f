//! Random steps of two accounts, said relative to what there is so that they shrink well and often succeed.

use iap_core::{
    Credits, Money, Time,
    ids::{AccountId, EntryId, GrantId, HoldId},
    ledger::{Authorize, Breakage, Command, GrantKind, NewGrant, Period, Share},
    money::Currency,
};
use proptest::prelude::*;

use super::{model::Model, model_parts::Held};

const DAY: i64 = 86_400_000;
/// Number of what there is not.
pub const NOTHING: i64 = 999_999_999;

/// Credits asked for.
#[derive(Clone, Copy, Debug)]
pub enum Amount {
    Micros(i64),
    /// Of the most that could be asked for.
    Eighths(i64),
}

/// Which of the things there are; the last numbers mean one that there is not.
type Pick = usize;

#[derive(Clone, Debug)]
pub enum Step {
    Grant { kind: GrantKind, micros: i64, life: i64, price: Option<(i64, &'static str)>, tax: i64, share: (u16, bool) },
    Authorize { amount: Amount, ttl: i64, company: Option<&'static str> },
    Capture { hold: Pick, amount: Amount, last: bool },
    Release(Pick),
    ExpireHold(Pick),
    Keep(Pick, i64),
    MarkUnknown(Pick, i64),
    ExpireGrant(Pick),
    RefundUse(Pick, Amount),
    RefundUses(Vec<(Pick, Amount)>),
    RefundCredits(Pick, Amount),
    Give(i64),
    Take(Amount),
    Transfer { elsewhere: bool, amount: Amount },
    Chargeback(Pick),
    Forgive(Amount),
    Fee(Pick, i64),
    Suspend(bool),
    Stop(bool),
    Cap { company: Option<&'static str>, period: Period, micros: Option<i64>, stale: bool },
}

/// A currency by its code.
pub fn currency(code: &str) -> Currency {
    Currency::try_from(code.to_owned()).expect("a currency")
}

fn micros() -> impl Strategy<Value = i64> {
    prop_oneof![
        30 => (1i64..40).prop_map(|quarters| quarters * 250_000),
        10 => 1i64..10_000_000,
        1 => -1i64..1,
        1 => prop_oneof![Just(i64::MAX), Just(i64::MAX / 2)],
    ]
}

fn amount() -> impl Strategy<Value = Amount> {
    prop_oneof![
        2 => micros().prop_map(Amount::Micros),
        6 => (1i64..9).prop_map(Amount::Eighths),
        1 => prop_oneof![Just(0), Just(9)].prop_map(Amount::Eighths),
    ]
}

fn life() -> impl Strategy<Value = i64> {
    prop_oneof![4 => 0i64..3_000, 4 => (0i64..60).prop_map(|days| days * DAY), 4 => Just(i64::MAX)]
}

fn ttl() -> impl Strategy<Value = i64> {
    prop_oneof![4 => -5i64..1_500, 4 => 1_000i64..50_000, 1 => (0i64..40).prop_map(|days| days * DAY)]
}

fn company() -> impl Strategy<Value = Option<&'static str>> {
    prop_oneof![Just(None), Just(Some("one")), Just(Some("two"))]
}

fn price() -> impl Strategy<Value = Option<(i64, &'static str)>> {
    prop_oneof![1 => Just(None), 4 => (0i64..3_000, prop_oneof![Just("EUR"), Just("JPY")]).prop_map(Some)]
}

/// A grant, most of them purchases.
pub fn grant() -> impl Strategy<Value = Step> {
    let kind = prop_oneof![1 => Just(GrantKind::Trial), 1 => Just(GrantKind::Gift), 4 => Just(GrantKind::Purchase)];
    let fee = prop_oneof![Just(0u16), Just(2_500), Just(3_333), Just(10_000)];
    (kind, micros(), life(), price(), 0i64..400, (fee, any::<bool>())).prop_map(
        |(kind, micros, life, price, tax, share)| {
            let price = price.filter(|_| kind == GrantKind::Purchase);
            // Tax without a price is refused: seldom enough that there are gifts and trials.
            let tax = if price.is_some() || tax > 360 { tax } else { 0 };
            Step::Grant { kind, micros, life, price, tax, share }
        },
    )
}

fn cap() -> impl Strategy<Value = Step> {
    let period = prop_oneof![Just(Period::Day), Just(Period::Month)];
    (company(), period, proptest::option::of(0i64..30_000_000), (0u8..6).prop_map(|n| n == 0))
        .prop_map(|(company, period, micros, stale)| Step::Cap { company, period, micros, stale })
}

/// Any step.
pub fn step() -> impl Strategy<Value = Step> {
    let pick = || 0usize..32;
    prop_oneof![
        14 => grant(),
        22 => (amount(), ttl(), company())
            .prop_map(|(amount, ttl, company)| Step::Authorize { amount, ttl, company }),
        20 => (pick(), amount(), any::<bool>())
            .prop_map(|(hold, amount, last)| Step::Capture { hold, amount, last }),
        4 => pick().prop_map(Step::Release),
        4 => pick().prop_map(Step::ExpireHold),
        3 => (pick(), ttl()).prop_map(|(hold, ttl)| Step::Keep(hold, ttl)),
        3 => (pick(), ttl()).prop_map(|(hold, ttl)| Step::MarkUnknown(hold, ttl)),
        6 => pick().prop_map(Step::ExpireGrant),
        14 => (pick(), amount()).prop_map(|(hold, amount)| Step::RefundUse(hold, amount)),
        4 => proptest::collection::vec((pick(), amount()), 0..4).prop_map(Step::RefundUses),
        6 => (pick(), amount()).prop_map(|(grant, amount)| Step::RefundCredits(grant, amount)),
        2 => micros().prop_map(Step::Give),
        3 => amount().prop_map(Step::Take),
        6 => ((0u8..12).prop_map(|n| n != 0), amount())
            .prop_map(|(elsewhere, amount)| Step::Transfer { elsewhere, amount }),
        3 => pick().prop_map(Step::Chargeback),
        4 => amount().prop_map(Step::Forgive),
        2 => (pick(), -1i64..50).prop_map(|(grant, minor)| Step::Fee(grant, minor)),
        2 => (0u8..6).prop_map(|n| Step::Suspend(n == 5)),
        2 => (0u8..8).prop_map(|n| Step::Stop(n == 7)),
        3 => cap(),
    ]
}

/// One of the accounts, mostly the first.
pub fn account() -> impl Strategy<Value = usize> {
    prop_oneof![3 => Just(0usize), 1 => Just(1usize)]
}

/// Milliseconds between two steps: few, mostly.
pub fn passes() -> impl Strategy<Value = i64> {
    prop_oneof![
        60 => 0i64..200,
        8 => 0i64..3_000,
        1 => 0i64..2 * DAY,
        1 => (0i64..40).prop_map(|days| days * DAY / 2),
    ]
}

fn amount_of(amount: Amount, most: i128) -> Credits {
    Credits::from_micros(match amount {
        Amount::Micros(micros) => micros,
        Amount::Eighths(_) if most == 0 => 250_000,
        Amount::Eighths(n) => i64::try_from(most * i128::from(n) / 8).unwrap_or(i64::MAX),
    })
}

/// A hold of the account, one that fits if there is any; else any, or none.
fn hold_of(model: &Model, on: usize, pick: Pick, fits: impl Fn(&Held) -> bool) -> Option<&Held> {
    let of_account: Vec<&Held> = model.holds.iter().filter(|hold| hold.owner == on).collect();
    let fitting: Vec<&Held> = of_account.iter().copied().filter(|hold| fits(hold)).collect();
    match pick {
        31 => None,
        ..24 if !fitting.is_empty() => Some(fitting[pick % fitting.len()]),
        _ => of_account.get(pick % of_account.len().max(1)).copied(),
    }
}

fn live_of(model: &Model, on: usize, pick: Pick) -> HoldId {
    HoldId(hold_of(model, on, pick, Held::lives).map_or(NOTHING, |hold| hold.id))
}

fn grant_of(model: &Model, on: usize, pick: Pick) -> (GrantId, i128) {
    let lots: Vec<_> = model.lots.iter().filter(|lot| lot.owner == on).collect();
    match lots.get(pick % lots.len().max(1)).filter(|_| pick != 31) {
        Some(lot) => (GrantId(lot.id), lot.free),
        None => (GrantId(NOTHING), 0),
    }
}

impl Step {
    /// The command that the step is on account 0 or 1, as things stand; `id` is for what it makes.
    pub fn command(&self, on: usize, model: &Model, id: i64, now: i64) -> Command {
        let spendable = model.spendable(on, now);
        let used = |hold: Pick, amount: Amount| {
            let left = |hold: &Held| hold.taken() - hold.given_back();
            let used = hold_of(model, on, hold, |hold| !hold.lives() && left(hold) > 0);
            let (id, left) = used.map_or((NOTHING, 0), |hold| (hold.id, left(hold)));
            (HoldId(id), amount_of(amount, left))
        };
        if let Self::RefundUses(parts) = self {
            return Command::RefundUses { parts: parts.iter().map(|(hold, amount)| used(*hold, *amount)).collect() };
        }
        match *self {
            Self::Grant { kind, micros, life, price, tax, share } => Command::Grant(NewGrant {
                id: GrantId(id),
                kind,
                amount: Credits::from_micros(micros),
                expires_at: Time(now).plus_millis(life),
                price: price.map(|(minor, code)| Money { minor, currency: currency(code) }),
                tax,
                share: Share { fee_bps: share.0, breakage_to: if share.1 { Breakage::Vendor } else { Breakage::Host } },
                origin: None,
            }),
            Self::Authorize { amount, ttl, company } => Command::Authorize(Authorize {
                hold: HoldId(id),
                amount: amount_of(amount, spendable),
                ttl,
                company: company.map(str::to_owned),
            }),
            Self::Capture { hold, amount, last } => {
                let held = hold_of(model, on, hold, Held::lives);
                let (id, left) = held.map_or((NOTHING, 0), |hold| (hold.id, hold.amount() - hold.taken()));
                Command::Capture { hold: HoldId(id), amount: amount_of(amount, left), last }
            }
            Self::Release(hold) => Command::Release { hold: live_of(model, on, hold) },
            Self::ExpireHold(hold) => Command::ExpireHold { hold: live_of(model, on, hold) },
            Self::Keep(hold, ttl) => Command::Keep { hold: live_of(model, on, hold), ttl },
            Self::MarkUnknown(hold, ttl) => Command::MarkUnknown { hold: live_of(model, on, hold), ttl },
            Self::ExpireGrant(grant) => Command::ExpireGrant { grant: grant_of(model, on, grant).0 },
            Self::RefundUse(hold, amount) => {
                let (hold, amount) = used(hold, amount);
                Command::RefundUse { hold, amount }
            }
            Self::RefundUses(_) => unreachable!("it was answered above"),
            Self::RefundCredits(grant, amount) => {
                let (grant, free) = grant_of(model, on, grant);
                Command::RefundCredits { grant, amount: amount_of(amount, free) }
            }
            Self::Give(micros) => Command::Adjust { amount: Credits::from_micros(micros) },
            Self::Take(amount) => {
                let amount = amount_of(amount, spendable).micros();
                Command::Adjust { amount: Credits::from_micros(-amount) }
            }
            Self::Transfer { elsewhere, amount } => {
                // The accounts are 1 and 2.
                let to = AccountId(if elsewhere == (on == 0) { 2 } else { 1 });
                Command::Transfer { to, amount: amount_of(amount, spendable) }
            }
            Self::Chargeback(grant) => Command::Chargeback { grant: grant_of(model, on, grant).0 },
            Self::Forgive(amount) => Command::ForgiveDebt { amount: amount_of(amount, model.owners[on].debt) },
            Self::Fee(grant, minor) => Command::ProcessorFee { grant: grant_of(model, on, grant).0, minor },
            Self::Suspend(stop) => Command::Suspend { reason: stop.then(|| "reason".to_owned()) },
            Self::Stop(stop) => Command::Stop { reason: stop.then(|| "reason".to_owned()) },
            Self::Cap { company, period, micros, stale } => {
                let used = i64::try_from(model.usage(on, company, period, now));
                let last = model.owners[on].last_entry;
                Command::Cap {
                    company: company.map(str::to_owned),
                    period,
                    // More than a cap can count was used: none, then.
                    credits: micros.filter(|_| used.is_ok()).map(Credits::from_micros),
                    used: Credits::from_micros(used.unwrap_or(0)),
                    as_of: if stale { Some(EntryId(NOTHING)) } else { last },
                }
            }
        }
    }
}
