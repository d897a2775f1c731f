//! `send_v1` (13.0) and `send_v2` (14.0 to 16.0): a flat list, answered in its order.
//!
//! These databases send a message again every hour until they get a state that they know, so that every
//! item is answered with one of those.

use iap_sdk::{Credits, falsy, prelude::*};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::check_count;
use crate::send::{self, Answer, Draft, State, Verdict};

/// Input of `send_v1` and `send_v2`.
#[derive(Debug, Deserialize)]
pub struct Input {
    /// One message each.
    #[serde(default, deserialize_with = "falsy::list")]
    messages: Vec<Message>,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
struct Message {
    /// A number or text that need not be unique: echoed, never a key.
    #[serde(default)]
    res_id: Value,
    #[serde(default, deserialize_with = "falsy::text")]
    number: Option<String>,
    #[serde(default, deserialize_with = "falsy::text")]
    content: Option<String>,
}

/// One object of the answer.
#[derive(Debug, Serialize)]
pub struct Output {
    /// As given.
    res_id: Value,
    /// One of the states that the generation knows.
    state: &'static str,
    /// Credits spent.
    credit: Credits,
}

/// Sends for 13.0, which knows no `unregistered`.
pub fn send_v1(call: &Call, input: Input) -> Result<Vec<Output>, Failure> {
    send(call, input, State::name_v1)
}

/// Sends for 14.0 to 16.0.
pub fn send_v2(call: &Call, input: Input) -> Result<Vec<Output>, Failure> {
    send(call, input, State::name_v2)
}

/// What [`send_v1`] and [`send_v2`] would authorize.
pub fn quote(call: &Call, input: Input) -> Result<Vec<Line>, Failure> {
    Ok(send::quote(call, &input.drafts()?))
}

fn send(call: &Call, input: Input, name: fn(State) -> &'static str) -> Result<Vec<Output>, Failure> {
    let answers = send::send(call, &input.drafts()?, None)?;
    let outputs = input.messages.into_iter().zip(answers).map(|(message, answer)| {
        let verdict = match answer {
            Answer::Fresh(verdict) => verdict,
            // Messages without uuid have no earlier answer.
            Answer::Repeat(_) => Verdict::refused(State::ServerError),
        };
        Output { res_id: message.res_id, state: name(verdict.state), credit: verdict.credit }
    });
    Ok(outputs.collect())
}

impl Input {
    fn drafts(&self) -> Result<Vec<Draft>, Failure> {
        check_count("messages", self.messages.len())?;
        let draft = |message: &Message| Draft {
            uuid: None,
            number: message.number.clone(),
            content: message.content.as_deref().unwrap_or_default().into(),
        };
        Ok(self.messages.iter().map(draft).collect())
    }
}
