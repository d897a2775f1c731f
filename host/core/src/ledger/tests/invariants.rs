//! What holds after every command, whatever it was.

use proptest::prelude::*;

use super::{
    super::{Account, Asset, Book, Command, Entry, Grant, Hold, Tally},
    model::Model,
    model_parts::Lot,
    world::World,
};
use crate::Credits;

type Checked = Result<(), TestCaseError>;

fn wide(credits: Credits) -> i128 {
    i128::from(credits.micros())
}

/// What holds of the entries that a command made.
pub fn check_entries(entries: &[Entry], world: &World) -> Checked {
    for entry in entries {
        let account = world.accounts.iter().find(|account| account.id == entry.account).expect("an account");
        prop_assert_eq!(entry.at, world.now);
        prop_assert!(entry.kind.is_some() || entry.postings.is_empty());
        for posting in &entry.postings {
            prop_assert!(posting.amount > 0, "{:?}", posting);
            prop_assert_ne!(posting.debit, posting.credit);
            prop_assert_eq!(posting.account, entry.account);
            prop_assert_eq!(posting.hold, entry.hold.as_ref().map(|hold| hold.id));
            let of_credits = posting.asset == Asset::Credits;
            prop_assert_eq!((posting.debit.is_of_credits(), posting.credit.is_of_credits()), (of_credits, of_credits));
            if let Asset::Money(currency) = posting.asset {
                let grant = posting.grant.and_then(|id| account.grant(id)).expect("money is of a grant");
                let price = grant.price.map(|price| price.currency);
                prop_assert_eq!(price, Some(currency), "a grant without a price earns nothing");
            }
        }
    }
    Ok(())
}

/// No later grant is used while an earlier one has credits.
pub fn check_burn_order(command: &Command, account: &Account, entry: &Entry, world: &World) -> Checked {
    if !matches!(command, Command::Authorize(_) | Command::Transfer { .. }) {
        return Ok(());
    }
    let used = entry.postings.iter().filter(|posting| posting.debit == Book::Available);
    let used: Vec<&Grant> =
        used.map(|posting| account.grant(posting.grant.expect("a grant")).expect("its own")).collect();
    prop_assert!(used.is_sorted_by_key(|grant| grant.burn_key()));
    let last = used.last().expect("something moved");
    for grant in account.grants.iter().filter(|grant| grant.burn_key() < last.burn_key()) {
        prop_assert!(!grant.is_usable(world.now), "{} was passed over", grant.id);
    }
    Ok(())
}

/// A hold that has ended stays as it ended, but for refunds.
pub fn check_ends(before: &[Hold], world: &World) -> Checked {
    for (old, new) in before.iter().zip(&world.holds).filter(|(old, _)| !old.state.is_live()) {
        prop_assert_eq!((old.id, old.state, old.captured), (new.id, new.state, new.captured));
        prop_assert!(old.refunded <= new.refunded);
    }
    Ok(())
}

/// What holds of all accounts together and of each.
pub fn check_world(world: &World, model: &Model) -> Checked {
    for (asset, sum) in world.books.sums() {
        prop_assert_eq!(sum, 0, "debits and credits of {:?}", asset);
    }
    for book in [Book::Transferred, Book::TransferredRevenue] {
        for (asset, sum) in world.books.sums_of(book) {
            prop_assert_eq!(sum, 0, "{} of {:?} over the service", book.as_str(), asset);
        }
    }
    for on in 0..model.owners.len() {
        check_account(world, model, on)?;
    }
    prop_assert_eq!(world.holds.len(), model.holds.len());
    for (hold, held) in world.holds.iter().zip(&model.holds) {
        check_hold(hold)?;
        prop_assert_eq!((hold.id.0, hold.state, hold.expires_at.0), (held.id, held.state, held.ends));
        let parts = hold.parts.iter().map(|p| (p.grant.0, wide(p.amount), wide(p.captured), wide(p.refunded)));
        let naive = held.parts.iter().map(|(lot, amount, taken, back)| (model.lots[*lot].id, *amount, *taken, *back));
        prop_assert!(parts.eq(naive), "{:?} and {:?}", hold, held);
    }
    Ok(())
}

