//! What can go wrong between a payment and the shop that waits for its webhook.

use serde::{Deserialize, Serialize};

/// Faults of webhooks. All off by default.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Faults {
    /// Send each event so many milliseconds late. The customer is then redirected at once: the
    /// point of a late webhook is that the customer is back first.
    pub(super) webhook_delay_ms: u64,
    /// Send each event twice, both at the same time.
    pub(super) duplicate: bool,
    /// Send no event; `POST /events/{id}/resend` still does.
    pub(super) no_delivery: bool,
}
