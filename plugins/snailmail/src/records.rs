//! What is stored of letters: whose they are, what the printer said of them, how often they failed; and the
//! answers that are remembered under their keys.

use iap_sdk::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::print::Letter;

/// How long is known whose a letter was, in seconds.
const KEPT_FOR: u32 = 90 * 24 * 3600;

/// How long failures count, in seconds: as long as answers are remembered.
const FAILURES_FOR: u32 = 400 * 24 * 3600;

/// What callers are told of a letter that may have been posted.
pub const PENDING: &str = "The printer has not answered yet: the letter is not posted twice if it is sent again.";

/// What callers are told of a letter of which nobody could say whether it was posted.
pub const LOST: &str =
    "Nobody could say whether the printer has this letter. Ask the operator; if it was not posted, send a new letter.";

/// What the printer said of a letter.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct News {
    /// It was given to the post.
    pub sent: bool,
    /// It came back.
    pub undeliverable: bool,
    /// It cannot be posted.
    pub failed: bool,
    /// In the printer's words.
    pub reason: String,
}

/// Whose letter it is.
#[derive(Debug, Serialize, Deserialize)]
struct Record {
    v: u32,
    account: String,
}

/// Notes that the printer has an account's letter; committed with the next ledger step.
pub fn accepted(account_ref: &str, id: &str) {
    let record = Record { v: 1, account: account_ref.to_owned() };
    warn(store::set_json(Scope::Service, &format!("letter/{id}"), &record, Some(KEPT_FOR)));
}

/// Whether it is a letter of this account.
///
/// # Errors
///
/// Of the store.
pub fn is_of(account_ref: &str, id: &str) -> Result<bool, store::Error> {
    let record: Option<Record> = store::get_json(Scope::Service, &format!("letter/{id}"))?;
    Ok(record.is_some_and(|record| record.account == account_ref))
}

/// What the printer has said of a letter by itself.
///
/// # Errors
///
/// Of the store.
pub fn news(id: &str) -> Result<Option<News>, store::Error> {
    store::get_json(Scope::Service, &format!("news/{id}"))
}

/// Adds to what is known of a letter, whoever else does.
///
/// # Errors
///
/// Of the store; `conflict` if it changes all the time.
pub fn add_news(id: &str, change: impl Fn(&mut News)) -> Result<(), store::Error> {
    let key = format!("news/{id}");
    for _ in 0..5 {
        let before = store::get(Scope::Service, &key)?;
        let mut news = before.as_deref().and_then(|bytes| serde_json::from_slice(bytes).ok()).unwrap_or_default();
        change(&mut news);
        let after = serde_json::to_vec(&news).map_err(|error| store::Error::new("bad-value", error.to_string()))?;
        if store::compare_and_set(Scope::Service, &key, before.as_deref(), Some(&after), Some(KEPT_FOR))? {
            return Ok(());
        }
    }
    Err(store::Error::new("conflict", "what is known of a letter changes too often"))
}

/// How often a letter has failed: each time it becomes another letter to the printer.
pub fn failures(digest: &str) -> u32 {
    match store::get_json(Scope::Service, &format!("failures/{digest}")) {
        Ok(count) => count.unwrap_or(0),
        Err(error) => {
            log::error!("failures of a letter are not known: {error}");
            0
        }
    }
}

/// Counts a failure; committed with the next ledger step.
pub fn failed(digest: &str) {
    let count = failures(digest).saturating_add(1);
    warn(store::set_json(Scope::Service, &format!("failures/{digest}"), &count, Some(FAILURES_FOR)));
}

/// Notes that nobody could say in time whether the printer has a letter; committed with the next ledger step. Nothing
/// posts it again by itself: it might be the second one.
pub fn lost(digest: &str) {
    warn(store::set_json(Scope::Service, &format!("lost/{digest}"), &true, Some(FAILURES_FOR)));
}

/// Whether nobody could say of a letter whether the printer has it.
///
/// # Errors
///
/// Of the store.
pub fn is_lost(digest: &str) -> Result<bool, store::Error> {
    Ok(store::get_json(Scope::Service, &format!("lost/{digest}"))?.unwrap_or(false))
}

fn warn(result: Result<(), store::Error>) {
    if let Err(error) = result {
        log::error!("a record of a letter is not kept: {error}");
    }
}

/// What is remembered under a letter's key: that it was sent, or that nobody knows yet.
pub fn answer(letter: &Letter, id: Option<&str>) -> Remembered {
    Remembered::new(letter.key.as_str(), &remembered(letter, id))
}

/// As [`answer`], without its key.
pub fn remembered(letter: &Letter, id: Option<&str>) -> Value {
    match id {
        Some(id) => json!({
            "sent": true, "send_id": id, "cost": letter.job().price().unwrap_or_default(), "pages": letter.pages(),
        }),
        None => json!({ "pending": true }),
    }
}

/// Whether a remembered answer is that nobody knows yet.
pub fn is_pending(answer: &Value) -> bool {
    answer.get("pending").is_some()
}
