//! Uploads that are meant to do harm: each is refused with a reason, or is really good, and the host goes on.
//!
//! `IAP_LONG=1` tries a thousand of the random ones.

mod bombs;
mod confined;
mod ends;
mod good;
mod manifests;
mod mutated;
mod queue;
mod smith;
mod support;
