//! A few messages: sent before the answer.

use iap_sdk::prelude::*;

use super::{Batch, Memory, State, Verdict, plan::Parcel};
use crate::carrier::{self, Outcome, Sender, Text};

/// The database waits 15 seconds; the rest is for the way and the ledger.
const BUDGET_MS: u32 = 12_000;

/// Sends all parcels and captures once what the carrier accepted.
pub(super) fn send(call: &Call, batch: &Batch, parcels: &[Parcel], hold: &Hold) -> Vec<Verdict> {
    let outcomes = carrier::send_all(&texts(batch, parcels), &Sender::of(call.account_ref()), BUDGET_MS);
    let mut verdicts: Vec<Verdict> = parcels.iter().zip(&outcomes).map(|(p, outcome)| verdict(p, outcome)).collect();
    let accepted: Vec<(&Parcel, &Verdict)> =
        parcels.iter().zip(&verdicts).filter(|(_, verdict)| verdict.state.is_accepted()).collect();
    if accepted.is_empty() {
        return verdicts;
    }
    let lines: Vec<Line> = accepted.iter().map(|(parcel, _)| parcel.line()).collect();
    let mut details = Capture::new().reference(carrier::reference(&outcomes));
    if let Some(cost) = carrier::cost(&outcomes) {
        details = details.cost(cost);
    }
    for (parcel, verdict) in accepted {
        if let Some(uuid) = &parcel.uuid {
            details = details.remember(uuid, &Memory::of(verdict));
        }
    }
    if let Err(refusal) = hold.capture_with(&lines, details) {
        // The messages are out, so that is what the database must hear; they just were not paid for.
        log::error!("batch {} was sent but not captured: {refusal}", batch.reference);
        for verdict in &mut verdicts {
            verdict.credit = iap_sdk::Credits::ZERO;
        }
    }
    verdicts
}

/// Parcels as the carrier gets them.
pub(super) fn texts<'a>(batch: &Batch, parcels: &'a [Parcel]) -> Vec<Text<'a>> {
    let text = |parcel: &'a Parcel| Text {
        to: &parcel.to,
        country: &parcel.country,
        body: &parcel.content,
        status_callback: batch.status_callback(parcel.uuid.as_deref()),
    };
    parcels.iter().map(text).collect()
}

fn verdict(parcel: &Parcel, outcome: &Outcome) -> Verdict {
    match outcome {
        Outcome::Accepted { .. } => Verdict::accepted(State::Success, parcel.credit()),
        Outcome::Refused { state, reason } => Verdict::refused_because(*state, reason.as_str()),
        Outcome::Unknown => {
            Verdict::refused_because(State::ServerError, "The carrier did not answer; the message was not charged.")
        }
        Outcome::Unreachable | Outcome::OutOfRequests => {
            Verdict::refused_because(State::ServerError, "The carrier could not be reached.")
        }
    }
}
