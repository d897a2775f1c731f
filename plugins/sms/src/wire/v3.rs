//! `send_v3`: 17.0 and later. Messages are grouped by content and known by uuid.

use std::rc::Rc;

use iap_sdk::{falsy, prelude::*};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::check_count;
use crate::send::{self, Answer, Draft, Item};

/// Longest webhook URL, which is stored with each batch.
const MAX_URL: usize = 2048;

/// Input of `send_v3`.
#[derive(Debug, Deserialize)]
pub struct Input {
    /// Messages of one content each.
    #[serde(default, deserialize_with = "falsy::list")]
    messages: Vec<Group>,
    /// Where delivery reports go.
    #[serde(default, deserialize_with = "falsy::text")]
    webhook_url: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
struct Group {
    #[serde(default, deserialize_with = "falsy::text")]
    content: Option<String>,
    #[serde(default, deserialize_with = "falsy::list")]
    numbers: Vec<Recipient>,
}

#[derive(Debug, Deserialize)]
#[serde(expecting = "an object")]
struct Recipient {
    #[serde(default, deserialize_with = "falsy::text")]
    number: Option<String>,
    #[serde(default, deserialize_with = "falsy::text")]
    uuid: Option<String>,
}

/// One object of the answer: of this call, or as an earlier call gave it.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Output {
    /// Of this call.
    Fresh(Item),
    /// Of the call that took this uuid first.
    Repeat(Repeat),
}

/// Sends and answers one object for each uuid, in the order given.
pub fn send(call: &Call, input: Input) -> Result<Vec<Output>, Failure> {
    let drafts = input.drafts()?;
    if input.webhook_url.as_ref().is_some_and(|url| MAX_URL < url.len()) {
        return Err(Failure::bad_request("webhook_url", "has more than 2048 bytes; send the address of /sms/status"));
    }
    let answers = send::send(call, &drafts, input.webhook_url.as_deref())?;
    let outputs = drafts.iter().zip(answers).map(|(draft, answer)| match answer {
        Answer::Fresh(verdict) => Output::Fresh(Item::new(draft.uuid.clone().unwrap_or_default(), verdict)),
        Answer::Repeat(item) => Output::Repeat(Repeat { uuid: draft.uuid.clone().unwrap_or_default(), item }),
    });
    Ok(outputs.collect())
}

/// What [`send`] would authorize.
pub fn quote(call: &Call, input: Input) -> Result<Vec<Line>, Failure> {
    Ok(send::quote(call, &input.drafts()?))
}

/// A remembered item under its uuid.
#[derive(Debug, Serialize)]
pub struct Repeat {
    uuid: String,
    #[serde(flatten)]
    item: Value,
}

impl Input {
    fn drafts(&self) -> Result<Vec<Draft>, Failure> {
        check_count("messages", self.messages.iter().map(|group| group.numbers.len()).sum())?;
        let mut drafts = Vec::new();
        for (i, group) in self.messages.iter().enumerate() {
            let content: Rc<str> = group.content.as_deref().unwrap_or_default().into();
            for (j, recipient) in group.numbers.iter().enumerate() {
                // The answer and every report name a message by its uuid; without one, none could arrive.
                let Some(uuid) = recipient.uuid.clone() else {
                    let field = format!("messages[{i}].numbers[{j}].uuid");
                    return Err(Failure::bad_request(field, "missing: give each message a uuid of its own"));
                };
                drafts.push(Draft { uuid: Some(uuid), number: recipient.number.clone(), content: Rc::clone(&content) });
            }
        }
        Ok(drafts)
    }
}
