use proptest::prelude::*;

use super::*;
use crate::publishing::rollout::bucket;

/// Reads `1.2.3 yanked 50`; ids count from 1.
fn candidates(lines: &[&str]) -> Vec<Candidate> {
    let candidate = |(index, line): (usize, &&str)| {
        let mut words = line.split(' ');
        Candidate {
            id: i64::try_from(index).expect("few") + 1,
            version: Version::parse(words.next().expect("a version")).expect("a version"),
            state: words.next().map_or(ReleaseState::Approved, |word| word.parse().expect("a state")),
            rollout: words.next().map_or(100, |percent| percent.parse().expect("a percentage")),
        }
    };
    lines.iter().enumerate().map(candidate).collect()
}

fn answer(candidates: &[Candidate], requirement: &str, major: Option<u64>) -> (Option<String>, Option<String>) {
    let requirement = Requirement::parse(requirement).expect("a requirement");
    let wish = Wish { account: AccountId(7), requirement: &requirement, major };
    let resolved = resolve(candidates, &wish);
    let version = |id| candidates.iter().find(|one| one.id == id).expect("one of them").version.to_string();
    (resolved.serves.map(version), resolved.offered_major.map(|version| version.to_string()))
}

#[test]
fn each_wish_has_its_release() {
    let all = candidates(&[
        "1.0.0",
        "1.2.0",
        "1.3.0 yanked",
        "1.4.0 stopped",
        "1.5.0 submitted",
        "1.6.0 rejected",
        "2.0.0",
        "2.1.0-rc.1",
        "2.1.0 approved 0",
        "3.0.0 approved 99",
        "4.0.0 yanked",
    ]);
    for (requirement, major, serves, offered) in [
        ("^current", Some(1), Some("1.2.0"), Some("2.0.0")),
        ("^current", Some(2), Some("2.0.0"), None),
        ("^current", None, Some("2.0.0"), None),
        ("^current", Some(0), None, Some("2.0.0")),
        ("^current", Some(4), None, None),
        ("^1.2", Some(2), Some("1.2.0"), Some("2.0.0")),
        ("^1.2", None, Some("1.2.0"), Some("2.0.0")),
        ("~1.0", Some(1), Some("1.0.0"), Some("2.0.0")),
        (">=1.3", Some(1), Some("3.0.0"), None),
        ("^9", Some(1), None, Some("2.0.0")),
        ("^9", None, None, None),
        ("=1.3.0", Some(1), Some("1.3.0"), Some("2.0.0")),
        ("=1.3", Some(1), None, Some("2.0.0")),
        (">=1.3.0, <1.4.0", Some(1), None, Some("2.0.0")),
        ("=1.4.0", Some(1), None, Some("2.0.0")),
        ("=1.5.0", Some(1), None, Some("2.0.0")),
        ("=1.6.0", Some(1), None, Some("2.0.0")),
        ("=2.1.0-rc.1", Some(1), Some("2.1.0-rc.1"), None),
        (">=2.1.0-rc.1, <3", Some(1), None, Some("2.0.0")),
        ("=2.1.0", Some(1), Some("2.1.0"), None),
        ("=4.0.0", None, Some("4.0.0"), None),
    ] {
        assert!(bucket(AccountId(7), 10) < 99, "the account has 3.0.0");
        let expected = (serves.map(str::to_owned), offered.map(str::to_owned));
        assert_eq!(answer(&all, requirement, major), expected, "{requirement} {major:?}");
    }
}

#[test]
fn a_service_that_nobody_has_in_full_serves_those_it_reached() {
    let only = |percent: u8| candidates(&[&format!("1.0.0 approved {percent}")]);
    let bucket = bucket(AccountId(7), 1);
    assert_eq!(answer(&only(bucket + 1), "^current", None).0.as_deref(), Some("1.0.0"));
    assert_eq!(answer(&only(bucket), "^current", None), (None, None));
    assert_eq!(answer(&[], "^current", Some(1)), (None, None));
}

#[test]
fn a_major_that_reaches_some_takes_nobody_from_the_one_before() {
    let both = candidates(&["1.0.0 approved 99", "2.0.0 approved 99"]);
    for account in 0..200 {
        let wish = Wish { account: AccountId(account), requirement: &Requirement::Current, major: None };
        let serves = resolve(&both, &wish).serves;
        let reached = both.iter().filter(|one| is_for(one, &wish));
        assert_eq!(serves, reached.min_by_key(|one| one.version.major).map(|one| one.id), "{account}");
    }
}

