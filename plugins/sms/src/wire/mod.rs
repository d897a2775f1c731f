//! The operations that send, as databases of each generation speak them.

pub mod numbered;
pub mod plain;
pub mod v3;

use iap_sdk::Failure;

/// Most messages in one request. Databases send 500 at once unless told otherwise.
const MOST_MESSAGES: usize = 10_000;

/// Refuses a request with too many messages, before any work is done for it.
fn check_count(field: &str, count: usize) -> Result<(), Failure> {
    if count <= MOST_MESSAGES {
        return Ok(());
    }
    Err(Failure::bad_request(
        field,
        format!("{count} messages are too many: send at most {MOST_MESSAGES} in one request"),
    ))
}
