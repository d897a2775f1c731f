//! Rises of prices with notice: who bought before keeps the old price for a while.
//!
//! A provider's own rise may reach accounts within a major if they hear of it [`NOTICE`] before. Credits that
//! were bought before it took effect pay the old price until they are spent, or for [`PROTECTED`] from then on.

use super::upgrade::{Difference, price_edit};
use crate::{Credits, Time, manifest::Manifest};

/// Seconds between the mail about a rise and the rise: 14 days.
pub const NOTICE: i64 = 14 * 86_400;
/// Seconds from a rise on in which credits that were bought before it pay the old price: 90 days.
pub const PROTECTED: i64 = 90 * 86_400;

/// A rise of prices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rise {
    /// From this moment on the table before it was superseded.
    pub effective_at: Time,
}

impl Rise {
    /// A rise that accounts are told of at a moment.
    pub const fn announced(at: Time) -> Self {
        Self { effective_at: at.plus_seconds(NOTICE) }
    }

    /// Whether credits that were bought before it still pay the old price.
    pub fn protects_at(self, now: Time) -> bool {
        self.effective_at <= now && now <= self.effective_at.plus_seconds(PROTECTED)
    }
}

/// Credits that an account bought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lot {
    /// When.
    pub bought_at: Time,
    /// What may be spent of them.
    pub available: Credits,
}

/// Which price table a call is charged by: 0 for the one in force, `n` for the one that `rises[n - 1]` superseded.
///
/// `totals` are the credits of the whole call by each of these tables, in the same order: the one in force,
/// then one for each rise. A superseded table counts if its rise [protects](Rise::protects_at), and if the
/// credits that were bought before that rise pay all of the call at its prices. Of the tables that count the
/// cheapest is taken, of equal ones the oldest; where prices only rose that is the oldest. A table that asks as
/// much as the one in force is not taken, so that nobody pays more than the price of the day.
///
/// A call is not split: what the protected credits cannot pay in full is charged by the next table. Rises that
/// have no total are left out.
pub fn choose(now: Time, rises: &[Rise], lots: &[Lot], totals: &[Credits]) -> usize {
    let Some((current, superseded)) = totals.split_first() else { return 0 };
    let counts = |rise: &Rise, total: Credits| {
        let before = lots.iter().filter(|lot| lot.bought_at < rise.effective_at);
        // More than can be counted is enough.
        let protected = Credits::checked_sum(before.map(|lot| lot.available)).unwrap_or(Credits::MAX);
        rise.protects_at(now) && total < *current && protected >= total
    };
    let tables = rises.iter().zip(superseded).enumerate().filter(|(_, (rise, total))| counts(rise, **total));
    tables.min_by_key(|(_, (rise, total))| (**total, rise.effective_at)).map_or(0, |(index, _)| index + 1)
}

/// What an edit of price tables does without a release, given the manifest with the tables in force and the one
/// with the edited tables.
///
/// Differences with `breaks` are refused. Of them, those that [need notice](Difference::needs_notice) may go out
/// with [`NOTICE`]; the others, such as a row that is gone, never.
pub fn check_price_edit(old: &Manifest, new: &Manifest) -> Vec<Difference> {
    price_edit(old, new)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: i64 = 86_400;

    fn day(days: i64) -> Time {
        Time(0).plus_seconds(days * DAY)
    }

    /// Rises at days 100 and 150; a call costs 9 now, 7 before day 100, 8 before day 150.
    #[test]
    fn credits_bought_before_a_rise_pay_the_old_price() {
        let rises = [Rise { effective_at: day(100) }, Rise { effective_at: day(150) }];
        let totals = [9, 7, 8].map(Credits::whole);
        for (now, lots, expected, why) in [
            (160, &[][..], 0, "nothing bought"),
            (160, &[(90, 7)], 1, "bought before both, pays in full"),
            (160, &[(90, 6)], 0, "bought before, cannot pay in full"),
            (160, &[(90, 3), (95, 4)], 1, "several lots together"),
            (160, &[(100, 100)], 2, "bought at the very moment of the first rise"),
            (160, &[(120, 8)], 2, "bought between"),
            (160, &[(90, 6), (120, 2)], 2, "the older ones cannot pay 7, all together pay 8"),
            (160, &[(90, 6), (120, 1)], 0, "all together cannot pay 8"),
            (160, &[(155, 100)], 0, "bought after"),
            (190, &[(90, 100)], 1, "the last day of the first rise"),
            (191, &[(90, 100)], 2, "past it, the second protects still"),
            (241, &[(90, 100)], 0, "past both"),
            (149, &[(90, 100)], 1, "the second is not in force"),
            (99, &[(90, 100)], 0, "none is in force"),
        ] {
            let lots: Vec<Lot> = lots
                .iter()
                .map(|(bought, credits)| Lot { bought_at: day(*bought), available: Credits::whole(*credits) })
                .collect();
            assert_eq!(choose(day(now), &rises, &lots, &totals), expected, "{why}");
        }
    }

    #[test]
    fn nobody_pays_more_than_the_price_of_the_day() {
        let rises = [Rise { effective_at: day(10) }, Rise { effective_at: day(20) }];
        let lots =
            [Lot { bought_at: day(1), available: Credits::MAX }, Lot { bought_at: day(2), available: Credits::MAX }];
        for (totals, expected) in [([5, 5, 5], 0), ([5, 7, 8], 0), ([9, 7, 6], 2), ([9, 7, 7], 1)] {
            assert_eq!(choose(day(21), &rises, &lots, &totals.map(Credits::whole)), expected, "{totals:?}");
        }
        assert_eq!(choose(day(21), &rises, &lots, &[]), 0);
        assert_eq!(choose(day(21), &rises, &lots, &[Credits::whole(1)]), 0);
    }

    #[test]
    fn a_rise_takes_effect_after_its_notice_and_protects_for_90_days() {
        let rise = Rise::announced(day(1));
        assert_eq!(rise.effective_at, day(15));
        for (now, protects) in [(14, false), (15, true), (105, true), (106, false)] {
            assert_eq!(rise.protects_at(day(now)), protects, "{now}");
        }
    }

    proptest! {
        #[test]
        fn an_old_table_is_taken_only_where_it_is_cheaper_and_paid_for_in_full(
            now in 0i64..400,
            rises in prop::collection::vec(0i64..300, 0..4),
            lots in prop::collection::vec((0i64..400, 0i64..10), 0..5),
            totals in prop::collection::vec(0i64..12, 1..5),
        ) {
            let rises: Vec<Rise> = rises.into_iter().map(|at| Rise { effective_at: day(at) }).collect();
            let lots: Vec<Lot> = lots
                .into_iter()
                .map(|(bought, credits)| Lot { bought_at: day(bought), available: Credits::whole(credits) })
                .collect();
            let totals: Vec<Credits> = totals.into_iter().map(Credits::whole).collect();
            let chosen = choose(day(now), &rises, &lots, &totals);
            prop_assert!(totals[chosen] <= totals[0]);
            if let Some(rise) = chosen.checked_sub(1).map(|index| rises[index]) {
                let before = lots.iter().filter(|lot| lot.bought_at < rise.effective_at);
                let paid = Credits::checked_sum(before.map(|lot| lot.available)).expect("few");
                prop_assert!(rise.effective_at <= day(now) && day(now) <= rise.effective_at.plus_seconds(PROTECTED));
                prop_assert!(totals[chosen] < totals[0] && totals[chosen] <= paid);
            }
        }
    }
}
