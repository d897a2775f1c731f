//! The decision: what a command does to an account, or why it is refused.

use super::{
    Account, Asset, Authorize, Book, Command, Entry, EntryKind, Hold, HoldChange, HoldState, NewGrant, Posting, Refusal,
};
use crate::{
    Credits, Time,
    ids::{EntryId, GrantId, HoldId},
};

/// Decides a command on the account it concerns.
///
/// `hold` is the hold that the command names, if the account has it. Nothing is changed: the caller
/// applies the entry with [`Account::apply`] and stores it in one transaction.
pub fn decide(
    account: &Account,
    hold: Option<&Hold>,
    command: &Command,
    id: EntryId,
    now: Time,
) -> Result<Entry, Refusal> {
    let entry = |kind, postings, hold| Entry {
        id,
        kind: Some(kind),
        account: account.id,
        at: now,
        postings,
        hold,
        grant: None,
    };
    match command {
        Command::Grant(new) => grant(account, new, now)
            .map(|postings| Entry { grant: Some(new.clone()), ..entry(EntryKind::Grant, postings, None) }),
        Command::Authorize(ask) => {
            authorize(account, ask, now).map(|(postings, change)| entry(EntryKind::Authorize, postings, Some(change)))
        }
        Command::Capture { amount, .. } => {
            let hold = live(hold, now)?;
            let postings = capture(account, hold, *amount, now)?;
            let (kind, state) = if amount.is_zero() {
                (EntryKind::Release, HoldState::Released)
            } else {
                (EntryKind::Capture, HoldState::Captured)
            };
            Ok(entry(kind, postings, Some(HoldChange::Ends { id: hold.id, state, captured: *amount })))
        }
        Command::Release { .. } => {
            let hold = not_ended(hold)?;
            let postings = give_back(account, hold, now);
            Ok(entry(
                EntryKind::Release,
                postings,
                Some(HoldChange::Ends { id: hold.id, state: HoldState::Released, captured: Credits::ZERO }),
            ))
        }
        Command::ExpireHold { .. } => {
            let hold = not_ended(hold)?;
            if now < hold.expires_at {
                return Err(Refusal::HoldHasNotExpired);
            }
            let postings = give_back(account, hold, now);
            Ok(entry(
                EntryKind::ExpireHold,
                postings,
                Some(HoldChange::Ends { id: hold.id, state: HoldState::Expired, captured: Credits::ZERO }),
            ))
        }
        Command::Keep { ttl, .. } => {
            let hold = live(hold, now)?;
            let expires_at = end(now, *ttl)?;
            let change = HoldChange::Moves { id: hold.id, expires_at };
            Ok(Entry { kind: None, ..entry(EntryKind::Authorize, Vec::new(), Some(change)) })
        }
        Command::ExpireGrant { grant } => {
            expire_grant(account, *grant, now).map(|postings| entry(EntryKind::ExpireGrant, postings, None))
        }
        Command::Suspend { .. } => Ok(Entry { kind: None, ..entry(EntryKind::Grant, Vec::new(), None) }),
    }
}

fn end(now: Time, ttl: i64) -> Result<Time, Refusal> {
    if ttl <= 0 { Err(Refusal::MustEndInTheFuture) } else { Ok(now.plus_millis(ttl)) }
}

fn not_ended(hold: Option<&Hold>) -> Result<&Hold, Refusal> {
    let hold = hold.ok_or(Refusal::UnknownHold)?;
    match hold.state {
        HoldState::Live => Ok(hold),
        state @ (HoldState::Captured | HoldState::Released | HoldState::Expired) => {
            Err(Refusal::HoldHasEnded { state, captured: hold.captured })
        }
    }
}

/// Expiry is exact: from its moment on nothing can be taken, whether or not a sweeper has passed.
fn live(hold: Option<&Hold>, now: Time) -> Result<&Hold, Refusal> {
    let hold = not_ended(hold)?;
    if hold.expires_at <= now { Err(Refusal::HoldHasExpired) } else { Ok(hold) }
}