fn check_account(world: &World, model: &Model, on: usize) -> Checked {
    let (account, owner) = (&world.accounts[on], &model.owners[on]);
    let sum = |of: fn(&Grant) -> Credits| account.grants.iter().map(|grant| wide(of(grant))).sum::<i128>();
    prop_assert_eq!((wide(account.available), wide(account.held)), (sum(|g| g.available), sum(|g| g.held)));
    prop_assert_eq!((wide(account.available), wide(account.held)), (model.free(on), model.held(on)));
    prop_assert_eq!(wide(account.debt), owner.debt);
    for (book, total) in [(Book::Available, account.available), (Book::Held, account.held), (Book::Debt, account.debt)]
    {
        prop_assert_eq!(world.books.of_account(account.id, book), wide(total), "{}", book.as_str());
    }
    let ever_charged_back = account.grants.iter().any(|grant| grant.charged_back);
    prop_assert!(account.debt.is_zero() || ever_charged_back);
    prop_assert!(account.grants.is_sorted_by_key(Grant::burn_key));
    prop_assert_eq!((account.suspended.is_some(), account.stopped.is_some()), (owner.suspended, owner.stopped));
    prop_assert_eq!(account.caps.len(), owner.caps.len());
    for (company, period, limit) in &owner.caps {
        let cap = account.caps.iter().find(|cap| (&cap.company, cap.period) == (company, *period));
        let cap = cap.map(|cap| (wide(cap.credits), wide(cap.used_at(world.now))));
        let used = model.usage(on, company.as_deref(), *period, world.now.millis());
        prop_assert_eq!(cap, Some((*limit, used)), "cap of {:?} per {}", company, period);
    }
    prop_assert_eq!(account.grants.len(), model.lots.iter().filter(|lot| lot.owner == on).count());
    for lot in model.lots.iter().filter(|lot| lot.owner == on) {
        let grant = account.grants.iter().find(|grant| grant.id.0 == lot.id).expect("the model has it");
        check_credits(world, account, grant, lot)?;
        check_money(world, account, grant, lot)?;
    }
    Ok(())
}

fn check_hold(hold: &Hold) -> Checked {
    let sum = |of: fn(&super::super::Part) -> Credits| hold.parts.iter().map(|part| wide(of(part))).sum::<i128>();
    prop_assert_eq!(sum(|part| part.amount), wide(hold.amount));
    prop_assert_eq!(sum(|part| part.captured), wide(hold.captured));
    prop_assert_eq!(sum(|part| part.refunded), wide(hold.refunded));
    for part in &hold.parts {
        prop_assert!(Credits::ZERO <= part.refunded && part.refunded <= part.captured && part.captured <= part.amount);
    }
    Ok(())
}

fn check_credits(world: &World, account: &Account, grant: &Grant, lot: &Lot) -> Checked {
    let parts = [
        (Book::Available, grant.available, lot.free),
        (Book::Held, grant.held, lot.held),
        (Book::Consumed, grant.consumed, lot.used),
        (Book::Expired, grant.expired, lot.expired),
        (Book::Refunded, grant.refunded, lot.refunded),
        (Book::Voided, grant.voided, lot.voided),
        (Book::Transferred, grant.transferred, lot.moved),
    ];
    prop_assert_eq!(parts.iter().map(|(_, part, _)| wide(*part)).sum::<i128>(), wide(grant.amount));
    for (book, part, naive) in parts {
        prop_assert!(Credits::ZERO <= part);
        prop_assert_eq!(wide(part), naive, "{} of {}", book.as_str(), grant.id);
        // What came from another grant was debited to `transferred` to begin with.
        let arrived = if book == Book::Transferred && grant.origin.is_some() { wide(grant.amount) } else { 0 };
        let balance = world.books.of_grant(account.id, grant, book) + arrived;
        prop_assert_eq!(balance, naive, "postings to {} of {}", book.as_str(), grant.id);
    }
    prop_assert_eq!((grant.kind, grant.expires_at.0, grant.charged_back), (lot.kind, lot.ends, lot.disputed));
    prop_assert_eq!(wide(grant.repaid), lot.repaid, "what {} repaid", grant.id);
    Ok(())
}

