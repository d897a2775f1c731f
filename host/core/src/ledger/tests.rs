//! The rules in a small language, and against an independent naive model.

use proptest::prelude::*;

use super::*;
use crate::{
    Credits, Time,
    ids::{AccountId, EntryId, GrantId, HoldId},
};

/// A ledger of one account, driven by words.
struct World {
    account: Account,
    holds: Vec<Hold>,
    entries: i64,
    now: Time,
}

impl World {
    fn new() -> Self {
        Self { account: Account::new(AccountId(1)), holds: Vec::new(), entries: 0, now: Time(1_000) }
    }

    fn run(&mut self, command: &Command) -> Result<Entry, Refusal> {
        self.entries += 1;
        let named = match command {
            Command::Capture { hold, .. }
            | Command::Release { hold }
            | Command::ExpireHold { hold }
            | Command::Keep { hold, .. } => self.holds.iter().find(|other| other.id == *hold),
            _ => None,
        };
        let entry = decide(&self.account, named, command, EntryId(self.entries), self.now)?;
        self.account.apply(&entry).expect("a decision always applies");
        match entry.hold.clone() {
            Some(HoldChange::Begins { id, amount, allocation, expires_at }) => self.holds.push(Hold {
                id,
                account: self.account.id,
                amount,
                captured: Credits::ZERO,
                state: HoldState::Live,
                expires_at,
                allocation,
            }),
            Some(HoldChange::Ends { id, state, captured }) => {
                let hold = self.holds.iter_mut().find(|hold| hold.id == id).expect("it was decided on");
                (hold.state, hold.captured) = (state, captured);
            }
            Some(HoldChange::Moves { id, expires_at }) => {
                self.holds.iter_mut().find(|hold| hold.id == id).expect("it was decided on").expires_at = expires_at;
            }
            None => {}
        }
        if let Command::Suspend { reason } = command {
            self.account.suspended.clone_from(reason);
        }
        Ok(entry)
    }
}

fn number(text: &str) -> i64 {
    text.trim_start_matches(|c: char| c.is_alphabetic()).parse().expect("a number")
}

fn parse(word: &str) -> Command {
    let parts: Vec<&str> = word.split_whitespace().collect();
    match parts.as_slice() {
        ["grant", id, kind, credits] => parse(&format!("grant {id} {kind} {credits} until 999999")),
        ["grant", id, kind, credits, "until", end] => Command::Grant(NewGrant {
            id: GrantId(number(id)),
            kind: GrantKind::from_name(kind).expect("a kind"),
            amount: credits.parse().expect("credits"),
            expires_at: Time(number(end)),
            price: None,
        }),
        ["authorize", hold, credits] => parse(&format!("authorize {hold} {credits} for 1000")),
        ["authorize", hold, credits, "for", ttl] => Command::Authorize(Authorize {
            hold: HoldId(number(hold)),
            amount: credits.parse().expect("credits"),
            ttl: number(ttl),
        }),
        ["capture", hold, credits] => {
            Command::Capture { hold: HoldId(number(hold)), amount: credits.parse().expect("credits") }
        }
        ["release", hold] => Command::Release { hold: HoldId(number(hold)) },
        ["expire", hold] if hold.starts_with('h') => Command::ExpireHold { hold: HoldId(number(hold)) },
        ["expire", grant] => Command::ExpireGrant { grant: GrantId(number(grant)) },
        ["keep", hold, ttl] => Command::Keep { hold: HoldId(number(hold)), ttl: number(ttl) },
        ["suspend", reason] => Command::Suspend { reason: Some((*reason).to_owned()) },
        ["resume"] => Command::Suspend { reason: None },
        other => panic!("not a command: {other:?}"),
    }
}

