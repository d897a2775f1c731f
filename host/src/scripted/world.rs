//! What a scripted host knows: one account, its credits, and what plugins left.

use std::collections::{BTreeMap, BTreeSet};

use iap_core::{
    Credits, Time,
    ids::{AccountId, BlobId, CallId, HoldId, JobId},
    manifest::Operation,
    prices::PricedLine,
};
use iap_runtime::backend::Level;

use super::fault::{Fault, Moments};

/// The one account.
pub(super) const ACCOUNT: AccountId = AccountId(1);

/// Milliseconds that the clock jumps where a fault has it jump: a day.
const JUMP: i64 = 24 * 3_600_000;

/// How a hold is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum HoldState {
    /// In the hands of a call, or kept.
    Live,
    /// The call has ended and nobody knows what the provider did.
    Unknown,
    /// What was delivered was taken.
    Captured,
    /// Everything went back.
    Released,
    /// Its time was up.
    Expired,
}

/// Credits set aside.
#[derive(Clone, Debug)]
pub(super) struct Hold {
    pub call: CallId,
    pub amount: Credits,
    pub captured: Credits,
    pub state: HoldState,
    pub expires_at: Time,
}

impl Hold {
    pub fn is_live(&self) -> bool {
        matches!(self.state, HoldState::Live | HoldState::Unknown)
    }
}

/// What later runs of a call need to know of it.
#[derive(Clone, Debug, Default)]
pub(super) struct CallRecord {
    pub operation: Option<Operation>,
    pub free: bool,
    pub max_credits: Option<Credits>,
    pub properties: Vec<(String, String)>,
    /// Natural keys of its input, and those that the plugin derived.
    pub keys: Vec<String>,
}

/// A job that waits.
#[derive(Clone, Debug)]
pub(super) struct Queued {
    pub id: JobId,
    pub call: Option<CallId>,
    pub name: String,
    pub payload: Vec<u8>,
    pub hold: Option<HoldId>,
    pub dedupe_key: Option<String>,
    pub run_at: Time,
    /// Runs so far.
    pub attempts: u32,
    pub free: bool,
    /// Jobs that led here, one enqueued by the other without a pause.
    pub depth: u32,
}

/// A message for the database.
#[derive(Clone, Debug)]
pub(super) struct Posted {
    pub url: String,
    pub content_type: String,
    pub body: Vec<u8>,
}

/// A value of the store.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub bytes: Vec<u8>,
    pub expires_at: Time,
}

/// What a run stages, and a ledger step or the run's end stores.
#[derive(Clone, Debug, Default)]
pub(super) struct Kept {
    /// By whether it is the database's own, and key.
    pub values: BTreeMap<(bool, String), Value>,
    pub jobs: Vec<Queued>,
    /// Names of all jobs that were ever enqueued.
    pub enqueued: Vec<String>,
    pub callbacks: Vec<Posted>,
}

/// A document.
#[derive(Clone, Debug)]
pub(super) struct Blob {
    pub content_type: String,
    pub bytes: Vec<u8>,
    pub expires_at: Time,
}

/// An answer under a natural key.
#[derive(Clone, Debug)]
pub(super) struct Remembered {
    pub answer: Vec<u8>,
    pub call: CallId,
    /// Given while a hold is kept; gone if the call comes to nothing.
    pub provisional: bool,
}

/// Everything that a test's plugin can reach and leave behind.
pub(super) struct World {
    pub now: Time,
    pub available: Credits,
    /// Code of the refusal that every `authorize` gets, or `active`.
    pub standing: String,
    pub holds: BTreeMap<HoldId, Hold>,
    pub calls: BTreeMap<CallId, CallRecord>,
    /// As the running call sees it.
    pub current: Kept,
    /// As it was stored last.
    pub stored: Kept,
    pub blobs: BTreeMap<BlobId, Blob>,
    pub remembered: BTreeMap<String, Remembered>,
    pub captured: Vec<PricedLine>,
    pub taken: Credits,
    pub logs: Vec<(Level, String)>,
    /// Jobs that failed for good, with the reason.
    pub dead: Vec<(String, String)>,
    /// Origins that calls gave for callbacks.
    pub origins: BTreeSet<String>,
    /// Ledger steps and readings of the clock so far.
    pub moments: Moments,
    pub fault: Option<Fault>,
    last_id: i64,
    random: u64,
}

impl World {
    pub fn new(now: Time, available: Credits, standing: String, fault: Option<Fault>) -> Self {
        Self {
            now,
            available,
            standing,
            holds: BTreeMap::new(),
            calls: BTreeMap::new(),
            current: Kept::default(),
            stored: Kept::default(),
            blobs: BTreeMap::new(),
            remembered: BTreeMap::new(),
            captured: Vec::new(),
            taken: Credits::ZERO,
            logs: Vec::new(),
            dead: Vec::new(),
            origins: BTreeSet::new(),
            moments: Moments::default(),
            fault,
            last_id: 0,
            random: 0x9e37_79b9_7f4a_7c15,
        }
    }

    /// The next id, of whatever kind.
    pub fn id(&mut self) -> i64 {
        self.last_id += 1;
        self.last_id
    }

    /// The same bytes in every run of a script.
    pub fn random(&mut self, buffer: &mut [u8]) {
        for byte in buffer {
            // xorshift64
            self.random ^= self.random << 13;
            self.random ^= self.random >> 7;
            self.random ^= self.random << 17;
            *byte = u8::try_from(self.random >> 56).unwrap_or(0);
        }
    }

    /// Counts a moment at which the clock may jump.
    pub fn moment(&mut self) {
        self.moments.clock += 1;
        if self.fault == Some(Fault::Clock(self.moments.clock)) {
            self.advance(JUMP);
        }
    }

    /// Moves the clock and ends what is over by then.
    pub fn advance(&mut self, millis: i64) {
        self.now = self.now.plus_millis(millis);
        let now = self.now;
        let over: Vec<HoldId> =
            self.holds.iter().filter(|(_, hold)| hold.is_live() && hold.expires_at <= now).map(|(id, _)| *id).collect();
        for id in over {
            self.end(id, HoldState::Expired);
        }
        self.blobs.retain(|_, blob| now < blob.expires_at);
        self.current.values.retain(|_, value| now < value.expires_at);
        self.stored.values.retain(|_, value| now < value.expires_at);
    }

    /// Ends a live hold; what it did not take is available again.
    pub fn end(&mut self, id: HoldId, state: HoldState) {
        if let Some(hold) = self.holds.get_mut(&id).filter(|hold| hold.is_live()) {
            hold.state = state;
            let back = hold.amount.checked_sub(hold.captured).unwrap_or(Credits::ZERO);
            self.available = self.available.checked_add(back).unwrap_or(Credits::MAX);
        }
    }

    /// What was staged is stored.
    pub fn store(&mut self) {
        self.stored = self.current.clone();
    }

    /// What was staged since the last ledger step never was.
    pub fn drop_staged(&mut self) {
        self.current = self.stored.clone();
    }

    /// Credits that are set aside.
    pub fn held(&self) -> Credits {
        Credits::checked_sum(self.holds.values().filter(|hold| hold.is_live()).map(|hold| hold.amount))
            .unwrap_or(Credits::MAX)
    }
}