fn check_money(world: &World, account: &Account, grant: &Grant, lot: &Lot) -> Checked {
    prop_assert_eq!(grant.price.map(|price| i128::from(price.minor)), lot.price);
    let Some(price) = lot.price else {
        prop_assert_eq!((grant.recognized, grant.vendor_due), (0, 0), "nobody paid for {}", grant.id);
        return Ok(());
    };
    let balance = |book| world.books.of_grant(account.id, grant, book);
    let revenue = &lot.revenue;
    let kept = [grant.recognized, grant.earned, grant.lapsed, grant.returned, grant.vendor_due, grant.tax_returned];
    let naive = [revenue.out(), revenue.earned, revenue.lapsed, revenue.returned, lot.vendor(), revenue.tax_returned];
    prop_assert_eq!(kept.map(i128::from), naive, "money of {}", grant.id);
    // From the postings alone.
    let vendor = balance(Book::VendorAccrued);
    prop_assert_eq!(balance(Book::DeferredRevenue), price - revenue.out());
    prop_assert_eq!(vendor, lot.vendor());
    prop_assert_eq!(vendor + balance(Book::PlatformFee) + balance(Book::Breakage), revenue.earned + revenue.lapsed);
    // The platform's fee is that of uses alone, whatever rounding does beside it.
    let of_uses = revenue.earned - revenue.earned * (10_000 - lot.fee) / 10_000;
    prop_assert_eq!(balance(Book::PlatformFee), of_uses);
    prop_assert_eq!(balance(Book::Refunds), revenue.returned + revenue.lost + revenue.tax_returned);
    prop_assert_eq!(balance(Book::ChargebackLoss), revenue.lost - revenue.recovered);
    prop_assert_eq!(balance(Book::ProcessorFees), revenue.fees);
    if grant.origin.is_none() {
        prop_assert_eq!(balance(Book::CashReceived), price + lot.tax - revenue.fees);
        prop_assert_eq!(balance(Book::Tax), lot.tax - revenue.tax_returned);
        prop_assert_eq!(balance(Book::TransferredRevenue), revenue.moved);
    } else {
        prop_assert_eq!(balance(Book::CashReceived), -revenue.fees);
        prop_assert_eq!(balance(Book::Tax), 0);
        prop_assert_eq!(balance(Book::TransferredRevenue), revenue.moved - price);
    }
    for book in [Book::DeferredRevenue, Book::VendorAccrued, Book::PlatformFee, Book::Breakage, Book::Refunds] {
        prop_assert!(balance(book) >= 0, "{} of {}", book.as_str(), grant.id);
    }
    check_exactness(lot, price)
}

/// What was earned is what the credits are worth, as an exact fraction, but for what rounding down can hide.
fn check_exactness(lot: &Lot, price: i128) -> Checked {
    let revenue = &lot.revenue;
    if lot.gone() == lot.amount {
        prop_assert_eq!(revenue.out(), price, "no credits are left of {}", lot.id);
    }
    if lot.used == 0 {
        prop_assert_eq!(revenue.earned, 0, "every use of {} was given back", lot.id);
    }
    if !lot.was_given_back {
        prop_assert_eq!(revenue.out(), lot.worth(lot.gone()));
    }
    if lot.gone() == lot.used {
        prop_assert_eq!(revenue.earned, lot.worth(lot.used), "as if only this had been used of {}", lot.id);
    }
    let may_hide = (lot.moves + 1) * lot.amount;
    prop_assert!((revenue.earned * lot.amount - price * lot.used).abs() < may_hide);
    prop_assert!((revenue.out() * lot.amount - price * lot.gone()).abs() < may_hide);
    prop_assert!((revenue.returned * lot.amount - price * lot.refunded).abs() < may_hide || lot.disputed);
    Ok(())
}

/// What holds at the end of a script: holds are what was posted for them, and everything can be had again.
pub fn check_history(world: &World) -> Checked {
    for hold in &world.holds {
        let (mut captured, mut refunded) = (0, 0);
        for posting in world.entries.iter().flat_map(|entry| &entry.postings).filter(|p| p.hold == Some(hold.id)) {
            captured += if posting.credit == Book::Consumed { i128::from(posting.amount) } else { 0 };
            refunded += if posting.debit == Book::Consumed { i128::from(posting.amount) } else { 0 };
        }
        prop_assert_eq!((captured, refunded), (wide(hold.captured), wide(hold.refunded)));
        let mut moved = world.entries.iter().filter(|entry| entry.postings.iter().any(|p| p.hold == Some(hold.id)));
        prop_assert_eq!(moved.next_back().map(|entry| entry.id), Some(hold.last_entry), "last entry of {:?}", hold);
    }
    for grant in world.accounts.iter().flat_map(|account| &account.grants) {
        let mut tally = Tally::default();
        // In any order: here, backwards.
        for posting in world.entries.iter().rev().flat_map(|entry| &entry.postings) {
            if posting.grant == Some(grant.id) {
                let added = tally.add(posting.debit, posting.credit, posting.amount);
                prop_assert!(added.is_ok(), "{:?}", posting);
            }
        }
        let differences: Vec<_> =
            tally.differences(grant).filter(|(name, ..)| *name != "tax" || grant.price.is_some()).collect();
        prop_assert!(differences.is_empty(), "{:?} of {:?}", differences, grant);
        let contradictions = Tally::contradictions(grant);
        prop_assert!(contradictions.is_empty(), "{:?} of {:?}", contradictions, grant);
    }
    prop_assert!(world.entries.is_sorted_by_key(|entry| entry.id));
    prop_assert_eq!(&world.replayed(), &world.accounts);
    Ok(())
}