/// Runs the commands of a story and shows where it ended, or the first refusal.
fn check(story: &str, expected: &str) {
    let mut world = World::new();
    for word in story.split('|').map(str::trim) {
        if let Some(moment) = word.strip_prefix("at ") {
            world.now = Time(number(moment));
        } else if let Err(refusal) = world.run(&parse(word)) {
            assert_eq!(format!("refused: {refusal}"), expected, "{story}");
            return;
        }
    }
    let grants: String = world
        .account
        .grants
        .iter()
        .map(|g| format!(" g{}:{}/{}/{}", g.id.0, g.available, g.held, g.consumed))
        .collect();
    assert_eq!(
        format!("{} available, {} held;{grants}", world.account.available, world.account.held),
        expected,
        "{story}"
    );
}

#[test]
fn a_hold_sets_credits_aside_and_ends_once() {
    check("grant g1 gift 10 | authorize h1 4", "6 available, 4 held; g1:6/4/0");
    check("grant g1 gift 10 | authorize h1 4 | capture h1 3", "7 available, 0 held; g1:7/0/3");
    check("grant g1 gift 10 | authorize h1 4 | capture h1 0", "10 available, 0 held; g1:10/0/0");
    check("grant g1 gift 10 | authorize h1 4 | release h1", "10 available, 0 held; g1:10/0/0");
    check(
        "grant g1 gift 10 | authorize h1 10 | authorize h2 0.000001",
        "refused: 0.000001 credits are needed and 0 are available",
    );
    check(
        "grant g1 gift 10 | authorize h1 4 | capture h1 4 | release h1",
        "refused: the hold has ended: it was captured",
    );
    check(
        "grant g1 gift 10 | authorize h1 4 | release h1 | capture h1 4",
        "refused: the hold has ended: it was released",
    );
    check("grant g1 gift 10 | authorize h1 4 | capture h1 4.5", "refused: 4.5 credits were asked of a hold of 4");
    check("grant g1 gift 10 | capture h9 1", "refused: there is no such hold");
}

#[test]
fn time_is_exact_with_or_without_a_sweeper() {
    check("grant g1 gift 10 | authorize h1 4 for 1000 | at 1999 | capture h1 4", "6 available, 0 held; g1:6/0/4");
    check("grant g1 gift 10 | authorize h1 4 for 1000 | at 2000 | capture h1 4", "refused: the hold expired");
    check("grant g1 gift 10 | authorize h1 4 for 1000 | at 1999 | expire h1", "refused: the hold has not expired yet");
    check("grant g1 gift 10 | authorize h1 4 for 1000 | at 2000 | expire h1", "10 available, 0 held; g1:10/0/0");
    check("grant g1 gift 10 | authorize h1 4 | keep h1 9000 | at 9999 | capture h1 1", "9 available, 0 held; g1:9/0/1");
    check("grant g1 gift 10 | authorize h1 4 | at 2000 | keep h1 9000", "refused: the hold expired");
    check("grant g1 gift 10 | authorize h1 4 for 0", "refused: the end must be in the future");
}

#[test]
fn grants_burn_trial_first_then_soonest_to_expire_then_oldest() {
    check(
        "grant g1 purchase 5 | grant g2 gift 5 until 5000 | grant g3 trial 5 | grant g4 gift 5 until 4000 | authorize h1 12",
        "8 available, 12 held; g3:0/5/0 g4:0/5/0 g2:3/2/0 g1:5/0/0",
    );
    check(
        "grant g2 gift 5 | grant g1 gift 5 | authorize h1 6 | capture h1 6",
        "4 available, 0 held; g1:0/0/5 g2:4/0/1",
    );
    check(
        "grant g1 gift 5 | grant g2 gift 5 | authorize h1 8 | capture h1 2",
        "8 available, 0 held; g1:3/0/2 g2:5/0/0",
    );
}

#[test]
fn expired_credits_cannot_be_spent_and_held_ones_expire_when_they_return() {
    check("grant g1 gift 5 until 3000 | at 3000 | authorize h1 1", "refused: 1 credits are needed and 0 are available");
    check("grant g1 gift 5 until 3000 | expire g1", "refused: the grant has nothing to expire");
    check("grant g1 gift 5 until 3000 | at 3000 | expire g1", "0 available, 0 held; g1:0/0/0");
    check(
        "grant g1 gift 5 until 3000 | authorize h1 2 for 9000 | at 4000 | capture h1 1",
        "3 available, 0 held; g1:3/0/1",
    );
    check(
        "grant g1 gift 5 until 3000 | authorize h1 2 for 9000 | at 4000 | expire g1 | release h1",
        "0 available, 0 held; g1:0/0/0",
    );
    check("grant g1 gift 5 until 1000", "refused: the end must be in the future");
}

