//! Ids without asking anybody: each start of a host has a stream of its own.

use std::sync::atomic::{AtomicI64, Ordering};

use iap_core::ids::{
    AccountId, BlobId, CallId, DatabaseId, EntryId, GrantId, HoldId, JobId, MailId, OrderId, PayoutId, ServiceId,
};

/// Source of ids: `stream << 40 | counter`, rising within the stream.
#[derive(Debug)]
pub struct Ids {
    next: AtomicI64,
}

macro_rules! typed {
    ($($(#[$doc:meta])* $name:ident: $id:ident;)*) => {$(
        $(#[$doc])*
        pub fn $name(&self) -> $id {
            $id(self.next())
        }
    )*};
}

impl Ids {
    /// Bits of an id that count within its stream: 10¹² ids, and 8 million starts.
    pub const COUNTER_BITS: u32 = 40;

    /// Ids of a stream, which nobody else uses.
    pub fn new(stream: i64) -> Self {
        Self { next: AtomicI64::new((stream << Self::COUNTER_BITS) + 1) }
    }

    /// The stream that made an id.
    pub const fn stream_of(id: i64) -> i64 {
        id >> Self::COUNTER_BITS
    }

    /// A number never given before.
    pub fn next(&self) -> i64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    typed! {
        /// A new account.
        account: AccountId;
        /// A new database.
        database: DatabaseId;
        /// A new service.
        service: ServiceId;
        /// A new call.
        call: CallId;
        /// A new hold.
        hold: HoldId;
        /// A new grant.
        grant: GrantId;
        /// A new entry.
        entry: EntryId;
        /// A new job.
        job: JobId;
        /// A new order.
        order: OrderId;
        /// A new blob.
        blob: BlobId;
        /// A new mail.
        mail: MailId;
        /// A new payout.
        payout: PayoutId;
    }
}
