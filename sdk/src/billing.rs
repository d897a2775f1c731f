//! Credits. The host sets prices, from the price table of the signed release;
//! the plugin only counts.

use std::fmt;

use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::{Failure, imports, json};

/// A quantity of a priced item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// `item` of a price of the operation, in `plugin.toml`.
    pub item: String,
    /// Row of the item's price table; empty for a fixed price.
    pub key: String,
    /// Whole units, at least 1.
    pub units: u64,
    /// Shown to the admin; at most 200 characters are kept.
    pub note: String,
}

impl Line {
    /// Units of an item with a fixed price.
    pub fn new(item: impl Into<String>, units: u64) -> Self {
        Self { item: item.into(), key: String::new(), units, note: String::new() }
    }

    /// Prices the line by this row of the item's table.
    pub fn key(mut self, key: impl Into<String>) -> Self {
        self.key = key.into();
        self
    }

    /// Adds a note for the admin.
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = note.into();
        self
    }
}

/// Why credits were not set aside or not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Stable code, as `insufficient-credit` or `exceeds-hold`; the contract lists them.
    pub code: String,
    /// One sentence, with the remedy.
    pub message: String,
    /// `needed` and `available` in credits, `line` (0-based), `buy_url`.
    pub details: Vec<(String, String)>,
}

impl Refusal {
    /// A refusal without details.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), details: Vec::new() }
    }

    /// A named detail.
    pub fn detail(&self, name: &str) -> Option<&str> {
        self.details.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for Refusal {}

/// An answer kept under a natural key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remembered {
    /// The natural key: an SMS uuid, a document's hash.
    pub key: String,
    /// JSON.
    pub answer: Vec<u8>,
}

impl Remembered {
    /// An answer to remember.
    ///
    /// # Panics
    ///
    /// If the answer cannot be JSON, as a map whose keys are not strings.
    pub fn new<T: Serialize + ?Sized>(key: impl Into<String>, answer: &T) -> Self {
        Self { key: key.into(), answer: json::write(answer) }
    }

    /// The answer, typed.
    ///
    /// # Errors
    ///
    /// [`Failure::Internal`] if an older release wrote another shape.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        answer(&self.answer)
    }
}

fn answer<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(bytes).map_err(|error| Failure::internal(format!("a remembered answer: {error}")))
}

/// Options of [`authorize_with`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Authorize {
    pub(crate) ttl: Option<u32>,
    pub(crate) natural_key: Option<String>,
    pub(crate) description: Option<String>,
}

impl Authorize {
    /// No options: the hold lasts until the end of the call.
    pub fn new() -> Self {
        Self::default()
    }

    /// Seconds until the hold expires by itself.
    pub fn ttl(mut self, seconds: u32) -> Self {
        self.ttl = Some(seconds);
        self
    }

    /// A natural key that the plugin derived from the request (a document's
    /// hash): a repeat gets the first answer and costs nothing. Or one that the host found in the request: then the hold is
    /// for this piece of work alone, and so is a question about it (`reconcile`).
    pub fn natural_key(mut self, key: impl Into<String>) -> Self {
        self.natural_key = Some(key.into());
        self
    }

    /// Shown to the admin.
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.description = Some(text.into());
        self
    }
}

/// Details of a capture.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Capture {
    /// The provider's reference of the work.
    pub(crate) reference: Option<String>,
    /// What the provider charged.
    pub(crate) cost: Option<String>,
    /// Answers to remember, committed together with the capture.
    pub(crate) remember: Vec<Remembered>,
}

impl Capture {
    /// No details.
    pub fn new() -> Self {
        Self::default()
    }

    /// The provider's reference of the work, for support and reconciliation.
    pub fn reference(mut self, reference: impl Into<String>) -> Self {
        self.reference = Some(reference.into());
        self
    }

    /// What the provider charged, as `0.0075 USD`.
    pub fn cost(mut self, cost: impl Into<String>) -> Self {
        self.cost = Some(cost.into());
        self
    }

    /// An answer to remember under a natural key of this call, committed
    /// together with the capture.
    ///
    /// # Panics
    ///
    /// If the answer cannot be JSON, as a map whose keys are not strings.
    pub fn remember<T: Serialize + ?Sized>(mut self, key: impl Into<String>, answer: &T) -> Self {
        self.remember.push(Remembered::new(key, answer));
        self
    }
}

/// What [`authorize_with`] obtained.
#[derive(Debug)]
pub enum Outcome {
    /// Credits are set aside: the work may begin.
    Hold(Hold),
    /// An earlier call with this natural key has answered already: give its answer.
    Answered(Answered),
}

