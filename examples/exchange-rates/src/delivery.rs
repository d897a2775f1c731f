//! The job `look`: sends rates that are new, and charges what it sent when the subscription is over.
//!
//! A subscription is a chain of such jobs, each enqueued by the one before with the hold of the subscription: no hold, no
//! effect. What was delivered goes from job to job, so that it is charged even after the subscription was replaced.

use iap_sdk::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{
    rates,
    subscription::{MOST_UPDATES, Subscription, updates},
};

/// The hold outlives the subscription by so many seconds, in case that the host stands still at its end.
const GRACE: u32 = 7 * 24 * 3600;

/// How far a subscription has come.
#[derive(Debug, Serialize, Deserialize)]
pub struct Progress {
    /// Of the subscription.
    pub id: String,
    /// Updates that were sent.
    pub delivered: u64,
    /// Day of the rates that were sent last.
    pub date: String,
}

/// Has the rates looked at after a while, with the hold of the subscription, which has so many seconds left.
///
/// # Errors
///
/// Of `billing` and `jobs`.
pub fn look_again(hold: Hold, progress: &Progress, seconds_left: u32) -> Result<(), Failure> {
    let id = hold.keep(seconds_left.saturating_add(GRACE), &[])?;
    let options = jobs::Options::new().hold(id.as_str()).delay(rates::look_every());
    if let Err(error) = jobs::enqueue_with("look", progress, options) {
        // Nobody would take the hold up: it goes back at once.
        drop(billing::resume(&id)?);
        return Err(error.into());
    }
    Ok(())
}

/// Looks at the rates once.
///
/// # Errors
///
/// [`Failure::Internal`] where what was delivered cannot be charged: the job is tried again, and then waits for the operator.
pub fn look(job: &Job, mut progress: Progress) -> Result<(), Failure> {
    let hold_id = job.hold.as_deref().ok_or_else(|| Failure::refused("a subscription without a hold"))?;
    let hold = match billing::resume(hold_id) {
        Ok(hold) => hold,
        // An earlier run has settled it, and died before it was noted.
        Err(refusal) if refusal.code == "hold-ended" => return Ok(()),
        Err(refusal) => return Err(refusal.into()),
    };
    match Subscription::load()?.filter(|subscription| subscription.id == progress.id) {
        Some(subscription) if progress.delivered < MOST_UPDATES => {
            // Whatever is wrong today may be right at the next look: the bank, the permission, the webhook.
            if let Err(failure) = deliver(job, &subscription, &mut progress) {
                log::warn!("no rates are sent: {failure}");
            }
            look_again(hold, &progress, subscription.seconds_left())
        }
        _ => settle(&hold, &progress),
    }
}

fn deliver(job: &Job, subscription: &Subscription, progress: &mut Progress) -> Result<(), Failure> {
    let rates = rates::current()?;
    if rates.date > progress.date {
        subscription.send(job.account_ref(), &rates)?;
        progress.delivered += 1;
        progress.date = rates.date;
    }
    Ok(())
}

/// Takes the price of what was delivered; the rest goes back.
fn settle(hold: &Hold, progress: &Progress) -> Result<(), Failure> {
    let details = Capture::new().reference(format!("rates up to {}", progress.date));
    match hold.capture_with(&updates(progress.delivered.clamp(1, MOST_UPDATES)), details) {
        Ok(_) => Ok(()),
        Err(refusal) if refusal.code == "hold-ended" => Ok(()),
        Err(refusal) => Err(Failure::internal(format!("{} updates are not charged: {refusal}", progress.delivered))),
    }
}
