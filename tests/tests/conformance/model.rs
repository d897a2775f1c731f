//! The posting path against an independent, naive ledger: batches, refused riders, sweeps, starts and crashes.

mod play;
mod rows;
mod rules;
mod script;

use std::cell::RefCell;

use proptest::test_runner::{Config, TestRunner};

use self::{
    play::{Player, Seen},
    script::{Happening, scripts},
};
use crate::world::rounds;

/// Answers that were compared between the engines.
const COMPARED: &str = "answers on both engines";

/// Plays random scripts; how often each command was done and each refusal given.
fn run(cases: usize, shrinks: u32, play: impl AsyncFn(&[Happening]) -> Seen) -> Seen {
    let config = Config {
        cases: u32::try_from(cases).expect("few"),
        failure_persistence: None,
        max_shrink_iters: shrinks,
        ..Config::default()
    };
    let all = RefCell::new(Seen::new());
    let outcome = TestRunner::new(config).run(&scripts(), |script| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        for (name, times) in runtime.block_on(play(&script)) {
            *all.borrow_mut().entry(name).or_default() += times;
        }
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
    all.into_inner()
}

/// Else the scripts would prove less than they seem to. Few scripts cannot be asked to meet what is rare.
fn assert_met(seen: &Seen) {
    if rounds(0, 1) == 0 {
        let usual = ["Grant", "Authorize", "Capture", "a refused rider"];
        assert!(usual.iter().all(|wanted| seen.contains_key(*wanted)), "{seen:?}");
        return;
    }
    let commands =
        ["Grant", "Authorize", "Capture", "Release", "ExpireHold", "ExpireGrant", "RefundUse", "RefundCredits"];
    let rare = [
        "RefundUses",
        "Keep",
        "MarkUnknown",
        "Adjust",
        "Transfer",
        "Chargeback",
        "Suspend",
        "Stop",
        "Cap",
        "a refused rider",
    ];
    for wanted in commands.into_iter().chain(rare) {
        assert!(seen.contains_key(wanted), "{wanted} was never met: {seen:?}");
    }
}

#[test]
fn sqlite_agrees_with_a_naive_ledger() {
    let seen = run(rounds(48, 1_000), 2_000, async |script| {
        let mut player = Player::sqlite().await;
        player.play(script).await;
        player.leave()
    });
    assert_met(&seen);
}

#[test]
fn postgres_agrees_with_a_naive_ledger_and_with_sqlite() {
    let seen = run(rounds(16, 200), 200, async |script| {
        let (mut player, mut other) = (Player::postgres().await, Player::sqlite().await.by_account());
        player.play(script).await;
        other.play(script).await;
        let comparable = player.in_order.into_iter().chain(other.in_order).min().unwrap_or(player.told.len());
        for (one, other) in player.told.iter().zip(&other.told).take(comparable) {
            assert_eq!(one, other);
        }
        let mut seen = player.leave();
        seen.insert(COMPARED.to_owned(), u32::try_from(comparable).expect("few"));
        seen
    });
    assert_met(&seen);
    assert!(seen[COMPARED] > 50, "the engines were compared too little: {seen:?}");
}