fn any_candidates() -> impl Strategy<Value = Vec<Candidate>> {
    let version = (0u64..4, 0u64..3, 0u64..3, prop::bool::weighted(0.2));
    let candidate = (version, prop::sample::select(ReleaseState::ALL), prop_oneof![Just(100u8), 0u8..=100]);
    prop::collection::vec(candidate, 0..12).prop_map(|all| {
        let mut known = std::collections::BTreeSet::new();
        let candidates = all.into_iter().filter_map(|((major, minor, patch, is_pre), state, rollout)| {
            let mut version = Version::new(major, minor, patch);
            if is_pre {
                version.pre = semver::Prerelease::new("rc.1").expect("a pre-release");
            }
            let id = i64::try_from(known.len()).expect("few") + 1;
            known.insert(version.clone()).then_some(Candidate { id, version, state, rollout })
        });
        candidates.collect()
    })
}

fn any_requirement() -> impl Strategy<Value = Requirement> {
    let text = prop_oneof![
        Just("^current".to_owned()),
        (0u64..4, 0u64..3).prop_map(|(major, minor)| format!("^{major}.{minor}")),
        (0u64..4, 0u64..3, 0u64..3).prop_map(|(major, minor, patch)| format!("={major}.{minor}.{patch}")),
        Just("*".to_owned()),
        Just(">=1.1.0-a, <3".to_owned()),
    ];
    text.prop_map(|text| Requirement::parse(&text).expect("a requirement"))
}

fn served<'a>(candidates: &'a [Candidate], resolved: &Resolved) -> Option<&'a Candidate> {
    resolved.serves.map(|id| candidates.iter().find(|one| one.id == id).expect("one of them"))
}

proptest! {
    #[test]
    fn nothing_serves_that_may_not(all in any_candidates(), requirement in any_requirement(), account: i64, major in prop::option::of(0u64..4)) {
        let wish = Wish { account: AccountId(account), requirement: &requirement, major };
        let resolved = resolve(&all, &wish);
        if let Some(one) = served(&all, &resolved) {
            let is_pinned = requirement.pinned().as_ref() == Some(&one.version);
            prop_assert!(one.state == ReleaseState::Approved || (is_pinned && one.state == ReleaseState::Yanked));
            prop_assert!(is_pinned || (one.version.pre.is_empty() && bucket(wish.account, one.id) < one.rollout));
            match &requirement {
                Requirement::Current => prop_assert!(major.is_none_or(|major| one.version.major == major)),
                Requirement::Versions(versions) => prop_assert!(versions.matches(&one.version)),
            }
        }
    }

    #[test]
    fn the_order_of_releases_does_not_matter(all in any_candidates(), requirement in any_requirement(), account: i64, major in prop::option::of(0u64..4), turn in 0usize..12) {
        let wish = Wish { account: AccountId(account), requirement: &requirement, major };
        let mut turned = all.clone();
        turned.rotate_left(turn.min(all.len()));
        prop_assert_eq!(resolve(&all, &wish), resolve(&turned, &wish));
    }

    #[test]
    fn a_pin_gets_its_version_while_that_is_approved_or_yanked(all in any_candidates(), account: i64, which: prop::sample::Index, major in prop::option::of(0u64..4)) {
        prop_assume!(!all.is_empty());
        let one = which.get(&all);
        let requirement = Requirement::parse(&format!("={}", one.version)).expect("a requirement");
        let wish = Wish { account: AccountId(account), requirement: &requirement, major };
        let may_serve = matches!(one.state, ReleaseState::Approved | ReleaseState::Yanked);
        prop_assert_eq!(resolve(&all, &wish).serves, may_serve.then_some(one.id));
    }

    /// Of a consented major, more of a rollout never gives an account a lower version.
    #[test]
    fn raising_a_percentage_takes_no_account_back(all in any_candidates(), account: i64, which: prop::sample::Index, major in 0u64..4) {
        prop_assume!(!all.is_empty());
        let wish = Wish { account: AccountId(account), requirement: &Requirement::Current, major: Some(major) };
        let mut raised = all.clone();
        let at = which.index(all.len());
        raised[at].rollout = raised[at].rollout.saturating_add(20).min(100);
        let (before, after) = (resolve(&all, &wish), resolve(&raised, &wish));
        let version = |resolved: &Resolved| served(&all, resolved).map(|one| one.version.clone());
        prop_assert!(version(&before) <= version(&after));
    }

    #[test]
    fn what_is_offered_is_a_higher_major_that_everybody_may_have(all in any_candidates(), requirement in any_requirement(), account: i64, major in prop::option::of(0u64..4)) {
        let wish = Wish { account: AccountId(account), requirement: &requirement, major };
        let resolved = resolve(&all, &wish);
        if let Some(offered) = &resolved.offered_major {
            let one = all.iter().find(|one| one.version == *offered).expect("one of them");
            prop_assert!(one.state == ReleaseState::Approved && one.rollout == 100 && offered.pre.is_empty());
            if let Some(serves) = served(&all, &resolved) {
                prop_assert!(serves.version.major < offered.major);
            }
        }
    }
}
