//! What a scripted host knows.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::{Captured, Enqueued};
use crate::billing::Line;
use crate::callback::Message;
use crate::http::{Error, Request, Response};
use crate::log::Level;
use crate::store::Scope;

/// What the plugin is doing, which decides what it may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Doing {
    /// A call, or a test's closure.
    #[default]
    Call,
    /// A quote: nothing with an effect.
    Quote,
    /// A job carries the hold, or the free mark, of the call that enqueued it.
    Job,
    /// A hook has no account.
    Hook,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HoldState {
    Held,
    Kept,
    Ended,
}

#[derive(Debug)]
pub(super) struct HoldEntry {
    /// Millionths of a credit.
    pub(super) amount: i64,
    pub(super) state: HoldState,
    /// Unix milliseconds.
    pub(super) expires_at: Option<u64>,
    /// Keys of answers that are given until it ends.
    pub(super) provisional: Vec<String>,
}

pub(super) struct Value {
    pub(super) bytes: Vec<u8>,
    /// Unix milliseconds.
    pub(super) expires_at: Option<u64>,
}

pub(super) struct Blob {
    pub(super) content_type: String,
    pub(super) bytes: Vec<u8>,
    /// Unix milliseconds.
    pub(super) expires_at: u64,
}

type Responder = Box<dyn FnMut(&Request) -> Result<Response, Error>>;

pub(super) struct State {
    pub(super) standing: String,
    pub(super) properties: BTreeMap<String, String>,
    /// Millionths of a credit, without those held.
    pub(super) available: i64,
    /// Millionths of a credit by item and key.
    pub(super) prices: BTreeMap<(String, String), i64>,
    /// Millionths of a credit.
    pub(super) max_per_call: Option<i64>,
    pub(super) free: BTreeSet<String>,
    pub(super) holds: Vec<HoldEntry>,
    pub(super) captured: Vec<Captured>,
    pub(super) remembered: BTreeMap<String, Vec<u8>>,
    pub(super) answers: BTreeMap<(String, String), Result<Response, Error>>,
    pub(super) responder: Option<Responder>,
    pub(super) requests: Vec<Request>,
    pub(super) secrets: BTreeMap<String, Vec<u8>>,
    pub(super) store: BTreeMap<(Scope, String), Value>,
    pub(super) blobs: BTreeMap<String, Blob>,
    pub(super) jobs: Vec<Enqueued>,
    pub(super) callbacks: Vec<Message>,
    pub(super) config: BTreeMap<String, String>,
    /// Unix milliseconds.
    pub(super) now: u64,
    pub(super) random: u64,
    pub(super) log: Vec<(Level, String)>,
    pub(super) doing: Doing,
    /// Whether this call has obtained a hold, or needs none.
    pub(super) may_act: bool,
}

impl State {
    pub(super) fn new() -> Self {
        Self {
            standing: "active".into(),
            properties: BTreeMap::new(),
            available: 0,
            prices: BTreeMap::new(),
            max_per_call: None,
            free: BTreeSet::new(),
            holds: Vec::new(),
            captured: Vec::new(),
            remembered: BTreeMap::new(),
            answers: BTreeMap::new(),
            responder: None,
            requests: Vec::new(),
            secrets: BTreeMap::new(),
            store: BTreeMap::new(),
            blobs: BTreeMap::new(),
            jobs: Vec::new(),
            callbacks: Vec::new(),
            config: BTreeMap::new(),
            now: 1_767_225_600_000,
            random: 0,
            log: Vec::new(),
            doing: Doing::Call,
            may_act: false,
        }
    }

    /// The price of lines in millionths, or the refusal's code and message.
    pub(super) fn price(&self, lines: &[Line]) -> Result<i64, (&'static str, String)> {
        if lines.is_empty() {
            return Err(("invalid-line", "There are no lines.".into()));
        }
        let mut total: i64 = 0;
        for line in lines {
            if line.units == 0 {
                return Err(("invalid-line", format!("Item `{}` has no units.", line.item)));
            }
            let price = self.prices.get(&(line.item.clone(), line.key.clone())).ok_or_else(|| {
                ("unknown-price", format!("No price for item `{}` with key `{}`.", line.item, line.key))
            })?;
            total = i64::try_from(line.units)
                .ok()
                .and_then(|units| price.checked_mul(units))
                .and_then(|credits| total.checked_add(credits))
                .ok_or_else(|| ("invalid-line", format!("Item `{}` has too many units.", line.item)))?;
        }
        Ok(total)
    }

    /// Drops what has expired.
    pub(super) fn expire(&mut self) {
        let now = self.now;
        for hold in &mut self.holds {
            if hold.state != HoldState::Ended && hold.expires_at.is_some_and(|at| at <= now) {
                hold.state = HoldState::Ended;
                self.available += hold.amount;
                self.remembered.retain(|key, _| !hold.provisional.contains(key));
            }
        }
        self.store.retain(|_, value| value.expires_at.is_none_or(|at| now < at));
        self.blobs.retain(|_, blob| now < blob.expires_at);
    }
}

thread_local! {
    static CURRENT: RefCell<Option<Rc<RefCell<State>>>> = const { RefCell::new(None) };
}

/// The host that answers on this thread.
///
/// # Panics
///
/// If a capability is used outside of a host: a test then learns what to do.
pub(super) fn current() -> Rc<RefCell<State>> {
    CURRENT.with(|current| {
        current.borrow().clone().expect("no host answers here: use `testing::Host::call` or `testing::Host::run`")
    })
}

/// Lets a host answer on this thread until the guard is dropped.
pub(super) fn enter(state: &Rc<RefCell<State>>) -> Entered {
    Entered { before: CURRENT.with(|current| current.replace(Some(Rc::clone(state)))) }
}

pub(super) struct Entered {
    before: Option<Rc<RefCell<State>>>,
}

impl Drop for Entered {
    fn drop(&mut self) {
        CURRENT.with(|current| current.replace(self.before.take()));
    }
}
