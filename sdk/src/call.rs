use serde::de::DeserializeOwned;

use crate::{Failure, Remembered, json};

/// Who is calling and under which conditions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// This call or job run. Unique; quote it to support.
    pub call_id: String,
    /// Opaque, stable reference of the calling account in this service.
    pub account_ref: String,
    /// `active`, or the code of the refusal that
    /// [`billing::authorize`](crate::billing::authorize) would give whatever the
    /// amount.
    pub standing: String,
    /// Named values; the contract lists those it knows. Absent means unknown.
    pub properties: Vec<(String, String)>,
}

impl Context {
    /// A named value: `database`, `hosting`, `country`, `company`, `language`,
    /// `callback_url`, `door` or `max_credits`.
    pub fn property(&self, name: &str) -> Option<&str> {
        self.properties.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The webhook URL that the call gave.
    pub fn callback_url(&self) -> Option<&str> {
        self.property("callback_url")
    }

    /// Whether the account may spend at all.
    pub fn is_active(&self) -> bool {
        self.standing == "active"
    }
}

/// One metered invocation of an operation.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Call {
    /// Who is calling.
    pub context: Context,
    /// `name` of an `[[operations]]` table in `plugin.toml`.
    pub operation: String,
    /// JSON, as it arrived.
    pub input: Vec<u8>,
    /// What earlier calls answered under the natural keys found in `input`.
    pub repeats: Vec<Remembered>,
}

impl Call {
    /// See [`Context::property`].
    pub fn property(&self, name: &str) -> Option<&str> {
        self.context.property(name)
    }

    /// See [`Context::callback_url`].
    pub fn callback_url(&self) -> Option<&str> {
        self.context.callback_url()
    }

    /// Opaque, stable reference of the calling account in this service.
    pub fn account_ref(&self) -> &str {
        &self.context.account_ref
    }

    /// What an earlier call answered under this natural key, if it did: give the
    /// same answer and authorize nothing for it.
    pub fn remembered(&self, key: &str) -> Option<&Remembered> {
        self.repeats.iter().find(|repeat| repeat.key == key)
    }

    /// The input as another type than the operation's.
    ///
    /// # Errors
    ///
    /// [`Failure::BadRequest`] with the path of the wrong member.
    pub fn input<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        json::parse(&self.input)
    }
}

/// One run of a job. The host runs a job at least once: make it safe to repeat.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Job {
    /// The account of the call that enqueued it.
    pub context: Context,
    /// As [`jobs::enqueue`](crate::jobs::enqueue) answered it.
    pub id: String,
    /// Name it was enqueued under.
    pub name: String,
    /// JSON, as it was enqueued.
    pub payload: Vec<u8>,
    /// 1 for the first run.
    pub attempt: u32,
    /// The kept hold it was enqueued with: see [`billing::resume`](crate::billing::resume).
    pub hold: Option<String>,
}

impl Job {
    /// See [`Context::property`].
    pub fn property(&self, name: &str) -> Option<&str> {
        self.context.property(name)
    }

    /// Opaque, stable reference of the account in this service.
    pub fn account_ref(&self) -> &str {
        &self.context.account_ref
    }
}