/// The JSON that an earlier call with the same natural key answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered(pub Vec<u8>);

impl Answered {
    /// The answer, typed.
    ///
    /// # Errors
    ///
    /// [`Failure::Internal`] if an older release wrote another shape.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        answer(&self.0)
    }
}

/// Credits set aside. Dropping it releases them, but for two cases that no destructor can decide: a request with effects
/// was never answered (the operation's `on_unknown` says what becomes of it), and a job that fails (its next run resumes the hold).
///
/// A hold ends once. A capture that is refused leaves the hold as it was, so it
/// may be tried with less.
#[derive(Debug)]
pub struct Hold {
    handle: imports::HoldHandle,
    /// Unknown for a resumed hold.
    lines: Option<Vec<Line>>,
}

impl Hold {
    /// Takes the price of all authorized lines. Answers the credits taken, as a
    /// decimal.
    ///
    /// # Errors
    ///
    /// As [`Hold::capture_lines`]; always refused for a resumed hold, which no
    /// longer knows its lines.
    pub fn capture(&self) -> Result<String, Refusal> {
        let Some(lines) = &self.lines else {
            return Err(Refusal::new(
                "invalid-line",
                "A resumed hold does not know its lines: pass those delivered to `capture_lines`.",
            ));
        };
        self.capture_lines(lines)
    }

    /// Takes the price of what was really delivered and returns the rest.
    /// Answers the credits taken, as a decimal.
    ///
    /// # Errors
    ///
    /// `exceeds-hold`, `hold-expired`, `hold-ended`, `unknown-price`, `invalid-line`.
    pub fn capture_lines(&self, delivered: &[Line]) -> Result<String, Refusal> {
        self.capture_with(delivered, Capture::new())
    }

    /// As [`Hold::capture_lines`], with the provider's reference, its cost, or
    /// answers to remember.
    ///
    /// # Errors
    ///
    /// As [`Hold::capture_lines`].
    pub fn capture_with(&self, delivered: &[Line], details: Capture) -> Result<String, Refusal> {
        self.handle.capture(delivered, details)
    }

    /// Returns all credits now rather than at the end of the scope.
    pub fn release(self) {
        self.handle.release();
    }

    /// Lets the hold outlive the call, for `ttl` seconds, with the answers to
    /// give meanwhile under natural keys of this call. The id goes to
    /// [`resume`], in a job or hook of the same account.
    ///
    /// # Errors
    ///
    /// `hold-ended`, `hold-expired`; the hold is then released.
    pub fn keep(self, ttl: u32, remember: &[Remembered]) -> Result<String, Refusal> {
        self.handle.keep(ttl, remember)
    }

    /// Credits set aside, as a decimal.
    pub fn amount(&self) -> String {
        self.handle.amount()
    }

    /// The lines it was authorized for; none for a resumed hold.
    pub fn lines(&self) -> &[Line] {
        self.lines.as_deref().unwrap_or_default()
    }
}

/// Sets the price of these lines aside until the end of the call.
///
/// # Errors
///
/// `insufficient-credit`, `unknown-price`, `over-max-per-call`,
/// `over-max-credits`, `invalid-line`, `account-disabled`,
/// `account-suspended`, `hosting-refused`, `seen-elsewhere`, `consent-needed`,
/// `too-many-holds`.
pub fn authorize(lines: &[Line]) -> Result<Hold, Refusal> {
    match authorize_with(lines, Authorize::new())? {
        Outcome::Hold(hold) => Ok(hold),
        // Only a natural key can be answered already, and none was given.
        Outcome::Answered(_) => Err(Refusal::new(
            "already-answered",
            "An earlier call has answered this one: use `billing::authorize_with`, which gives that answer.",
        )),
    }
}

/// As [`authorize`], with a time to live, a natural key, or a description.
///
/// # Errors
///
/// As [`authorize`].
pub fn authorize_with(lines: &[Line], options: Authorize) -> Result<Outcome, Refusal> {
    Ok(match imports::authorize(lines, options)? {
        imports::Authorized::Hold(handle) => Outcome::Hold(Hold { handle, lines: Some(lines.to_vec()) }),
        imports::Authorized::Answered(bytes) => Outcome::Answered(Answered(bytes)),
    })
}

/// Takes up a hold kept by an earlier call of the same account.
///
/// # Errors
///
/// `unknown-hold`, `hold-ended`, `hold-expired`.
pub fn resume(hold_id: &str) -> Result<Hold, Refusal> {
    Ok(Hold { handle: imports::resume(hold_id)?, lines: None })
}

/// Credits available to this account, as a decimal.
pub fn balance() -> String {
    imports::balance()
}
