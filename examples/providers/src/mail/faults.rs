//! What the server can be made to do wrong.

use std::sync::Mutex;

use serde::{Deserialize, Serialize};

use crate::sync::lock;

/// Faults in force; all off by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Faults {
    /// Answers a connection with this code in place of 220, and ends it: 421 or 554.
    pub(super) greeting: Option<u16>,
    /// Refuses all credentials with this code: 535, or 454 for a while.
    pub(super) auth: Option<u16>,
    /// Answers RCPT with this code: 450, 550, …
    pub(super) recipient: Option<u16>,
    /// Reads the message and answers with this code: 451, 554, …; it is not kept.
    pub(super) data: Option<u16>,
    /// The connection ends while the message is being sent; it is not kept.
    pub(super) drop_in_data: bool,
    /// Keeps the message, then the connection ends without an answer: the sender cannot know.
    pub(super) drop_after_data: bool,
    /// Keeps the message, then hangs before the answer: the sender cannot know.
    pub(super) hang_after_data: bool,
    /// Milliseconds before each answer.
    pub(super) slow_ms: u64,
    /// Only for so many messages; then all faults are off. For ever if not given.
    pub(super) times: Option<u32>,
}

/// Holds the faults.
#[derive(Default)]
pub(super) struct Switch(Mutex<Faults>);

impl Switch {
    pub(super) fn get(&self) -> Faults {
        lock(&self.0).clone()
    }

    pub(super) fn set(&self, faults: Faults) {
        *lock(&self.0) = faults;
    }

    /// A fault has hit a message.
    pub(super) fn hit(&self) {
        let mut faults = lock(&self.0);
        match &mut faults.times {
            Some(times) if 1 < *times => *times -= 1,
            Some(_) => *faults = Faults::default(),
            None => {}
        }
    }
}

/// Addresses that fail, by what is before the `@`.
pub(super) const ADDRESSES: [(&str, u16, &str); 3] = [
    ("nobody", 550, "refused for good: no such mailbox"),
    ("full", 452, "refused for now: the mailbox is full"),
    ("later", 451, "refused for now: greylisted"),
];

/// How an address answers RCPT, if it fails.
pub(super) fn of_address(address: &str) -> Option<(u16, &'static str)> {
    let local = address.split('@').next().unwrap_or_default();
    ADDRESSES.iter().find(|(name, ..)| *name == local).map(|(_, code, why)| (*code, *why))
}
