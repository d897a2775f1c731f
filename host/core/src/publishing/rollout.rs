//! How far a new release has gone, and when it has to stop.

use crate::ids::AccountId;

/// Calls of a new release before it is judged.
pub const ENOUGH_CALLS: u64 = 20;

/// Where an account stands in the rollout of a release: 0 to 99, always the same, and spread evenly. A release
/// at `n` percent serves the accounts below `n`, so that raising the percentage takes nobody out. Each release
/// deals anew: no account is the first of all of them.
pub fn bucket(account: AccountId, release: i64) -> u8 {
    let mixed = mix(mix(release.cast_unsigned()) ^ account.0.cast_unsigned());
    u8::try_from(mixed % 100).expect("less than 100")
}

/// Whether a release at `percent` serves an account.
pub fn reaches(percent: u8, account: AccountId, release: i64) -> bool {
    bucket(account, release) < percent
}

/// The finalizer of SplitMix64: each bit of the number changes about half of the result's.
const fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// How calls of a release ended in some time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Calls that ended.
    pub calls: u64,
    /// Of them: those that the plugin failed.
    pub failures: u64,
}

impl Health {
    /// Failures of a thousand calls, rounded down.
    pub fn per_mille(self) -> u64 {
        let parts = u128::from(self.failures.min(self.calls)) * 1000;
        u64::try_from(parts / u128::from(self.calls.max(1))).expect("at most 1000")
    }

    fn shown(self) -> String {
        let parts = self.per_mille();
        format!("{} of {} calls ({}.{} %)", self.failures, self.calls, parts / 10, parts % 10)
    }
}

/// What is to be done with a release that is being rolled out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It goes on.
    Fine,
    /// Less than [`ENOUGH_CALLS`]: nothing is known yet.
    TooFew,
    /// It fails too often.
    Stop {
        /// For the vendor, with the numbers.
        reason: String,
    },
}

/// Judges a new release by the one that it replaces.
///
/// It stops when it has had [`ENOUGH_CALLS`], more than 10 % of them failed, and its rate is more than twice
/// the old one's plus 5 points: a provider that is down fails both alike and stops nothing. An old release
/// without calls counts as one that never fails. Compared exactly, without division.
pub fn judge(new: Health, old: Health) -> Verdict {
    if new.calls < ENOUGH_CALLS {
        return Verdict::TooFew;
    }
    let [calls, failures] = [new.calls, new.failures.min(new.calls)].map(u128::from);
    // Without calls the old rate is 0 of 1.
    let [old_calls, old_failures] = [old.calls.max(1), old.failures.min(old.calls)].map(u128::from);
    // failures / calls > 2 × old_failures / old_calls + 1/20, both sides times 20 × calls × old_calls. No product
    // overflows: counts of calls are far below 2^60.
    let worse = 20 * failures * old_calls > calls * (40 * old_failures + old_calls);
    if failures * 10 <= calls || !worse {
        return Verdict::Fine;
    }
    let before = if old.calls == 0 {
        "the release before had none".to_owned()
    } else {
        format!("of the release before {}", old.shown())
    };
    Verdict::Stop { reason: format!("{} failed, {before}", new.shown()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn buckets_are_the_same_on_every_host_and_version() {
        let first: Vec<u8> = (0..8).map(|account| bucket(AccountId(account), 7)).collect();
        assert_eq!(first, [21, 15, 81, 93, 34, 30, 93, 4]);
    }

    #[test]
    fn buckets_are_even_and_releases_deal_anew() {
        for release in [1, 2, 1 << 40] {
            let mut counts = [0u32; 100];
            (0..100_000).for_each(|account| counts[usize::from(bucket(AccountId(account << 22), release))] += 1);
            assert!(counts.iter().all(|count| (850..1150).contains(count)), "{release}: {counts:?}");
        }
        let both =
            (0..100_000).filter(|account| reaches(10, AccountId(*account), 1) && reaches(10, AccountId(*account), 2));
        assert!((850..1150).contains(&both.count()));
    }

    proptest! {
        #[test]
        fn raising_the_percentage_takes_nobody_out(account: i64, release: i64, percent in 0u8..100) {
            let account = AccountId(account);
            prop_assert!(!reaches(0, account, release) && reaches(100, account, release));
            prop_assert!(!reaches(percent, account, release) || reaches(percent + 1, account, release));
        }
    }

    #[test]
    fn a_release_stops_when_it_fails_far_more_than_the_one_before() {
        for (new, old, expected) in [
            ((0, 0), (0, 0), None),
            ((19, 19), (1000, 0), None),
            ((20, 2), (1000, 0), Some("")),
            ((20, 3), (1000, 0), Some("3 of 20 calls (15.0 %) failed, of the release before 0 of 1000 calls (0.0 %)")),
            ((20, 3), (0, 0), Some("3 of 20 calls (15.0 %) failed, the release before had none")),
            // Over 10 %, but not over twice 5 % plus 5 points.
            ((1000, 150), (1000, 50), Some("")),
            (
                (1000, 151),
                (1000, 50),
                Some("151 of 1000 calls (15.1 %) failed, of the release before 50 of 1000 calls (5.0 %)"),
            ),
            // The provider is down for both.
            ((1000, 1000), (1000, 480), Some("")),
            (
                (1000, 1000),
                (1000, 470),
                Some("1000 of 1000 calls (100.0 %) failed, of the release before 470 of 1000 calls (47.0 %)"),
            ),
            (
                (1_000_000_000_000, 100_000_000_001),
                (1_000_000_000_000, 0),
                Some(
                    "100000000001 of 1000000000000 calls (10.0 %) failed, of the release before 0 of 1000000000000 calls (0.0 %)",
                ),
            ),
        ] {
            let health = |(calls, failures)| Health { calls, failures };
            let expected = match expected {
                None => Verdict::TooFew,
                Some("") => Verdict::Fine,
                Some(reason) => Verdict::Stop { reason: reason.to_owned() },
            };
            assert_eq!(judge(health(new), health(old)), expected, "{new:?} {old:?}");
        }
    }
}