fn grant(account: &Account, new: &NewGrant, now: Time) -> Result<Vec<Posting>, Refusal> {
    if !new.amount.is_positive() {
        return Err(Refusal::AmountMustBePositive);
    }
    if new.expires_at <= now {
        return Err(Refusal::MustEndInTheFuture);
    }
    // What is held may come back, so both must fit together.
    Credits::checked_sum([account.available, account.held, new.amount]).ok_or(Refusal::TooManyCredits)?;
    let mut postings = vec![Posting::credits(account.id, new.id, None, Book::Issued, Book::Available, new.amount)];
    if let Some(price) = new.price.filter(|price| price.minor > 0) {
        postings.push(Posting {
            account: account.id,
            grant: new.id,
            hold: None,
            asset: Asset::Money(price.currency),
            debit: Book::CashReceived,
            credit: Book::DeferredRevenue,
            amount: price.minor,
        });
    }
    Ok(postings)
}

fn authorize(account: &Account, ask: &Authorize, now: Time) -> Result<(Vec<Posting>, HoldChange), Refusal> {
    if !ask.amount.is_positive() {
        return Err(Refusal::AmountMustBePositive);
    }
    let expires_at = end(now, ask.ttl)?;
    if let Some(reason) = &account.suspended {
        return Err(Refusal::AccountIsSuspended { reason: reason.clone() });
    }
    let mut missing = ask.amount;
    let mut allocation = Vec::with_capacity(1);
    for grant in account.grants.iter().filter(|grant| grant.is_usable(now)) {
        let part = missing.min(grant.available);
        allocation.push((grant.id, part));
        missing = minus(missing, part);
        if missing.is_zero() {
            break;
        }
    }
    if missing.is_positive() {
        return Err(Refusal::InsufficientCredit { needed: ask.amount, available: account.spendable(now) });
    }
    let postings = allocation
        .iter()
        .map(|(grant, part)| Posting::credits(account.id, *grant, Some(ask.hold), Book::Available, Book::Held, *part))
        .collect();
    Ok((postings, HoldChange::Begins { id: ask.hold, amount: ask.amount, allocation, expires_at }))
}

fn capture(account: &Account, hold: &Hold, amount: Credits, now: Time) -> Result<Vec<Posting>, Refusal> {
    if amount < Credits::ZERO {
        return Err(Refusal::AmountMustBePositive);
    }
    if hold.amount < amount {
        return Err(Refusal::ExceedsHold { asked: amount, held: hold.amount });
    }
    let mut missing = amount;
    let mut taken = Vec::with_capacity(hold.allocation.len());
    let mut returned = Vec::new();
    for (grant, part) in &hold.allocation {
        let used = missing.min(*part);
        missing = minus(missing, used);
        if used.is_positive() {
            taken.push(Posting::credits(account.id, *grant, Some(hold.id), Book::Held, Book::Consumed, used));
        }
        let rest = minus(*part, used);
        if rest.is_positive() {
            returned.extend(back(account, hold.id, *grant, rest, now));
        }
    }
    taken.append(&mut returned);
    Ok(taken)
}

fn give_back(account: &Account, hold: &Hold, now: Time) -> Vec<Posting> {
    hold.allocation.iter().flat_map(|(grant, part)| back(account, hold.id, *grant, *part, now)).collect()
}

/// Held credits do not expire; once returned, those of an expired grant do at once.
fn back(account: &Account, hold: HoldId, grant: GrantId, part: Credits, now: Time) -> impl Iterator<Item = Posting> {
    let post = move |from, to| Posting::credits(account.id, grant, Some(hold), from, to, part);
    let expired = account.grants.iter().any(|other| other.id == grant && other.expires_at <= now);
    let returned = post(Book::Held, if expired { Book::Expired } else { Book::Available });
    std::iter::once(returned)
}

fn expire_grant(account: &Account, grant: GrantId, now: Time) -> Result<Vec<Posting>, Refusal> {
    let grant = account.grants.iter().find(|other| other.id == grant).ok_or(Refusal::UnknownGrant)?;
    if now < grant.expires_at || !grant.available.is_positive() {
        return Err(Refusal::NothingToExpire);
    }
    Ok(vec![Posting::credits(account.id, grant.id, None, Book::Available, Book::Expired, grant.available)])
}

fn minus(left: Credits, right: Credits) -> Credits {
    left.checked_sub(right).expect("a part is never more than the whole")
}
