//! What developers of services use on their own machine: `iap plugin new`, `build`, `check`, `run` and `publish`.
//!
//! Nothing here is used by a host that serves. The toolchain and cargo are `iap_guest_build`'s.

pub mod build;
pub mod check;
pub mod client;
pub mod device;
pub mod embedded;
pub mod lines;
pub mod login;
pub mod new;
pub mod project;
pub mod sdk;
pub mod signing;
pub mod tryout;
