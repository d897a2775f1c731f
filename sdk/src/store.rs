//! Small values that outlive the call. Writes are committed with the call's next
//! ledger step, or at its end; [`compare_and_set`] at once.
//!
//! Codes of errors: `not-granted`, `no-database`, `bad-key`, `too-large`,
//! `over-quota`.

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{imports, json};

pub use crate::Error;

/// Whose values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    /// Shared by all databases of the service.
    Service,
    /// Of the calling account's database; not in hooks.
    Database,
}

/// The value under a key.
///
/// # Errors
///
/// See the module.
pub fn get(scope: Scope, key: &str) -> Result<Option<Vec<u8>>, Error> {
    imports::store_get(scope, key)
}

/// Sets a value, for `ttl` seconds or for ever.
///
/// # Errors
///
/// See the module.
pub fn set(scope: Scope, key: &str, value: &[u8], ttl: Option<u32>) -> Result<(), Error> {
    imports::store_set(scope, key, value, ttl)
}

/// The JSON value under a key.
///
/// # Errors
///
/// See the module; `unexpected-value` if the stored value has another shape.
pub fn get_json<T: DeserializeOwned>(scope: Scope, key: &str) -> Result<Option<T>, Error> {
    get(scope, key)?
        .map(|bytes| {
            serde_json::from_slice(&bytes)
                .map_err(|error| Error::new("unexpected-value", format!("stored under `{key}`: {error}")))
        })
        .transpose()
}

/// Sets a JSON value, for `ttl` seconds or for ever.
///
/// # Errors
///
/// See the module.
///
/// # Panics
///
/// If the value cannot be JSON, as a map whose keys are not strings.
pub fn set_json<T: Serialize + ?Sized>(scope: Scope, key: &str, value: &T, ttl: Option<u32>) -> Result<(), Error> {
    set(scope, key, &json::write(value), ttl)
}

/// Sets `value` (or deletes, if none) where the present value is `expected` (or
/// absent, if none). Answers whether it did.
///
/// # Errors
///
/// See the module.
pub fn compare_and_set(
    scope: Scope,
    key: &str,
    expected: Option<&[u8]>,
    value: Option<&[u8]>,
    ttl: Option<u32>,
) -> Result<bool, Error> {
    imports::store_compare_and_set(scope, key, expected, value, ttl)
}

/// Deletes a value; deleting what is absent is no error.
///
/// # Errors
///
/// See the module.
pub fn delete(scope: Scope, key: &str) -> Result<(), Error> {
    imports::store_delete(scope, key)
}

/// Keys that begin with `prefix`, in order, after `after`; at most 1,000.
///
/// # Errors
///
/// See the module.
pub fn list(scope: Scope, prefix: &str, after: &str, limit: u32) -> Result<Vec<String>, Error> {
    imports::store_list(scope, prefix, after, limit)
}
