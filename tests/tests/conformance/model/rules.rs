//! The naive ledger and the random steps of the rules' own tests, shared and not copied.

#[path = "../../../../host/core/src/ledger/tests/model.rs"]
pub mod model;
#[path = "../../../../host/core/src/ledger/tests/model_money.rs"]
mod model_money;
#[path = "../../../../host/core/src/ledger/tests/model_parts.rs"]
pub mod model_parts;
#[path = "../../../../host/core/src/ledger/tests/steps.rs"]
pub mod steps;

pub use model::Model;
pub use model_parts::{Held, Lot};
pub use steps::NOTHING;
