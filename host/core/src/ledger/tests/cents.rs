//! The cents alone: whatever a purchase costs and however its credits go, no cent is lost or made.

use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

use super::{
    super::{Authorize, Book, Breakage, Command, Grant, GrantKind, Hold, NewGrant, Refusal, Share},
    cases, currency,
    world::World,
};
use crate::{
    Credits, Money, Time,
    ids::{GrantId, HoldId},
};

const LOT: GrantId = GrantId(1);
const END: i64 = 1_000_000;

/// How some of the credits go. Numbers are 64ths of what there is for it.
#[derive(Clone, Copy, Debug)]
enum Way {
    Use(i64),
    UseInParts(i64, i64),
    GiveBack(usize, i64),
    Refund(i64),
    Take(i64),
    Hold(i64),
}

#[derive(Clone, Debug)]
struct Purchase {
    micros: i64,
    minor: i64,
    tax: i64,
    share: Share,
    ways: Vec<Way>,
    charged_back: bool,
}

fn purchases() -> impl Strategy<Value = Purchase> {
    let part = || 1i64..=64;
    let way = prop_oneof![
        4 => part().prop_map(Way::Use),
        2 => (part(), part()).prop_map(|(whole, first)| Way::UseInParts(whole, first)),
        3 => (0usize..8, part()).prop_map(|(hold, part)| Way::GiveBack(hold, part)),
        1 => part().prop_map(Way::Refund),
        1 => part().prop_map(Way::Take),
        1 => part().prop_map(Way::Hold),
    ];
    let amount = || prop_oneof![3 => 1i64..1_000, 3 => 1i64..100_000_000, 1 => 1..=i64::MAX];
    let share = (0u16..=10_000, any::<bool>()).prop_map(|(fee_bps, vendor)| Share {
        fee_bps,
        breakage_to: if vendor { Breakage::Vendor } else { Breakage::Host },
    });
    let paid = (amount(), amount().prop_map(|minor| minor - 1), 0i64..10_000);
    (paid, share, proptest::collection::vec(way, 0..24), any::<bool>()).prop_map(
        |((micros, minor, tax), share, ways, charged_back)| Purchase { micros, minor, tax, share, ways, charged_back },
    )
}

fn of(whole: Credits, part: i64) -> Credits {
    let micros = i128::from(whole.micros()) * i128::from(part) / 64;
    Credits::from_micros(i64::try_from(micros).expect("a part"))
}

struct Life {
    world: World,
}

impl Life {
    fn begin(purchase: &Purchase) -> Self {
        let mut world = World::new();
        let price = Money { minor: purchase.minor, currency: currency("EUR") };
        let new = NewGrant {
            id: LOT,
            kind: GrantKind::Purchase,
            amount: Credits::from_micros(purchase.micros),
            expires_at: Time(END),
            price: Some(price),
            tax: purchase.tax,
            share: purchase.share,
            origin: None,
        };
        world.run(0, &Command::Grant(new)).expect("a purchase");
        Self { world }
    }

    fn lot(&self) -> &Grant {
        self.world.accounts[0].grant(LOT).expect("it was bought")
    }

    fn run(&mut self, amount: Credits, command: &Command) {
        if amount.is_positive() {
            self.world.run(0, command).expect("there is enough of it");
        }
    }

    fn hold(&mut self, amount: Credits) -> HoldId {
        let hold = HoldId(self.world.next_id());
        self.run(amount, &Command::Authorize(Authorize { hold, amount, ttl: 2 * END, company: None }));
        hold
    }

    fn go(&mut self, way: Way) {
        let available = self.lot().available;
        match way {
            Way::Use(part) => {
                let amount = of(available, part);
                let hold = self.hold(amount);
                self.run(amount, &Command::Capture { hold, amount, last: true });
            }
            Way::UseInParts(whole, first) => {
                let whole = of(available, whole);
                let hold = self.hold(whole);
                let first = of(whole, first);
                self.run(first, &Command::Capture { hold, amount: first, last: false });
                let rest = of(whole.checked_sub(first).expect("a part"), 32);
                self.run(whole, &Command::Capture { hold, amount: rest, last: true });
            }
            Way::GiveBack(hold, part) => {
                let left = |hold: &Hold| hold.captured.checked_sub(hold.refunded).expect("a part");
                let ended: Vec<&Hold> = self.world.holds.iter().filter(|hold| !hold.state.is_live()).collect();
                if let Some(used) = ended.get(hold % ended.len().max(1)) {
                    let (hold, amount) = (used.id, of(left(used), part));
                    self.run(amount, &Command::RefundUse { hold, amount });
                }
            }
            Way::Refund(part) => {
                let amount = of(available, part);
                self.run(amount, &Command::RefundCredits { grant: LOT, amount });
            }
            Way::Take(part) => {
                let amount = of(available, part);
                let less = Credits::ZERO.checked_sub(amount).expect("it fits");
                self.run(amount, &Command::Adjust { amount: less });
            }
            Way::Hold(part) => {
                self.hold(of(available, part));
            }
        }
    }

