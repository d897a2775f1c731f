//! Documents with a time to live. Large members of a request arrive as blobs.
//!
//! Where `blobs` of a route or operation in `plugin.toml` points (`"/documents/*/pdf"`), a text in base64 is taken out of the
//! input at the door, and this stands in its place: `{"blob": "<id>", "size": <bytes>, "sha256": "<hex>", "content_type":
//! "application/pdf"}`. What is no base64 is `{"blob": null, "size": <characters>, "error": "not-base64"}`, what a caller sent who
//! may not use the service has the error `not-stored`; `false`, `null` and what is absent stay. They live for a day, and go with
//! the call if it neither obtained a hold nor enqueued a job.
//!
//! An account may have as much as the service has left of `[permissions] blobs`.
//!
//! Codes of errors: `not-granted`, `unknown-blob`, `too-large`, `over-quota`,
//! `bad-range`.

use crate::imports;

pub use crate::Error;

/// What the host knows of a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// Its id, for [`read`].
    pub id: String,
    /// MIME type.
    pub content_type: String,
    /// Bytes.
    pub size: u64,
    /// Unix milliseconds.
    pub expires_at: u64,
}

/// Stores a document for `ttl` seconds.
///
/// # Errors
///
/// See the module.
pub fn put(content_type: &str, bytes: &[u8], ttl: u32) -> Result<Info, Error> {
    imports::blob_put(content_type, bytes, ttl)
}

/// Size, type and expiry of a document.
///
/// # Errors
///
/// See the module.
pub fn stat(id: &str) -> Result<Info, Error> {
    imports::blob_stat(id)
}

/// At most `length` bytes from `offset`.
///
/// # Errors
///
/// See the module.
pub fn read(id: &str, offset: u64, length: u32) -> Result<Vec<u8>, Error> {
    imports::blob_read(id, offset, length)
}

/// Deletes a document before it expires.
///
/// # Errors
///
/// See the module.
pub fn delete(id: &str) -> Result<(), Error> {
    imports::blob_delete(id)
}
