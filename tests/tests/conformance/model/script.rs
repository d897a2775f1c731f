//! Random scripts: commands sent together, pauses, starts and crashes.

use proptest::prelude::*;

use super::rules::steps::{Step, account, grant, passes, step};

/// What is committed together with a command.
#[derive(Clone, Copy, Debug)]
pub enum Rider {
    None,
    /// A row that the schema takes.
    Stored,
    /// A row that is there already: refused, which must undo its command alone.
    Taken,
    /// A change of a row that is not there: refused too.
    NoRow,
}

/// A command to be, the account it is on, and its rider.
pub type Ask = (Step, usize, Rider);

#[derive(Clone, Debug)]
pub enum Happening {
    /// Sent together to one of the hosts (SQLite has one), so that they share a transaction. PostgreSQL's connections
    /// are cut while it works on them, if said: so many turns of the runtime later.
    Batch {
        asks: Vec<Ask>,
        host: usize,
        cut: Option<u32>,
    },
    Pass(i64),
    /// A host ends well and starts again: nothing is in memory.
    Reopen(usize),
    /// SQLite: the process is killed, only its files are left. PostgreSQL: all connections are cut.
    Crash,
}

/// Sums of a day are 64 bits wide too; what no sum could hold is the rules' own tests' to try.
fn bounded(step: Step) -> Step {
    let bound = |micros: i64| if micros > 1_000_000_000_000 { micros / 10_000_000 } else { micros };
    match step {
        Step::Grant { kind, micros, life, price, tax, share } => {
            Step::Grant { kind, micros: bound(micros), life, price, tax, share }
        }
        Step::Give(micros) => Step::Give(bound(micros)),
        other => other,
    }
}

fn batch(step: impl Strategy<Value = Step>, most: usize) -> impl Strategy<Value = Happening> {
    let rider = prop_oneof![
        16 => Just(Rider::None),
        2 => Just(Rider::Stored),
        1 => Just(Rider::Taken),
        1 => Just(Rider::NoRow),
    ];
    let asks = proptest::collection::vec((step.prop_map(bounded), account(), rider), 1..=most);
    let host = prop_oneof![3 => Just(0usize), 1 => Just(1usize)];
    let cut = prop_oneof![9 => Just(None), 1 => (0u32..60).prop_map(Some)];
    (asks, host, cut).prop_map(|(asks, host, cut)| Happening::Batch { asks, host, cut })
}

/// Scripts of some 80 commands; mostly there are credits to begin with.
pub fn scripts() -> impl Strategy<Value = Vec<Happening>> {
    let happening = prop_oneof![
        24 => batch(step(), 6),
        12 => passes().prop_map(Happening::Pass),
        2 => (0usize..2).prop_map(Happening::Reopen),
        1 => Just(Happening::Crash),
    ];
    let funded = proptest::collection::vec(batch(grant(), 3), 0..3);
    (funded, proptest::collection::vec(happening, 1..60)).prop_map(|(funded, happenings)| [funded, happenings].concat())
}