    /// No credits are left: what expires and what was held goes back, or is charged back.
    fn end(&mut self, charged_back: bool) {
        if charged_back {
            let done = self.world.run(0, &Command::Chargeback { grant: LOT });
            // Unless everything went back before.
            assert!(matches!(done, Ok(_) | Err(Refusal::GrantWasChargedBack)), "{done:?}");
        }
        self.world.now = Time(END);
        self.run(self.lot().available, &Command::ExpireGrant { grant: LOT });
        let live: Vec<HoldId> =
            self.world.holds.iter().filter(|hold| hold.state.is_live()).map(|hold| hold.id).collect();
        for hold in live {
            self.world.run(0, &Command::Release { hold }).expect("it lives");
        }
    }

    fn check(&self, purchase: &Purchase) -> Result<(), TestCaseError> {
        let balance = |book| self.world.books.of_grant(self.world.accounts[0].id, self.lot(), book);
        let paid = i128::from(purchase.minor) + i128::from(purchase.tax);
        prop_assert_eq!(balance(Book::CashReceived), paid);
        let sources = balance(Book::CashReceived) + balance(Book::ChargebackLoss);
        let uses =
            [Book::DeferredRevenue, Book::VendorAccrued, Book::PlatformFee, Book::Breakage, Book::Tax, Book::Refunds];
        for book in uses {
            prop_assert!(0 <= balance(book), "{}", book.as_str());
        }
        prop_assert_eq!(sources, uses.into_iter().map(balance).sum::<i128>());
        // What the vendor has is its part of what was earned, to the cent.
        let host = balance(Book::PlatformFee);
        let lapsed = i128::from(self.lot().lapsed);
        let to_vendor = if purchase.share.breakage_to == Breakage::Vendor { lapsed } else { 0 };
        let earned = balance(Book::VendorAccrued) + host + balance(Book::Breakage) - lapsed;
        let share = i128::from(10_000 - purchase.share.fee_bps);
        prop_assert_eq!(balance(Book::VendorAccrued), (earned + to_vendor) * share / 10_000);
        Ok(())
    }
}

fn live(purchase: &Purchase) -> Result<(), TestCaseError> {
    let mut life = Life::begin(purchase);
    for way in &purchase.ways {
        life.go(*way);
        life.check(purchase)?;
    }
    life.end(purchase.charged_back);
    life.check(purchase)?;
    let balance = |book| life.world.books.of_grant(life.world.accounts[0].id, life.lot(), book);
    prop_assert_eq!(life.lot().gone(), life.lot().amount);
    prop_assert_eq!(balance(Book::DeferredRevenue), 0, "no credits are left");
    if purchase.charged_back {
        prop_assert_eq!(balance(Book::Refunds), i128::from(purchase.minor) + i128::from(purchase.tax));
        prop_assert_eq!(balance(Book::Tax), 0);
        return Ok(());
    }
    prop_assert_eq!(balance(Book::ChargebackLoss), 0);
    // All uses given back: nobody has earned anything.
    let ended: Vec<(HoldId, Credits)> = life
        .world
        .holds
        .iter()
        .map(|hold| (hold.id, hold.captured.checked_sub(hold.refunded).expect("a part")))
        .collect();
    for (hold, amount) in ended {
        life.run(amount, &Command::RefundUse { hold, amount });
    }
    let balance = |book| life.world.books.of_grant(life.world.accounts[0].id, life.lot(), book);
    prop_assert_eq!(life.lot().earned, 0);
    let lapsed = if purchase.share.breakage_to == Breakage::Vendor { i128::from(life.lot().lapsed) } else { 0 };
    let of_lapsed = lapsed * i128::from(10_000 - purchase.share.fee_bps) / 10_000;
    prop_assert_eq!((balance(Book::VendorAccrued), balance(Book::PlatformFee)), (of_lapsed, 0));
    let split_off: i128 = life.world.accounts[0]
        .grants
        .iter()
        .filter(|grant| grant.origin == Some(LOT))
        .map(|grant| i128::from(grant.price.map_or(0, |price| price.minor)))
        .sum();
    let stayed = [Book::VendorAccrued, Book::PlatformFee, Book::Breakage, Book::Refunds, Book::Tax].map(balance);
    let paid = i128::from(purchase.minor) + i128::from(purchase.tax);
    prop_assert_eq!(split_off + stayed.into_iter().sum::<i128>(), paid);
    Ok(())
}

#[test]
fn no_cent_is_lost_or_made() {
    let config = Config { cases: cases(), failure_persistence: None, max_shrink_iters: 50_000, ..Config::default() };
    let outcome = TestRunner::new(config).run(&purchases(), |purchase| live(&purchase));
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}
