//! Outcomes that nobody knows: a request with effects went out and was never answered, and the operation says
//! `on_unknown = "ask"`.
//!
//! The question is a job of the plugin, `reconcile`, stored in the commit that obtains the hold: so a host that
//! dies while the request is out leaves it behind too. An orderly end removes it. Otherwise the hold becomes
//! `unknown` and the job is due at once, in one commit. It captures or releases the hold, or keeps it: then it is known
//! what the provider did, the hold is live again, and the call goes on as one whose own run had kept it. While it does
//! none of these it is asked again, until its time is up and everything goes back.

use std::time::Duration;

use iap_core::{
    Time,
    ids::{AccountId, CallId, HoldId, ServiceId},
    ledger::Command,
    natural_keys::only,
};
use iap_store::{
    Post, PostError, Statement, Store, StoreError,
    repositories::{Calls, Jobs, NaturalKeys, NewJob},
};
use serde_json::value::RawValue;

use super::{backend::Ledgered, job_context::OfHold};

/// Name of the plugin's job that finds out.
pub const JOB: &str = "reconcile";

/// What a call is said to have met whose outcome is not known.
pub const PROBLEM: &str = "unknown: a request to the provider was never answered; what it did is not known";

/// How much longer than its hold a natural key is held back: the hold's end lets it go.
const MARGIN: i64 = 3600;

/// Key of the question about a hold: there is one.
pub(super) fn key(hold: HoldId) -> String {
    format!("outcome of {hold}")
}

#[derive(serde::Serialize)]
struct Question<'a> {
    operation: &'a str,
    input: &'a RawValue,
    natural_keys: &'a [String],
    hold: String,
}

/// The question about a hold that is being obtained, if its operation asks. That of a hold for one natural key is about
/// this key, and has of the input what belongs to it.
pub(super) fn question(on: &Ledgered, hold: HoldId, of: &OfHold, due: Time) -> Option<Statement> {
    let (operation, input) = (on.caller.operation.as_ref()?, on.caller.asks.as_ref()?);
    let own = of.key.as_ref().map(std::slice::from_ref);
    let part = match (&operation.natural_key, own) {
        (Some(declared), Some(own)) => {
            Some(only(declared, serde_json::from_slice(input).ok()?, own).to_string().into_bytes())
        }
        _ => None,
    };
    let input = serde_json::from_slice(part.as_deref().unwrap_or(input)).ok()?;
    let all = on.progress().keys.clone();
    let natural_keys = own.unwrap_or(&all);
    let question = Question { operation: &operation.name, input, natural_keys, hold: hold.to_string() };
    let payload = serde_json::to_vec(&question).ok()?;
    let job = on.new_job("plugin", JOB.to_owned(), payload);
    let context = on.job_context(Some(of.clone()));
    Some(Jobs::enqueue(NewJob { hold: Some(hold), dedupe_key: Some(key(hold)), run_at: due, context, ..job }))
}

/// Nobody needs to be asked about a hold any more.
pub(super) fn answered(service: ServiceId, account: AccountId, hold: HoldId) -> Statement {
    Jobs::forget(service, account, &key(hold))
}

/// Whose hold it is, and for how long its outcome is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    /// The service.
    pub service: ServiceId,
    /// The account.
    pub account: AccountId,
    /// The call that obtained the hold.
    pub call: CallId,
    /// Until everything goes back.
    pub ask_for: Duration,
}

/// Marks a hold as unknown and has its plugin asked. `false` if there is nothing to ask: it has ended, or it was
/// obtained when its operation did not ask.
pub async fn ask(store: &Store, asked: Asked, hold: HoldId) -> Result<bool, StoreError> {
    let Asked { service, account, call, ask_for } = asked;
    let ttl = i64::try_from(ask_for.as_millis()).unwrap_or(i64::MAX);
    let post = Post::new(account, Command::MarkUnknown { hold, ttl }).with(move |posted| {
        vec![
            Jobs::wake(service, account, &key(hold), posted.at),
            Calls::unknown(call, PROBLEM, posted.at),
            NaturalKeys::hold_back(call, posted.at.plus_millis(ttl).plus_seconds(MARGIN)),
        ]
    });
    match store.post(post).await {
        Ok(_) => Ok(true),
        Err(PostError::Refused(_) | PostError::Conflict(_)) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
