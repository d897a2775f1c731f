//! Scripts: the `tests/*.toml` of a plugin, as `sdk/TESTING.md` describes them.

mod raw;
mod read;
mod requests;
mod values;

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use iap_core::{Credits, Time};
use serde_json::Value;

pub use super::providers::Scripted;
pub use read::{read, read_folder};

/// A mistake in a script.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}:{line}: {message}", .file.display())]
pub struct ScriptError {
    /// The script.
    pub file: PathBuf,
    /// Counted from 1.
    pub line: usize,
    /// What is wrong, and what to write instead.
    pub message: String,
}

/// One `[[test]]`.
#[derive(Clone, Debug)]
pub struct Test {
    /// The script.
    pub file: PathBuf,
    /// Where it begins.
    pub line: usize,
    /// Unique in its file.
    pub name: String,
    /// Credits that the account has.
    pub credits: Credits,
    /// When it begins.
    pub now: Time,
    /// `active`, or the code of the refusal that `authorize` gets.
    pub standing: String,
    /// Most credits that a call may cost.
    pub max_credits: Option<Credits>,
    /// Properties of the context, with `company` and `callback_url`.
    pub properties: BTreeMap<String, String>,
    /// Config values of the service.
    pub config: BTreeMap<String, String>,
    /// Secrets of the service.
    pub secrets: BTreeMap<String, String>,
    /// What earlier calls answered, by natural key.
    pub repeats: Vec<(String, Vec<u8>)>,
    /// What providers answer.
    pub providers: Vec<Scripted>,
    /// What happens, in order; at least one.
    pub steps: Vec<Step>,
    /// What is looked at when all has happened.
    pub expect: Totals,
}

/// Something that happens in a test.
#[derive(Clone, Debug)]
pub struct Step {
    /// Where it stands.
    pub line: usize,
    /// What happens.
    pub action: Action,
    /// What comes of it.
    pub expect: Expected,
}

/// What happens in a step.
#[derive(Clone, Debug)]
pub enum Action {
    /// A database calls an operation.
    Call {
        /// Name of the operation.
        operation: String,
        /// Its input.
        input: Value,
    },
    /// A database asks what an operation would cost.
    Quote {
        /// Name of the operation.
        operation: String,
        /// Its input.
        input: Value,
    },
    /// A job runs that a free operation enqueued.
    Job {
        /// Name of the job.
        name: String,
        /// Its payload.
        payload: Value,
    },
    /// A provider or browser asks a hook.
    Hook(Hook),
    /// All jobs that are due run, one after another, until none is.
    RunJobs,
    /// Time goes by.
    Advance(Duration),
}

/// A request to a hook.
#[derive(Clone, Debug, Default)]
pub struct Hook {
    /// The declared path.
    pub path: String,
    /// In capitals.
    pub method: String,
    /// Without `?`.
    pub query: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
    /// A signature of the body to add.
    pub sign: Option<Sign>,
}

/// How a hook's request is signed: HMAC of the body, or of another text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sign {
    /// Header that carries it.
    pub header: String,
    /// Before the signature, as `sha256=`.
    pub prefix: String,
    /// Name of the secret.
    pub key: String,
    /// `hmac-sha1`, `hmac-sha256` or `hmac-sha512`.
    pub algorithm: String,
    /// In base64, not in hexadecimal.
    pub base64: bool,
    /// What is signed in place of the body.
    pub text: Option<String>,
}

/// What comes of a step.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// The answer, or a part of it.
    pub output: Option<Value>,
    /// Nothing else may be in the answer.
    pub exactly: bool,
    /// Code of the failure, in place of an answer.
    pub failure: Option<String>,
    /// What the failure's words must have in them.
    pub message: Option<String>,
    /// Lines of a quote.
    pub lines: Option<Value>,
    /// Status of a hook's answer; 200 to 299 if absent.
    pub status: Option<u16>,
}

/// What is looked at when a test is over; nothing is where nothing is said.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// Where it stands; 0 if nowhere.
    pub line: usize,
    /// Credits taken.
    pub captured: Option<Credits>,
    /// Credits still set aside.
    pub held: Option<Credits>,
    /// Lines that were captured, equal ones added up.
    pub lines: Option<Value>,
    /// Names of the jobs that were enqueued, in order.
    pub jobs: Option<Vec<String>>,
    /// Names of jobs that failed for good; none if nothing is said.
    pub dead: Vec<String>,
    /// Messages for the database: `url`, `json`, `text`.
    pub callbacks: Option<Value>,
    /// Texts of which each is in a line of the log.
    pub logs: Vec<String>,
    /// Requests to providers.
    pub requests: Option<u32>,
    /// Credits may be taken although the call fails: part was delivered before.
    pub partial: bool,
}
