//! A mailing: answered at once, sent by a job.

use iap_sdk::prelude::*;

use super::{Batch, Memory, Payload, State, Verdict, job::Mailing, plan::Parcel};

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
            Some(Remembered::new(uuid, &Memory::of(verdict)))
        })
        .collect();
    let payload = Payload::new(batch, &Mailing::of(parcels)).map_err(|error| error.to_string())?;
    let hold_id = hold.keep(HOLD_TTL, &meanwhile).map_err(|refusal| refusal.to_string())?;
    let options = jobs::Options::new().hold(hold_id.as_str()).dedupe_key(payload.batch.as_str());
    let Err(error) = jobs::enqueue_with("send", &payload, options) else {
        return Ok(());
    };
    match billing::resume(&hold_id) {
        Ok(hold) => hold.release(),
        Err(refusal) => log::error!("a hold stays until it expires: {refusal}"),
    }
    Err(error.to_string())
}
