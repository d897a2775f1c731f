//! What is to be sent, once, and what is answered without sending.

use std::{collections::BTreeMap, rc::Rc};

use iap_sdk::{Credits, prelude::*};
use serde_json::Value;

use super::{Answer, State, Verdict, state::was_accepted};
use crate::{
    numbers::{self, NumberError},
    prices::Prices,
    text::{self, Segments},
};

/// The longest text that the carrier takes, in characters.
const MOST_CHARACTERS: usize = 1_600;

/// A message as a database asks for it.
#[derive(Clone, Debug)]
pub struct Draft {
    /// What the database knows it by; nothing before 17.0.
    pub uuid: Option<String>,
    /// As typed.
    pub number: Option<String>,
    /// Text; shared by the messages of a mailing.
    pub content: Rc<str>,
}

/// A message that can be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    /// What the database knows it by.
    pub uuid: Option<String>,
    /// E.164.
    pub to: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// Text.
    pub content: Rc<str>,
    /// Alphabet and parts of the text.
    pub segments: Segments,
    /// Price of one part.
    pub part: Credits,
}

impl Parcel {
    /// Its price.
    pub fn credit(&self) -> Credits {
        self.part.times(self.segments.parts.into())
    }

    /// Its line on the bill. The note identifies the number without telling it.
    pub fn line(&self) -> Line {
        let Segments { encoding, parts } = self.segments;
        let ending = self.to.get(self.to.len().saturating_sub(3)..).unwrap_or_default();
        Line::new("message part", parts.into())
            .key(self.country.as_str())
            .note(format!("number ending in {ending}, {}", encoding.name()))
    }
}

/// What happens to a draft.
enum Fate {
    Refused(Verdict),
    Repeat(Value),
    /// Sent as the parcel with this index, which another draft with the same uuid may share.
    Parcel(usize),
}

/// What happens to all drafts of a request.
pub struct Plan {
    fates: Vec<Fate>,
    parcels: Vec<Parcel>,
}

impl Plan {
    /// Decides for each draft.
    pub fn of(call: &Call, drafts: &[Draft], prices: &Prices) -> Self {
        let repeats: BTreeMap<&str, &Remembered> = call.repeats.iter().map(|r| (r.key.as_str(), r)).collect();
        let mut plan = Self { fates: Vec::with_capacity(drafts.len()), parcels: Vec::new() };
        let mut by_uuid: BTreeMap<&str, usize> = BTreeMap::new();
        for draft in drafts {
            let uuid = draft.uuid.as_deref();
            let fate = match (uuid.and_then(|uuid| accepted_before(&repeats, uuid)), parcel(draft, prices)) {
                (Some(item), _) => Fate::Repeat(item),
                (None, Err(verdict)) => Fate::Refused(verdict),
                (None, Ok(parcel)) => match uuid.and_then(|uuid| by_uuid.get(uuid)) {
                    Some(index) => Fate::Parcel(*index),
                    None => {
                        let index = plan.parcels.len();
                        plan.parcels.push(parcel);
                        if let Some(uuid) = uuid {
                            by_uuid.insert(uuid, index);
                        }
                        Fate::Parcel(index)
                    }
                },
            };
            plan.fates.push(fate);
        }
        plan
    }

    /// What is to be sent, once each.
    pub fn parcels(&self) -> &[Parcel] {
        &self.parcels
    }

    /// One answer for each draft, given one verdict for each parcel.
    pub fn answers(self, verdicts: &[Verdict]) -> Vec<Answer> {
        let answer = |fate| match fate {
            Fate::Refused(verdict) => Answer::Fresh(verdict),
            Fate::Repeat(item) => Answer::Repeat(item),
            Fate::Parcel(index) => {
                let verdict = verdicts.get(index).cloned();
                Answer::Fresh(verdict.unwrap_or_else(|| Verdict::refused(State::ServerError)))
            }
        };
        self.fates.into_iter().map(answer).collect()
    }
}

/// The earlier answer of a uuid, unless it says that the message was not taken on: then it may be tried again.
fn accepted_before(repeats: &BTreeMap<&str, &Remembered>, uuid: &str) -> Option<Value> {
    let item: Value = repeats.get(uuid)?.json().ok()?;
    was_accepted(&item).then_some(item)
}

/// Why a draft cannot be sent, whoever asks.
pub fn refused_locally(draft: &Draft) -> Option<Verdict> {
    parcel(draft, &Prices::of_release()).err()
}

fn parcel(draft: &Draft, prices: &Prices) -> Result<Parcel, Verdict> {
    let number = numbers::parse(draft.number.as_deref().unwrap_or_default()).map_err(refused_number)?;
    let part = prices.part(number.country).ok_or_else(|| refused_number(NumberError::NoCountry))?;
    if draft.content.trim().is_empty() {
        return Err(Verdict::refused_because(State::IncompatibleContent, "The message is empty."));
    }
    if draft.content.chars().count() > MOST_CHARACTERS {
        let reason = format!("The message is longer than {MOST_CHARACTERS} characters.");
        return Err(Verdict::refused_because(State::IncompatibleContent, reason));
    }
    Ok(Parcel {
        uuid: draft.uuid.clone(),
        to: number.e164,
        country: number.country.to_owned(),
        content: Rc::clone(&draft.content),
        segments: text::segments(&draft.content),
        part,
    })
}

fn refused_number(error: NumberError) -> Verdict {
    let (state, reason) = match error {
        NumberError::Missing => (State::NumberMissing, "There is no number."),
        NumberError::Format => {
            (State::WrongNumberFormat, "Give an international number that exists, such as +32 475 00 00 01.")
        }
        NumberError::NoCountry => (State::CountryNotSupported, "Messages to this country or network are not offered."),
    };
    Verdict::refused_because(state, reason)
}
