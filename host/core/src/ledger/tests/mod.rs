//! The rules of the ledger: stories in a small language, an independent naive ledger that random commands are
//! run against, and the cents alone.

mod books;
mod cents;
mod credit_stories;
mod invariants;
mod language;
mod model;
mod model_money;
mod model_parts;
mod money_stories;
mod random;
mod steps;
mod stories;
mod world;

use steps::currency;

/// How many random cases to run: proptest's own setting `PROPTEST_CASES` asks for more.
fn cases() -> u32 {
    proptest::test_runner::Config::default().cases.max(2_000)
}
