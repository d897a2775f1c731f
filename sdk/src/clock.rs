//! The host's clock: `SystemTime` and `Instant` trap in a plugin.

/// Unix milliseconds.
pub fn now_ms() -> u64 {
    crate::imports::now_ms()
}