#[test]
fn a_suspended_account_spends_nothing_new_but_ends_what_lives() {
    check(
        "grant g1 gift 5 | suspend hosting-refused | authorize h1 1",
        "refused: the account is suspended: hosting-refused",
    );
    check("grant g1 gift 5 | authorize h1 2 | suspend hosting-refused | capture h1 1", "4 available, 0 held; g1:4/0/1");
    check("grant g1 gift 5 | suspend hosting-refused | resume | authorize h1 1", "4 available, 1 held; g1:4/1/0");
}

#[test]
fn impossible_amounts_are_refused() {
    check("grant g1 gift 0", "refused: the amount must be above zero");
    check("grant g1 gift -1", "refused: the amount must be above zero");
    check("grant g1 gift 5 | authorize h1 0", "refused: the amount must be above zero");
    check(
        "grant g1 gift 9223372036854.775807 | grant g2 gift 0.000001",
        "refused: the account cannot hold that many credits",
    );
}

/// Id, end, parts of lots, and whether it lives.
type NaiveHold = (i64, i64, Vec<(i64, i64)>, bool);

/// An independent, deliberately simple ledger: a list of lots and a list of holds, by hand.
#[derive(Default)]
struct Naive {
    lots: Vec<(i64, bool, i64, i64)>, // id, not trial, expires, spendable
    holds: Vec<NaiveHold>,
    spent: i64,
    issued: i64,
    gone: i64,
}

impl Naive {
    fn run(&mut self, command: &Command, now: i64) -> bool {
        match command {
            Command::Grant(new) => {
                if new.amount.micros() <= 0 || new.expires_at.0 <= now {
                    return false;
                }
                self.issued += new.amount.micros();
                self.lots.push((new.id.0, new.kind != GrantKind::Trial, new.expires_at.0, new.amount.micros()));
                self.lots.sort_by_key(|lot| (lot.1, lot.2, lot.0));
                true
            }
            Command::Authorize(ask) => {
                let wanted = ask.amount.micros();
                let usable: i64 = self.lots.iter().filter(|lot| now < lot.2).map(|lot| lot.3).sum();
                if wanted <= 0 || ask.ttl <= 0 || usable < wanted {
                    return false;
                }
                let mut missing = wanted;
                let mut parts = Vec::new();
                for lot in self.lots.iter_mut().filter(|lot| now < lot.2) {
                    let part = missing.min(lot.3);
                    lot.3 -= part;
                    missing -= part;
                    if part > 0 {
                        parts.push((lot.0, part));
                    }
                }
                self.holds.push((ask.hold.0, now + ask.ttl, parts, true));
                true
            }
            Command::Capture { hold, amount } => {
                let Some(at) = self.holds.iter().position(|h| h.0 == hold.0 && h.3 && now < h.1) else { return false };
                let total: i64 = self.holds[at].2.iter().map(|part| part.1).sum();
                if amount.micros() > total {
                    return false;
                }
                self.settle(at, amount.micros(), now);
                true
            }
            Command::Release { hold } | Command::ExpireHold { hold } => {
                let early = matches!(command, Command::ExpireHold { .. });
                let Some(at) = self.holds.iter().position(|h| h.0 == hold.0 && h.3) else { return false };
                if early && now < self.holds[at].1 {
                    return false;
                }
                self.settle(at, 0, now);
                true
            }
            Command::Keep { hold, ttl } => {
                let Some(found) = self.holds.iter_mut().find(|h| h.0 == hold.0 && h.3 && now < h.1) else {
                    return false;
                };
                if *ttl <= 0 {
                    return false;
                }
                found.1 = now + ttl;
                true
            }
            Command::ExpireGrant { grant } => match self.lots.iter_mut().find(|lot| lot.0 == grant.0) {
                Some(lot) if lot.2 <= now && lot.3 > 0 => {
                    self.gone += lot.3;
                    lot.3 = 0;
                    true
                }
                _ => false,
            },
            Command::Suspend { .. } => true,
        }
    }

