//! The decision: what a command does to an account, or why it is refused.

mod draft;
mod holds;
mod money;
mod refunds;
mod transfer;

pub use refunds::decide_refunds;
pub use transfer::decide_transfer;

use super::{Account, AccountChange, Command, Entry, EntryKind, Hold, NewGrant, Refusal, SpendingCap};
use crate::{
    Credits, Time,
    ids::{EntryId, GrantId},
};
use draft::Draft;

/// How long credits last that were given back for a use whose own grant has expired: 30 days.
pub const GOODWILL: i64 = 30 * 24 * 3600 * 1000;

/// Decides a command on the account it concerns. Transfers concern two: see [`decide_transfer`]. Refunds of several
/// holds make several entries: see [`decide_refunds`].
///
/// `hold` is the hold that the command names, if the account has it; the grants of its parts, or the grant that
/// the command names, must be among the account's. `new_id` gives ids never given before. Nothing is
/// changed: the caller applies the entry with [`Account::apply`] and stores it in one transaction.
pub fn decide(
    account: &Account,
    hold: Option<&Hold>,
    command: &Command,
    new_id: &mut dyn FnMut() -> i64,
    now: Time,
) -> Result<Entry, Refusal> {
    if let Some(reason) = account.stopped.as_ref().filter(|_| !matches!(command, Command::Stop { .. })) {
        return Err(Refusal::PostingIsStopped { reason: reason.clone() });
    }
    let id = EntryId(new_id());
    let entry = |kind| Entry::new(id, kind, account.id, now);
    let change = |change| Ok(Entry { change: Some(change), ..entry(None) });
    match command {
        Command::Grant(new) => grant(account, new, EntryKind::Grant, id, now),
        Command::Authorize(ask) => holds::authorize(account, ask, id, now),
        Command::Capture { amount, last, .. } => holds::capture(account, hold, *amount, *last, id, now),
        Command::Release { .. } => holds::release(account, hold, id, now),
        Command::ExpireHold { .. } => holds::expire(account, hold, id, now),
        Command::Keep { ttl, .. } => holds::keep(account, hold, *ttl, id, now),
        Command::MarkUnknown { ttl, .. } => holds::mark_unknown(account, hold, *ttl, id, now),
        Command::ExpireGrant { grant } => expire_grant(account, *grant, id, now),
        Command::RefundUse { amount, .. } => refunds::of_use(account, hold, *amount, id, new_id, now),
        Command::RefundUses { .. } => Err(Refusal::UnknownHold),
        Command::RefundCredits { grant, amount } => refunds::of_credits(account, *grant, *amount, id, now),
        Command::Adjust { amount } => adjust(account, *amount, id, new_id, now),
        Command::Transfer { .. } => Err(Refusal::NotTransferable),
        Command::Chargeback { grant } => money::chargeback(account, *grant, id, now),
        Command::ForgiveDebt { amount } => money::forgive(account, *amount, id, now),
        Command::ProcessorFee { grant, minor } => money::processor_fee(account, *grant, *minor, id, now),
        Command::Suspend { reason } => change(AccountChange::Suspended(reason.clone())),
        Command::Stop { reason } => change(AccountChange::Stopped(reason.clone())),
        Command::Cap { company, period, credits, used, as_of } => {
            if credits.is_some_and(|credits| credits < Credits::ZERO) || *used < Credits::ZERO {
                return Err(Refusal::AmountMustBePositive);
            }
            // A cap that exists has counted already.
            let known = account.caps.iter().find(|cap| (&cap.company, cap.period) == (company, *period));
            if known.is_none() && account.last_entry != *as_of {
                return Err(Refusal::Changed);
            }
            let cap = SpendingCap {
                company: company.clone(),
                period: *period,
                credits: credits.unwrap_or(Credits::ZERO),
                used: known.map_or(*used, |cap| cap.used_at(now)),
                window: period.start(now),
            };
            change(if credits.is_some() { AccountChange::Capped(cap) } else { AccountChange::Uncapped(cap) })
        }
    }
}

/// Gives credits. A purchase repays first what the account owes.
fn grant(account: &Account, new: &NewGrant, kind: EntryKind, id: EntryId, now: Time) -> Result<Entry, Refusal> {
    positive(new.amount)?;
    if new.expires_at <= now {
        return Err(Refusal::MustEndInTheFuture);
    }
    if new.price.map_or(new.tax != 0, |price| price.minor < 0 || new.tax < 0) {
        return Err(Refusal::GrantHasNoPrice);
    }
    // What is held may come back, so both must fit together.
    Credits::checked_sum([account.available, account.held, new.amount]).ok_or(Refusal::TooManyCredits)?;
    let mut draft = Draft::new(account, None, now);
    draft.begin(new, super::Book::Issued)?;
    let repaid = account.debt.min(new.amount);
    if new.price.is_some() && repaid.is_positive() {
        draft.repay(new.id, repaid)?;
    }
    Ok(draft.entry(id, kind))
}

fn expire_grant(account: &Account, grant: GrantId, id: EntryId, now: Time) -> Result<Entry, Refusal> {
    let grant = account.grant(grant).ok_or(Refusal::UnknownGrant)?;
    if now < grant.expires_at || !grant.available.is_positive() {
        return Err(Refusal::NothingToExpire);
    }
    let mut draft = Draft::new(account, None, now);
    draft.lapse(grant.id, super::Book::Available, grant.available)?;
    Ok(draft.entry(id, EntryKind::ExpireGrant))
}

fn adjust(
    account: &Account,
    amount: Credits,
    id: EntryId,
    new_id: &mut dyn FnMut() -> i64,
    now: Time,
) -> Result<Entry, Refusal> {
    if amount.is_positive() {
        let new = NewGrant { kind: super::GrantKind::Adjustment, ..NewGrant::gift(GrantId(new_id()), amount) };
        return grant(account, &new, EntryKind::Adjust, id, now);
    }
    let amount = Credits::ZERO.checked_sub(amount).ok_or(Refusal::TooManyCredits)?;
    positive(amount)?;
    let mut draft = Draft::new(account, None, now);
    for (grant, part) in burn(account, amount, now)? {
        draft.void(grant, super::Book::Available, part, super::Book::Breakage)?;
    }
    Ok(draft.entry(id, EntryKind::Adjust))
}

/// Which grants cover an amount, in burn order.
fn burn(account: &Account, amount: Credits, now: Time) -> Result<Vec<(GrantId, Credits)>, Refusal> {
    let mut missing = amount;
    let mut parts = Vec::with_capacity(1);
    for grant in account.grants.iter().filter(|grant| grant.is_usable(now)) {
        let part = missing.min(grant.available);
        parts.push((grant.id, part));
        missing = minus(missing, part);
        if missing.is_zero() {
            return Ok(parts);
        }
    }
    Err(Refusal::InsufficientCredit { needed: amount, available: account.spendable(now) })
}

fn positive(amount: Credits) -> Result<(), Refusal> {
    if amount.is_positive() { Ok(()) } else { Err(Refusal::AmountMustBePositive) }
}

fn minus(left: Credits, right: Credits) -> Credits {
    left.checked_sub(right).expect("a part is never more than the whole")
}
