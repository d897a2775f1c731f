//! Work after an answer: plugins' jobs, callbacks to databases, and the sweepers.
//!
//! Jobs are rows, enqueued in the commit that caused them. A runner claims due ones under a lease; one
//! whose host is dead is claimed again at once, others when the lease is over. So a job runs
//! at least once, and what it does must bear a second run.

mod alive;
mod callback;
mod plugin;
mod sweep;

use std::{sync::Arc, time::Duration};

use iap_core::Time;
use iap_store::{
    StoreError,
    repositories::{JobRow, Jobs},
};
use tokio::{sync::Semaphore, task::JoinSet};

use crate::app::App;

/// Jobs that run at once.
const AT_ONCE: usize = 32;
/// How long a claim lasts: longer than the longest job run (600 s).
const LEASE: i64 = 660;
/// Seconds until a job is tried again that found no room.
const NO_ROOM: i64 = 2;
/// How often the queue is looked at when nothing rings.
const LOOK: Duration = Duration::from_millis(500);

/// How a run ended.
enum Outcome {
    Done,
    /// There was no room to run it: no attempt was made.
    NoRoom(String),
    /// It is too early: no attempt was made.
    Later(Time),
    /// The outcome is still not known: ask again, after this many seconds if said, until then.
    Ask {
        why: String,
        after: Option<u32>,
        until: Time,
    },
    /// Try again, after this many seconds if said.
    Again {
        why: String,
        after: Option<u32>,
    },
    /// It has failed for good.
    Dead(String),
}

/// Runs jobs and sweeps until `stop` resolves; then lets running jobs end, for a while.
pub async fn serve(app: Arc<App>, stop: impl Future<Output = ()>) {
    tokio::pin!(stop);
    let slots = Arc::new(Semaphore::new(AT_ONCE));
    let mut running = JoinSet::new();
    let sweeper = tokio::spawn(sweep::serve(Arc::clone(&app)));
    let alive = tokio::spawn(alive::serve(Arc::clone(&app)));
    loop {
        while running.try_join_next().is_some() {}
        let free = slots.available_permits();
        let mut claimed = Vec::new();
        if 0 < free {
            let lease = app.store.clock().now().plus_seconds(LEASE);
            match app.store.jobs().claim(i64::try_from(free).unwrap_or(1), lease).await {
                Ok(jobs) => claimed = jobs,
                Err(error) => tracing::error!(error = %error, "Jobs could not be claimed"),
            }
        }
        let any = !claimed.is_empty();
        for job in claimed {
            let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { break };
            let app = Arc::clone(&app);
            running.spawn(async move {
                run(&app, job).await;
                drop(slot);
                app.bell.notify_one();
            });
        }
        if any && 0 < slots.available_permits() {
            continue;
        }
        tokio::select! {
            () = &mut stop => break,
            () = app.bell.notified() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
    sweeper.abort();
    drop(tokio::time::timeout(Duration::from_secs(10), async { while running.join_next().await.is_some() {} }).await);
    alive.abort();
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
        Outcome::Done => vec![Jobs::done(id, attempts), Jobs::followers_run(id, now)],
        Outcome::NoRoom(why) => vec![Jobs::again(id, attempts, false, now.plus_seconds(NO_ROOM), &why)],
        Outcome::Later(at) => vec![Jobs::again(id, attempts, false, at, "it is too early")],
        Outcome::Ask { why, after, until } => {
            let at = now.plus_seconds(after.map_or_else(|| ask_again(attempts), |seconds| i64::from(seconds.max(1))));
            tracing::info!(job.id = %id, attempts, why, "An outcome is still not known; it is asked again");
            // The last time when its hold has expired, and finds it so.
            vec![Jobs::again(id, attempts, true, at.min(until.plus_seconds(NO_ROOM)), &why)]
        }
        Outcome::Again { why, after } if may_try_again(&kind, attempts, created, now) => {
            let at = now.plus_seconds(after.map_or_else(|| back_off(attempts), i64::from));
            tracing::info!(job.id = %id, attempts, why, "A job is put off");
            vec![Jobs::again(id, attempts, true, at, &why), Jobs::followers_wait(id, at)]
        }
        Outcome::Again { why, .. } | Outcome::Dead(why) => {
            tracing::warn!(job.id = %id, attempts, why, "A job has failed for good");
            if kind == "plugin" {
                plugin::bury(app, &job, &why).await;
            }
            vec![Jobs::dead(id, attempts, &why), Jobs::followers_run(id, now)]
        }
    };
    if let Err(error) = app.store.write(statements).await {
        // The lease ends by itself and the job runs again.
        tracing::error!(job.id = %id, error = %error, "The end of a job was not stored");
    }
}

/// Plugins' jobs are tried ten times; callbacks for three days, since a database may be down for long.
fn may_try_again(kind: &str, attempts: i64, created: Time, now: Time) -> bool {
    match kind {
        "callback" => now < created.plus_seconds(3 * 24 * 3600),
        _ => attempts < 10,
    }
}

/// 2, 4, 8, … seconds, at most an hour.
fn back_off(attempts: i64) -> i64 {
    let doublings = u32::try_from(attempts.clamp(1, 12)).unwrap_or(12);
    2i64.pow(doublings).min(3600)
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
        assert_eq!((1..6).map(back_off).collect::<Vec<_>>(), [2, 4, 8, 16, 32]);
        assert_eq!(back_off(100), 3600);
        let now = Time(0).plus_seconds(3 * 24 * 3600);
        assert!(may_try_again("callback", 500, Time(1), now));
        assert!(!may_try_again("callback", 1, Time(0), now));
        assert!(may_try_again("plugin", 9, Time(0), now) && !may_try_again("plugin", 10, Time(0), now));
    }
}