    fn settle(&mut self, at: usize, mut take: i64, now: i64) {
        self.holds[at].3 = false;
        for (id, part) in self.holds[at].2.clone() {
            let used = take.min(part);
            take -= used;
            self.spent += used;
            let lot = self.lots.iter_mut().find(|lot| lot.0 == id).expect("a part of it");
            if lot.2 <= now {
                self.gone += part - used;
            } else {
                lot.3 += part - used;
            }
        }
    }
}

fn commands() -> impl Strategy<Value = Vec<(Command, i64)>> {
    let kind = prop_oneof![Just(GrantKind::Trial), Just(GrantKind::Gift), Just(GrantKind::Purchase)];
    let credits = (-1i64..40).prop_map(|n| Credits::from_micros(n * 250_000));
    let hold = 1i64..12;
    let command = prop_oneof![
        2 => (kind, credits.clone(), 0i64..3000).prop_map(|(kind, amount, life)| Command::Grant(NewGrant { id: GrantId(0), kind, amount, expires_at: Time(life), price: None })),
        5 => (credits.clone(), -5i64..800).prop_map(|(amount, ttl)| Command::Authorize(Authorize { hold: HoldId(0), amount, ttl })),
        4 => (hold.clone(), credits.prop_filter("not negative", |c| *c >= Credits::ZERO)).prop_map(|(hold, amount)| Command::Capture { hold: HoldId(hold), amount }),
        2 => hold.clone().prop_map(|hold| Command::Release { hold: HoldId(hold) }),
        2 => hold.clone().prop_map(|hold| Command::ExpireHold { hold: HoldId(hold) }),
        1 => (hold, 0i64..2000).prop_map(|(hold, ttl)| Command::Keep { hold: HoldId(hold), ttl }),
        1 => (1i64..8).prop_map(|grant| Command::ExpireGrant { grant: GrantId(grant) }),
    ];
    proptest::collection::vec((command, 0i64..200), 1..80)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn rules_agree_with_a_naive_ledger(script in commands()) {
        let (mut world, mut naive) = (World::new(), Naive::default());
        let (mut grants, mut holds) = (0, 0);
        for (mut command, step) in script {
            world.now = world.now.plus_millis(step);
            match &mut command {
                Command::Grant(new) => { grants += 1; new.id = GrantId(grants); new.expires_at = Time(new.expires_at.0 + world.now.0); }
                Command::Authorize(ask) => { holds += 1; ask.hold = HoldId(holds); }
                _ => {}
            }
            let accepted = world.run(&command).is_ok();
            prop_assert_eq!(accepted, naive.run(&command, world.now.0), "{:?} at {:?}", command, world.now);
            let account = &world.account;
            prop_assert_eq!(account.available.micros(), naive.lots.iter().map(|lot| lot.3).sum::<i64>());
            prop_assert_eq!(account.held.micros(), naive.holds.iter().filter(|h| h.3).flat_map(|h| h.2.iter().map(|p| p.1)).sum::<i64>());
            let consumed: i64 = account.grants.iter().map(|g| g.consumed.micros()).sum();
            prop_assert_eq!(consumed, naive.spent);
            let expired: i64 = account.grants.iter().map(|g| g.expired.micros()).sum();
            prop_assert_eq!(expired, naive.gone);
            prop_assert_eq!(naive.issued, account.available.micros() + account.held.micros() + consumed + expired);
            for g in &account.grants {
                prop_assert_eq!(Credits::checked_sum([g.available, g.held, g.consumed, g.expired, g.refunded]), Some(g.amount));
            }
        }
    }
}
