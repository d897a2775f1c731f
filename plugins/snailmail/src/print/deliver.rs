//! Sets credits aside, hands letters to the printer, and keeps the credits until they are posted.

use iap_sdk::prelude::*;

use super::letter::Letter;
use crate::{
    follow::{self, Followed},
    provider::{self, Deadline, Outcome},
    records,
    wire::{Code, Credits, Fate},
};

/// Databases wait 15 seconds at least; the rest is for the way, the ledger and the documents.
const BUDGET_MS: u32 = 11_500;

/// How often it is looked how many of several letters the credits are enough for, while others spend them.
const TRIES: usize = 4;

/// One fate for each letter, with one hold for all that there are credits for.
pub fn deliver(call: &Call, letters: &[Letter]) -> Vec<Fate> {
    if letters.is_empty() {
        return Vec::new();
    }
    let deadline = Deadline::within(BUDGET_MS);
    let (paid, hold, rest) = match authorize(letters) {
        Ok((count, hold, rest)) => (letters.get(..count).unwrap_or(letters), hold, rest),
        Err(fate) => return vec![fate; letters.len()],
    };
    let postings: Vec<_> = paid.iter().map(|letter| letter.posting(call.account_ref())).collect();
    let document = |position: usize| paid.get(position).map_or_else(|| Err("no such letter".into()), Letter::document);
    let outcomes = provider::post_all(&postings, document, deadline);
    let mut fates: Vec<Fate> = paid.iter().zip(&outcomes).map(|(letter, outcome)| fate(letter, outcome)).collect();
    keep(call, paid, &outcomes, hold);
    fates.resize(letters.len(), rest);
    fates
}

/// Sets the price of as many letters aside as there are credits for: their number, the hold, and the fate of the others.
fn authorize(letters: &[Letter]) -> Result<(usize, Hold, Fate), Fate> {
    let mut count = letters.len();
    let mut rest = Fate::Open { reason: "It was not its turn." };
    for _ in 0..TRIES {
        let lines: Vec<Line> = letters.iter().take(count).flat_map(|letter| letter.job().lines()).collect();
        let what = Authorize::new().description(format!("Letters: {count}"));
        let refusal = match billing::authorize_with(&lines, what) {
            Ok(billing::Outcome::Hold(hold)) => return Ok((count, hold, rest)),
            Ok(billing::Outcome::Answered(_)) => return Err(Fate::Open { reason: records::PENDING }),
            Err(refusal) => refusal,
        };
        rest = refused(&refusal);
        let Some(available) = refusal.detail("available").and_then(Credits::from_decimal) else { return Err(rest) };
        // Fewer each time, so that it ends.
        count = affordable(letters, available).min(count - 1);
        if count == 0 {
            return Err(rest);
        }
    }
    Err(rest)
}

/// How many of the first letters cost no more than that.
pub fn affordable(letters: &[Letter], credits: Credits) -> usize {
    let prices = letters.iter().map(|letter| letter.job().price().unwrap_or(Credits(u64::MAX)));
    let sums = prices.scan(Credits::default(), |sum, price| {
        *sum = [*sum, price].into_iter().sum();
        Some(*sum)
    });
    sums.take_while(|sum| *sum <= credits).count()
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

/// Keeps the hold for what the printer has, or may have: it is taken when the letters are posted.
fn keep(call: &Call, letters: &[Letter], outcomes: &[Outcome], hold: Hold) {
    let (mut followed, mut remembered) = (Vec::new(), Vec::new());
    for (letter, outcome) in letters.iter().zip(outcomes) {
        let id = match outcome {
            Outcome::Accepted { id } => Some(id.clone()),
            Outcome::Unknown => None,
            Outcome::Refused(..) => {
                // The printer knows this key as that of a refused letter.
                records::failed(&super::letter::digest(call.account_ref(), &letter.key));
                continue;
            }
            Outcome::NotSent => continue,
        };
        if let Some(id) = &id {
            records::accepted(call.account_ref(), id);
        }
        remembered.push(records::answer(letter, id.as_deref()));
        followed.push(Followed::new(letter.clone(), id));
    }
    if followed.is_empty() {
        hold.release();
        return;
    }
    let hold_id = match hold.keep(follow::HOLD_TTL, &remembered) {
        Ok(hold_id) => hold_id,
        Err(refusal) => {
            log::error!("call {}: letters are out, and their credits are not kept: {refusal}", call.context.call_id);
            return;
        }
    };
    let payload = follow::Payload::new(followed);
    if let Err(error) = follow::enqueue(&payload, &hold_id) {
        log::error!("call {}: letters cannot be followed: {error}", call.context.call_id);
        charge_now(payload.letters(), &hold_id);
    }
}

/// Charges what the printer has, since nobody will look. Of the others nothing is remembered: sent again they are handed
/// over with the same keys.
fn charge_now(letters: &[Followed], hold_id: &str) {
    let hold = match billing::resume(hold_id) {
        Ok(hold) => hold,
        Err(refusal) => return log::error!("a hold stays until it expires: {refusal}"),
    };
    let (mut lines, mut answers) = (Vec::new(), Capture::new());
    for followed in letters.iter().filter(|followed| followed.is_accepted()) {
        lines.extend(followed.letter.job().lines());
        answers = answers.remember(&followed.letter.key, &followed.remembered());
    }
    if lines.is_empty() {
        return hold.release();
    }
    if let Err(refusal) = hold.capture_with(&lines, answers) {
        log::error!("letters are out, and not charged: {refusal}");
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
            let letters =
                [Followed::new(known(&host, 1), Some("letter-1".into())), Followed::new(known(&host, 2), None)];
            let lines: Vec<Line> = letters.iter().flat_map(|one| one.letter.job().lines()).collect();
            let hold_id = billing::authorize(&lines).unwrap().keep(60, &[]).unwrap();
            charge_now(&letters, &hold_id);
        });
        let captured = &host.captured()[0];
        let keys: Vec<&str> = captured.remembered.iter().map(|one| one.key.split(':').next().unwrap()).collect();
        assert_eq!((captured.credits.as_str(), keys.as_slice()), ("1", ["1"].as_slice()));
        assert_eq!((host.available().as_str(), host.held().as_str()), ("9", "0"));
    }
}
