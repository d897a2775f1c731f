//! Publishing: what a new release may change, whom it serves, and what a rise of a price does to those who
//! bought before.
//!
//! Semver is a promise to the admins who pay: see [`upgrade`]. Which release answers a call is decided by
//! [`mod@resolve`], how far a new one goes by [`rollout`], and which price table counts by [`protected`].

pub mod protected;
pub mod requirement;
pub mod resolve;
pub mod rollout;
pub mod schemas;
pub mod upgrade;

pub use requirement::Requirement;
pub use resolve::{Candidate, ReleaseState, Resolved, Wish, resolve};
pub use upgrade::{Bump, Comparison, Difference, Kind, compare};
