//! Random commands against the naive ledger.

use std::{cell::RefCell, collections::BTreeMap};

use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};

use super::{
    super::{Command, EntryKind},
    cases, invariants,
    model::Model,
    steps::{Step, account, grant, passes, step},
    world::World,
};

/// How often each kind of entry was made and each refusal given.
type Seen = BTreeMap<String, u32>;

const REFUSALS: [&str; 20] = [
    "PostingIsStopped",
    "AmountMustBePositive",
    "MustEndInTheFuture",
    "NotTransferable",
    "AccountIsSuspended",
    "AccountIsInDebt",
    "SpendingCapReached",
    "InsufficientCredit",
    "UnknownHold",
    "HoldHasEnded",
    "HoldHasExpired",
    "HoldHasNotExpired",
    "HoldHasNotEnded",
    "ExceedsHold",
    "UnknownGrant",
    "NothingToExpire",
    "GrantHasNoPrice",
    "GrantWasChargedBack",
    "ExceedsGrant",
    "ExceedsDebt",
];

/// A step, the account it is on, and the milliseconds that pass before it.
type Scripted = (Step, usize, i64);

/// A script of about 50 steps, most on the first account, which mostly has credits to begin with.
fn scripts() -> impl Strategy<Value = Vec<Scripted>> {
    let funded = (grant(), Just(0usize), 0i64..10);
    let steps = proptest::collection::vec((step(), account(), passes()), 1..100);
    (proptest::collection::vec(funded, 0..4), steps).prop_map(|(funded, steps)| [funded, steps].concat())
}

fn name(debug: &impl std::fmt::Debug) -> String {
    let text = format!("{debug:?}");
    text.split([' ', '(', '{']).next().unwrap_or_default().to_owned()
}

fn play(script: &[Scripted], seen: &mut Seen) -> Result<(), TestCaseError> {
    let (mut world, mut model) = (World::new(), Model::default());
    for (step, on, passes) in script {
        world.now = world.now.plus_millis(*passes);
        let command = step.command(*on, &model, world.next_id(), world.now.millis());
        let (accounts, holds) = (world.accounts.clone(), world.holds.clone());
        let outcome = world.run(*on, &command);
        let naive = model.run(*on, &command, world.now.millis());
        let refusal = outcome.as_ref().map(|_| ()).map_err(name);
        prop_assert_eq!(&refusal, &naive.map_err(str::to_owned), "{:?} at {:?}", &command, world.now);
        match outcome {
            Ok(entries) => {
                for entry in &entries {
                    *seen.entry(entry.kind.map_or_else(|| name(&command), |kind| name(&kind))).or_default() += 1;
                }
                take_in(&mut model, &world);
                invariants::check_entries(&entries, &world)?;
                invariants::check_burn_order(&command, &world.accounts[*on], &entries[0], &world)?;
                invariants::check_ends(&holds, &world)?;
            }
            Err(refusal) => {
                *seen.entry(name(&refusal)).or_default() += 1;
                prop_assert_eq!((&world.accounts, &world.holds), (&accounts, &holds), "a refusal changes nothing");
            }
        }
        invariants::check_world(&world, &model)?;
    }
    invariants::check_history(&world)
}

/// What only the ledger under test can say: the ids of grants that rules made, and of the last entries.
fn take_in(model: &mut Model, world: &World) {
    for (lot, id) in model.lots.iter_mut().zip(&world.grants) {
        lot.id = id.0;
    }
    for (owner, account) in model.owners.iter_mut().zip(&world.accounts) {
        owner.last_entry = account.last_entry;
    }
}

#[test]
fn rules_agree_with_a_naive_ledger() {
    let config = Config { cases: cases(), failure_persistence: None, max_shrink_iters: 50_000, ..Config::default() };
    let seen = RefCell::new(Seen::new());
    let outcome = TestRunner::new(config).run(&scripts(), |script| play(&script, &mut seen.borrow_mut()));
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    // Else the scripts would prove less than they seem to.
    let seen = seen.into_inner();
    let vendors = [EntryKind::MakePayable, EntryKind::PayOut, EntryKind::PayoutReturned];
    let kinds = EntryKind::ALL.into_iter().filter(|kind| !vendors.contains(kind)).map(|kind| name(&kind));
    let others = ["Keep", "MarkUnknown", "Suspend", "Stop", "Cap", "TooManyCredits", "Changed"].map(str::to_owned);
    for wanted in kinds.chain(REFUSALS.map(str::to_owned)).chain(others) {
        let times = seen.get(&wanted).copied().unwrap_or(0);
        assert!(times >= 20, "{wanted} was met {times} times only: {seen:?}");
    }
}

#[test]
fn the_naive_ledger_is_no_yes_man() {
    let mut model = Model::default();
    let release = Command::Release { hold: crate::ids::HoldId(1) };
    assert_eq!(model.run(0, &release, 1_000), Err("UnknownHold"));
}
