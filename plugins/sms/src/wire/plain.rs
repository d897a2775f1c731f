//! `message_send`: one text to several numbers, for custom modules and the oldest databases.

use std::rc::Rc;

use iap_sdk::{
    falsy::{self, MaybeText},
    prelude::*,
};
use serde::Deserialize;

use super::check_count;
use crate::send::{self, Answer, Draft, State, Verdict};

/// Input of `message_send`.
#[derive(Debug, Deserialize)]
pub struct Input {
    /// To whom.
    #[serde(default, deserialize_with = "falsy::list")]
    numbers: Vec<MaybeText>,
    /// What.
    #[serde(default, deserialize_with = "falsy::text")]
    message: Option<String>,
}

/// Sends to all numbers, or to none if one of them is wrong. Answers `true`.
///
/// There is no state for each number here: it fails only if nothing at all was sent.
pub fn send(call: &Call, input: Input) -> Result<bool, Failure> {
    let drafts = input.drafts()?;
    for (i, draft) in drafts.iter().enumerate() {
        if let Some(verdict) = send::refused_locally(draft) {
            let field =
                if verdict.state == State::IncompatibleContent { "message".into() } else { format!("numbers[{i}]") };
            return Err(Failure::bad_request(field, verdict.reason_or_default()));
        }
    }
    let answers = send::send(call, &drafts, None)?;
    let verdicts: Vec<Verdict> = answers.into_iter().filter_map(Answer::fresh).collect();
    if verdicts.iter().any(|verdict| verdict.state.is_accepted()) {
        return Ok(true);
    }
    Err(verdicts.first().map_or_else(|| Failure::bad_request("numbers", "give at least one number"), failure))
}

/// What [`send`] would authorize.
pub fn quote(call: &Call, input: Input) -> Result<Vec<Line>, Failure> {
    Ok(send::quote(call, &input.drafts()?))
}

fn failure(verdict: &Verdict) -> Failure {
    match verdict.state {
        State::InsufficientCredit => Failure::InsufficientCredit,
        State::ServerError => Failure::provider_unavailable(),
        _ => Failure::refused(verdict.reason_or_default()),
    }
}

impl Input {
    fn drafts(&self) -> Result<Vec<Draft>, Failure> {
        check_count("numbers", self.numbers.len())?;
        let content: Rc<str> = self.message.as_deref().unwrap_or_default().into();
        let draft = |number: &MaybeText| Draft { uuid: None, number: number.0.clone(), content: Rc::clone(&content) };
        Ok(self.numbers.iter().map(draft).collect())
    }
}
