//! What the host does for a plugin, behind one set of functions: the component's
//! imports on `wasm32`, the scripted [`testing::Host`](crate::testing) elsewhere.

#[cfg(target_arch = "wasm32")]
pub(crate) use crate::guest::imports::*;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use crate::testing::imports::*;

/// What an authorize obtains.
pub(crate) enum Authorized {
    Hold(HoldHandle),
    Answered(Vec<u8>),
}
