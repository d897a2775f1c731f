//! Documents: sealed here, stored as chunks that nobody else can read.
//!
//! ```text
//! door ── taken out of the input (taken) ── decoded, measured, hashed (measured) ─┐
//! plugin ── blobs.put ────────────────────────────────────────────────────────────┴─► keep: seal, store
//! ```
//!
//! A document is decoded twice, a chunk at a time, and never stands in memory as a whole beside its text in base64.

mod documents;
mod keep;
mod measured;
mod seal;
mod sniff;
mod taken;

pub use documents::Documents;
pub use keep::{Kept, Shelf, chunk_of};
pub(crate) use sniff::content_type;
pub use taken::{MOST_DOCUMENTS, TakeError, Taken, measure};
