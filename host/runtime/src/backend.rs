//! What the sandbox asks of the rest of the host, one backend for each call.
//!
//! The runtime checks permissions, sizes, counts and "no hold, no effect"; the backend owns credits,
//! storage and delivery. A [`HostFault`] ends the call as a fault of the host; everything that is the
//! guest's to handle is in the inner result.

use std::{future::Future, pin::Pin};

use iap_core::{
    Credits,
    ids::{BlobId, HoldId, JobId},
};

/// A boxed future, since backends are trait objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The host itself failed (its database is down, say). Nothing the guest can do about.
#[derive(Debug, thiserror::Error)]
#[error("{0:#}")]
pub struct HostFault(#[from] pub anyhow::Error);

/// What a backend call answers: the inner error is the guest's.
pub type Answer<'a, T, E> = BoxFuture<'a, Result<Result<T, E>, HostFault>>;

/// `billing.line`: what the plugin counted.
pub use iap_core::prices::Line;

/// `billing.authorize-options`
#[derive(Clone, Debug, Default)]
pub struct AuthorizeOptions {
    /// Seconds until the hold expires.
    pub ttl: Option<u32>,
    /// Natural key that the plugin derived.
    pub natural_key: Option<String>,
    /// Shown to the admin.
    pub description: Option<String>,
}

/// `billing.outcome`
#[derive(Clone, Debug)]
pub enum Authorized {
    /// Credits are set aside.
    Hold {
        /// The hold.
        id: HoldId,
        /// Credits set aside.
        amount: Credits,
    },
    /// The stored answer of an earlier call with the natural key.
    Answered(Vec<u8>),
}

/// `billing.refusal`
#[derive(Clone, Debug)]
pub struct Refusal {
    /// See the contract.
    pub code: String,
    /// One sentence, with the remedy.
    pub message: String,
    /// Named values.
    pub details: Vec<(String, String)>,
}

/// `types.remembered`
#[derive(Clone, Debug)]
pub struct Remembered {
    /// Natural key.
    pub key: String,
    /// Answer to give to a repeat.
    pub answer: Vec<u8>,
}

/// `billing.capture-details`
#[derive(Clone, Debug, Default)]
pub struct CaptureDetails {
    /// The provider's reference.
    pub provider_reference: Option<String>,
    /// What the provider charged.
    pub provider_cost: Option<String>,
    /// Answers to remember.
    pub remember: Vec<Remembered>,
}

/// `error` of store, blobs, jobs and callback: a code of the contract and a sentence.
#[derive(Clone, Debug)]
pub struct Denied {
    /// See the contract.
    pub code: &'static str,
    /// One sentence, with the remedy.
    pub message: String,
}

/// `store.scope`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Of the service.
    Service,
    /// Of the calling account's database.
    Database,
}

/// `blobs.info`
#[derive(Clone, Debug)]
pub struct BlobInfo {
    /// The blob.
    pub id: BlobId,
    /// Media type.
    pub content_type: String,
    /// Bytes.
    pub size: u64,
    /// Unix milliseconds.
    pub expires_at: u64,
}

/// `jobs.options`
#[derive(Clone, Debug, Default)]
pub struct JobOptions {
    /// Seconds to wait.
    pub delay: u32,
    /// No second job with this key.
    pub dedupe_key: Option<String>,
    /// A kept hold.
    pub hold: Option<HoldId>,
}

/// `callback.message`
#[derive(Clone, Debug)]
pub struct CallbackMessage {
    /// Account whose database is called.
    pub account_ref: String,
    /// Absolute URL.
    pub url: String,
    /// Media type of the body.
    pub content_type: String,
    /// Body.
    pub body: Vec<u8>,
    /// Delivered one after another within an account.
    pub order: Option<String>,
    /// An answer with an `error` member is a failure.
    pub json_rpc: bool,
}

/// The host's side of one call, job run or hook.
pub trait Backend: Send + Sync + 'static {
    /// `billing.authorize`
    fn authorize(&self, lines: Vec<Line>, options: AuthorizeOptions) -> Answer<'_, Authorized, Refusal>;
    /// `hold.capture`: the credits taken.
    fn capture(&self, hold: HoldId, lines: Vec<Line>, details: CaptureDetails) -> Answer<'_, Credits, Refusal>;
    /// `hold.release`, also of a dropped hold. Idempotent.
    fn release(&self, hold: HoldId) -> BoxFuture<'_, Result<(), HostFault>>;
    /// `hold.keep`
    fn keep(&self, hold: HoldId, ttl: u32, remember: Vec<Remembered>) -> Answer<'_, (), Refusal>;
    /// `billing.resume`: the credits set aside.
    fn resume(&self, hold: HoldId) -> Answer<'_, Credits, Refusal>;
    /// `billing.balance`
    fn balance(&self) -> BoxFuture<'_, Result<Credits, HostFault>>;

    /// `store.get`
    fn store_get(&self, scope: Scope, key: String) -> Answer<'_, Option<Vec<u8>>, Denied>;
    /// `store.set`
    fn store_set(&self, scope: Scope, key: String, value: Vec<u8>, ttl: Option<u32>) -> Answer<'_, (), Denied>;
    /// `store.compare-and-set`
    fn store_compare_and_set(
        &self,
        scope: Scope,
        key: String,
        expected: Option<Vec<u8>>,
        value: Option<Vec<u8>>,
        ttl: Option<u32>,
    ) -> Answer<'_, bool, Denied>;
    /// `store.delete`
    fn store_delete(&self, scope: Scope, key: String) -> Answer<'_, (), Denied>;
    /// `store.list`
    fn store_list(&self, scope: Scope, prefix: String, after: String, limit: u32) -> Answer<'_, Vec<String>, Denied>;

    /// `blobs.put`
    fn blob_put(&self, content_type: String, bytes: Vec<u8>, ttl: u32) -> Answer<'_, BlobInfo, Denied>;
    /// `blobs.stat`
    fn blob_stat(&self, id: String) -> Answer<'_, BlobInfo, Denied>;
    /// `blobs.read`
    fn blob_read(&self, id: String, offset: u64, length: u32) -> Answer<'_, Vec<u8>, Denied>;
    /// `blobs.delete`
    fn blob_delete(&self, id: String) -> Answer<'_, (), Denied>;

    /// `jobs.enqueue`
    fn enqueue(&self, name: String, payload: Vec<u8>, options: JobOptions) -> Answer<'_, JobId, Denied>;
    /// `callback.post`
    fn callback(&self, message: CallbackMessage) -> Answer<'_, JobId, Denied>;

    /// `clock.now`, Unix milliseconds.
    fn now(&self) -> u64;
    /// `random.bytes`
    fn random(&self, buffer: &mut [u8]);
    /// `log.write`, already bounded and cleaned.
    fn log(&self, level: Level, message: &str);
}

/// `log.level`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// For developers.
    Debug,
    /// Ordinary.
    Info,
    /// Worth a look.
    Warn,
    /// A failure.
    Error,
}
