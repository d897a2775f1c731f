//! The ledger audited: what verification finds, signed receipts, exports and the self-check, on both engines.

mod big;
mod export;
mod receipts;
mod self_check;
mod tamper;
mod world;
