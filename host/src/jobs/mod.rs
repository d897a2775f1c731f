//! Work after an answer: plugins' jobs, callbacks to databases, and the sweepers.
//!
//! Jobs are rows, enqueued in the commit that caused them. A runner claims due ones under a lease, which it renews
//! while they run; one whose host is dead is claimed again, and so is one whose lease is over. So a job runs at least
//! once, and what it does must bear a second run. Its end is one commit with what it wanted stored, refused if another
//! run has claimed it since: that is recorded once.

mod alive;
mod callback;
mod plugin;
mod runner;
mod sweep;

use std::sync::Arc;

use iap_core::{Time, ids::JobId};
use iap_store::{
    Statement, StoreError,
    repositories::{JobRow, Jobs},
};

use crate::app::App;

pub use runner::serve;

/// Runs of a plugin's job at most.
const MOST_ATTEMPTS: i64 = 10;
/// Seconds until a job is tried again that found no room.
const NO_ROOM: i64 = 2;

/// How a run ended.
enum Outcome {
    /// With what is to be stored beside.
    Done(Vec<Statement>),
    /// There was no room to run it: no attempt was made.
    NoRoom(String),
    /// It is too early: no attempt was made.
    Later(Time),
    /// The outcome is still not known: ask again, after this many seconds if said, until then.
    Ask { why: String, after: Option<u32>, until: Time, with: Vec<Statement> },
    /// Try again, after this many seconds if said.
    Again { why: String, after: Option<u32> },
    /// It has failed for good.
    Dead(String),
}

async fn run(app: &Arc<App>, job: JobRow) {
    let (id, attempts, created) = (job.id, job.attempts, job.created_at);
    let kind = job.kind.clone();
    let outcome = match kind.as_str() {
        "callback" => callback::run(app, &job).await,
        _ => plugin::run(app, &job).await,
    };
    let now = app.store.clock().now();
    let statements = match outcome {
        Outcome::Done(mut with) => {
            with.extend([Jobs::done(id, attempts, now), Jobs::followers_run(id, now)]);
            with
        }
        Outcome::NoRoom(why) => vec![Jobs::again(id, attempts, false, now.plus_seconds(NO_ROOM), &why)],
        Outcome::Later(at) => vec![Jobs::again(id, attempts, false, at, "it is too early")],
        Outcome::Ask { why, after, until, mut with } => {
            let at = now.plus_seconds(after.map_or_else(|| ask_again(attempts), |seconds| i64::from(seconds.max(1))));
            tracing::info!(job.id = %id, attempts, why, "An outcome is still not known; it is asked again");
            // The last time when its hold has expired, and finds it so.
            with.push(Jobs::again(id, attempts, true, at.min(until.plus_seconds(NO_ROOM)), &why));
            with
        }
        Outcome::Again { why, after } if may_try_again(&kind, attempts, created, now) => {
            let wait = after.map_or_else(|| back_off(attempts, random()), |after| i64::from(after) * 1000);
            let at = now.plus_millis(wait);
            tracing::info!(job.id = %id, attempts, why, "A job is put off");
            vec![Jobs::again(id, attempts, true, at, &why), Jobs::followers_wait(id, at)]
        }
        Outcome::Again { why, .. } | Outcome::Dead(why) => {
            tracing::warn!(job.id = %id, attempts, why, "A job has failed for good");
            let mut with = if kind == "plugin" { plugin::bury(app, &job, &why).await } else { Vec::new() };
            with.extend([Jobs::dead(id, attempts, now, &why), Jobs::followers_run(id, now)]);
            with
        }
    };
    match app.store.write(statements).await {
        // It may have enqueued others, or have kept them waiting.
        Ok(_) => app.bell.notify_one(),
        Err(StoreError::Conflict(conflict)) if conflict.constraint.is_empty() => {
            tracing::warn!(job.id = %id, attempts, "A job's lease was over before the job was: another run has it");
        }
        Err(error @ StoreError::Conflict(_)) => refused(app, id, attempts, &error).await,
        // The lease ends by itself and the job runs again.
        Err(error) => tracing::error!(job.id = %id, error = %error, "The end of a job was not stored"),
    }
}

/// What a run wanted stored is refused by the schema: the run has failed, and only that is stored.
async fn refused(app: &App, id: JobId, attempts: i64, error: &StoreError) {
    tracing::error!(job.id = %id, attempts, error = %error, "What a job wanted stored was refused");
    let (now, why) = (app.store.clock().now(), error.to_string());
    let failed = if attempts < MOST_ATTEMPTS {
        Jobs::again(id, attempts, true, now.plus_millis(back_off(attempts, random())), &why)
    } else {
        Jobs::dead(id, attempts, now, &why)
    };
    if let Err(error) = app.store.write(vec![failed]).await {
        tracing::error!(job.id = %id, error = %error, "The end of a job was not stored");
    }
}

/// Plugins' jobs are tried ten times; callbacks for three days, since a database may be down for long.
fn may_try_again(kind: &str, attempts: i64, created: Time, now: Time) -> bool {
    match kind {
        "callback" => now < created.plus_seconds(3 * 24 * 3600),
        _ => attempts < MOST_ATTEMPTS,
    }
}

/// Milliseconds: 2, 4, 8, … seconds, at most an hour, less up to half of it by chance, so that what failed together is
/// not tried together.
pub(crate) fn back_off(attempts: i64, chance: u8) -> i64 {
    let doublings = u32::try_from(attempts.clamp(1, 12)).unwrap_or(12);
    let most = 2i64.pow(doublings).min(3600) * 1000;
    most - most * i64::from(chance) / 512
}

pub(crate) fn random() -> u8 {
    let mut byte = [0];
    // Without chance all is as well, only not spread.
    getrandom::fill(&mut byte).map_or(0, |()| byte[0])
}

/// Seconds until an outcome is asked for again: 5 min, 1 h, 6 h, then each day.
fn ask_again(attempts: i64) -> i64 {
    match attempts {
        ..=1 => 300,
        2 => 3_600,
        3 => 6 * 3_600,
        _ => 24 * 3_600,
    }
}

/// The error as the reason for another try.
fn store_failed(error: &StoreError) -> Outcome {
    Outcome::Again { why: error.to_string(), after: None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_are_spread_and_end() {
        assert_eq!((1..6).map(|n| back_off(n, 0)).collect::<Vec<_>>(), [2_000, 4_000, 8_000, 16_000, 32_000]);
        assert_eq!((back_off(100, 0), back_off(1, 128), back_off(1, 255)), (3_600_000, 1_500, 1_004));
        let now = Time(0).plus_seconds(3 * 24 * 3600);
        assert!(may_try_again("callback", 500, Time(1), now));
        assert!(!may_try_again("callback", 1, Time(0), now));
        assert!(may_try_again("plugin", 9, Time(0), now) && !may_try_again("plugin", 10, Time(0), now));
    }
}
