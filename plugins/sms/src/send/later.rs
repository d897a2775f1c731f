//! A mailing: answered at once, sent by a job.

use iap_sdk::prelude::*;

use super::{Batch, Item, Payload, State, Verdict, plan::Parcel};

/// Seconds that credits stay aside for the job; it runs for minutes at most.
pub(super) const HOLD_TTL: u32 = 3_600;

/// Keeps the hold and enqueues the job that sends the parcels.
pub(super) fn send(call: &Call, batch: Batch, parcels: &[Parcel], hold: Hold) -> Vec<Verdict> {
    let verdicts: Vec<Verdict> =
        parcels.iter().map(|parcel| Verdict::accepted(State::Processing, parcel.credit())).collect();
    match enqueue(batch, parcels, &verdicts, hold) {
        Ok(()) => verdicts,
        Err(reason) => {
            log::error!("call {}: a mailing could not be put off: {reason}", call.context.call_id);
            let reason = "The mailing could not be taken on: send it in smaller parts, or try again later.";
            vec![Verdict::refused_because(State::ServerError, reason); parcels.len()]
        }
    }
}

fn enqueue(batch: Batch, parcels: &[Parcel], verdicts: &[Verdict], hold: Hold) -> Result<(), String> {
    let meanwhile: Vec<Remembered> = parcels
        .iter()
        .zip(verdicts)
        .filter_map(|(parcel, verdict)| {
            let uuid = parcel.uuid.as_ref()?;
            Some(Remembered::new(uuid, &Item::new(uuid.clone(), verdict.clone())))
        })
        .collect();
    let hold_id = hold.keep(HOLD_TTL, &meanwhile).map_err(|refusal| refusal.to_string())?;
    let options = jobs::Options::new().hold(hold_id.as_str()).dedupe_key(batch.reference.as_str());
    let Err(error) = jobs::enqueue_with("send", &Payload::new(batch, parcels), options) else {
        return Ok(());
    };
    match billing::resume(&hold_id) {
        Ok(hold) => hold.release(),
        Err(refusal) => log::error!("a hold stays until it expires: {refusal}"),
    }
    Err(error.to_string())
}
