//! Sets credits aside, hands letters to the printer, and keeps the credits until they are posted.
//!
//! Each letter has a hold of its own: what is not handed over goes back at once, whatever becomes of the others.

use iap_sdk::prelude::*;

use super::{letter::Letter, plan};
use crate::{
    follow::{self, Payload},
    provider::{self, Deadline, Outcome},
    records,
    wire::{Code, Fate},
};

/// Databases wait 15 seconds at least; the rest is for the way, the ledger and the documents.
const BUDGET_MS: u32 = 11_500;

/// One fate for each letter.
pub fn deliver(call: &Call, letters: &[Letter]) -> Vec<Fate> {
    let deadline = Deadline::within(BUDGET_MS);
    let holds = authorize(letters);
    let paid: Vec<&Letter> = letters.iter().zip(&holds).filter(|(_, hold)| hold.is_ok()).map(|(one, _)| one).collect();
    let mut outcomes = hand_over(call, &paid, deadline).into_iter();
    let all = letters.iter().zip(holds).map(|(letter, hold)| {
        let hold = match hold {
            Ok(hold) => hold,
            Err(fate) => return fate,
        };
        let outcome = outcomes.next().unwrap_or(Outcome::NotSent);
        let fate = fate(letter, &outcome);
        settle(call, letter, outcome, hold);
        fate
    });
    all.collect()
}

/// Sets the price of each aside. Where the credits are not enough for one, it and those behind it have to wait.
fn authorize(letters: &[Letter]) -> Vec<Result<Hold, Fate>> {
    let mut last: Option<Fate> = None;
    let one = |letter: &Letter| {
        if let Some(fate) = &last {
            return Err(fate.clone());
        }
        let what = Authorize::new().natural_key(letter.key.as_str()).description(format!("Letters: {}", letters.len()));
        match billing::authorize_with(&letter.job().lines(), what) {
            Ok(billing::Outcome::Hold(hold)) => Ok(hold),
            Ok(billing::Outcome::Answered(answer)) => Err(plan::repeat(answer.json())),
            Err(refusal) => {
                let fate = refused(&refusal);
                if !matches!(refusal.code.as_str(), "unknown-price" | "natural-key-busy") {
                    last = Some(fate.clone());
                }
                Err(fate)
            }
        }
    };
    letters.iter().map(one).collect()
}

fn hand_over(call: &Call, letters: &[&Letter], deadline: Deadline) -> Vec<Outcome> {
    if letters.is_empty() {
        return Vec::new();
    }
    let postings: Vec<_> = letters.iter().map(|letter| letter.posting(call.account_ref())).collect();
    let document = |at: usize| letters.get(at).map_or_else(|| Err("no such letter".into()), |letter| letter.document());
    provider::post_all(&postings, document, deadline)
}

fn refused(refusal: &Refusal) -> Fate {
    let code = match refusal.code.as_str() {
        "insufficient-credit" | "over-max-credits" => Code::CreditError,
        "unknown-price" => Code::NoPriceAvailable,
        "account-disabled" | "account-suspended" | "hosting-refused" | "seen-elsewhere" | "consent-needed" => {
            Code::TrialError
        }
        "natural-key-busy" => return Fate::Open { reason: records::PENDING },
        code => {
            log::error!("credits were not set aside: {code}: {}", refusal.message);
            Code::UnknownError
        }
    };
    let reason = match refusal.detail("needed").zip(refusal.detail("available")) {
        Some((needed, available)) => format!("{needed} stamps are needed, and {available} are there."),
        None => refusal.message.clone(),
    };
    Fate::Refused { code, reason }
}

fn fate(letter: &Letter, outcome: &Outcome) -> Fate {
    match outcome {
        Outcome::Accepted { id } => {
            let cost = letter.job().price().unwrap_or_default();
            Fate::Sent { send_id: id.clone(), cost, pages: letter.pages() }
        }
        Outcome::Refused(code, reason) => Fate::Refused { code: *code, reason: reason.clone() },
        Outcome::Unknown => Fate::Open { reason: records::PENDING },
        Outcome::NotSent => {
            Fate::Open { reason: "The printer cannot be reached: the letter was not sent, and not charged." }
        }
    }
}

/// Keeps the hold of what the printer has, or may have: it is taken when the letter is posted. That of any other goes back.
fn settle(call: &Call, letter: &Letter, outcome: Outcome, hold: Hold) {
    let id = match outcome {
        Outcome::Accepted { id } => Some(id),
        Outcome::Unknown => None,
        Outcome::Refused(..) => {
            // The printer knows this key as that of a refused letter.
            records::failed(&super::letter::digest(call.account_ref(), &letter.key));
            return hold.release();
        }
        Outcome::NotSent => return hold.release(),
    };
    if let Some(id) = &id {
        records::accepted(call.account_ref(), id);
    }
    let hold_id = match hold.keep(follow::HOLD_TTL, &[records::answer(letter, id.as_deref())]) {
        Ok(hold_id) => hold_id,
        Err(refusal) => {
            let (call, id) = (&call.context.call_id, letter.id());
            return log::error!("call {call}: letter {id} is out, and its credits are not kept: {refusal}");
        }
    };
    let payload = Payload::new(letter.clone(), id);
    if let Err(error) = follow::enqueue(&payload, &hold_id) {
        log::error!("call {}: letter {} cannot be followed: {error}", call.context.call_id, letter.id());
        charge_now(&payload, &hold_id);
    }
}

/// Charges what the printer has, since nobody will look. Of a letter that it may not have nothing is remembered: sent
/// again it is handed over with the same key.
fn charge_now(payload: &Payload, hold_id: &str) {
    let hold = match billing::resume(hold_id) {
        Ok(hold) => hold,
        Err(refusal) => return log::error!("a hold stays until it expires: {refusal}"),
    };
    if !payload.is_accepted() {
        return hold.release();
    }
    let letter = payload.letter();
    let answer = Capture::new().remember(&letter.key, &payload.remembered());
    if let Err(refusal) = hold.capture_with(&letter.job().lines(), answer) {
        log::error!("letter {} is out, and not charged: {refusal}", letter.id());
    }
}

#[cfg(test)]
mod tests {
    use iap_sdk::testing::Host;
    use serde_json::json;

    use super::*;
    use crate::{
        print::tests::letter,
        provider::samples::host,
        wire::{Document, Options},
    };

    fn known(host: &Host, id: u64) -> Letter {
        let document: Document = serde_json::from_value(letter(host, id, &crate::pdf::samples::a4(1))).unwrap();
        let options: Options = serde_json::from_value(json!({})).unwrap();
        Letter::of(&document, options, &document.key().unwrap()).unwrap()
    }

    #[test]
    fn what_cannot_be_followed_is_charged_and_the_unknown_is_not_pending_for_good() {
        let host = host("10");
        host.run(|| {
            for payload in [Payload::new(known(&host, 1), Some("letter-1".into())), Payload::new(known(&host, 2), None)]
            {
                let hold = billing::authorize(&payload.letter().job().lines()).unwrap();
                let answer = [records::answer(payload.letter(), None)];
                charge_now(&payload, &hold.keep(60, &answer).unwrap());
            }
        });
        let captured = &host.captured()[0];
        let keys: Vec<&str> = captured.remembered.iter().map(|one| one.key.split(':').next().unwrap()).collect();
        assert_eq!((captured.credits.as_str(), keys.as_slice()), ("1", ["1"].as_slice()));
        assert_eq!((host.available().as_str(), host.held().as_str()), ("9", "0"));
    }
}
