//! The host's randomness.
//!
//! Crates that use `getrandom` do not build for `wasm32-unknown-unknown` as they
//! are: pass them bytes from here instead.

/// At most 1,024 bytes, fit for secrets.
pub fn bytes(length: u32) -> Vec<u8> {
    crate::imports::random_bytes(length)
}
