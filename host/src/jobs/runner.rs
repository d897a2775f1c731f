//! Claims due jobs and runs them, so that no account can keep the others waiting.
//!
//! Queues take turns: one for each account, those served longest ago first. Of `n` queues with jobs none may have more
//! than one `n + 1`th of a host's slots, so who comes finds some free.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use iap_core::ids::JobId;
use iap_store::{
    StoreError,
    repositories::{DueQueue, JobRow},
};
use tokio::task::{Id, JoinSet};

use super::{alive, run, sweep};
use crate::app::App;

/// Jobs that run at once: fewer than a plugin may have calls, so that these always find room.
const AT_ONCE: usize = 48;
/// Jobs of one account that run at once: fewer than it may have calls.
const OF_ACCOUNT: usize = 12;
/// Slots that must be free to claim at once: a commit claims several jobs.
const WORTH_IT: usize = 6;
/// How long a claim lasts. Hosts tell by their own clocks, so it is much longer than clocks differ; jobs of a host
/// that is dead are taken over sooner (see [`alive`]).
const LEASE: i64 = 180;
/// How often leases of running jobs are renewed.
const RENEW: Duration = Duration::from_secs(30);
/// How often the queues are looked at when nothing rings.
const LOOK: Duration = Duration::from_millis(500);
/// How long running jobs may go on when the host stops.
const STOPPING: Duration = Duration::from_secs(10);

/// Jobs that this host runs.
#[derive(Default)]
struct Running {
    tasks: JoinSet<()>,
    of: HashMap<Id, (JobId, i64)>,
}

impl Running {
    fn ended(&mut self, id: Id) {
        self.of.remove(&id);
    }

    fn reap(&mut self) {
        while let Some(ended) = self.tasks.try_join_next_with_id() {
            self.ended(ended.map_or_else(|error| error.id(), |(id, ())| id));
        }
    }

    async fn one_ends(&mut self) {
        match self.tasks.join_next_with_id().await {
            Some(ended) => self.ended(ended.map_or_else(|error| error.id(), |(id, ())| id)),
            None => std::future::pending().await,
        }
    }

    fn free(&self) -> usize {
        AT_ONCE.saturating_sub(self.of.len())
    }

    /// Queues with jobs that run here, and how many.
    fn by_queue(&self) -> HashMap<i64, usize> {
        let mut queues = HashMap::new();
        for (_, queue) in self.of.values() {
            *queues.entry(*queue).or_default() += 1;
        }
        queues
    }

    fn start(&mut self, app: &Arc<App>, job: JobRow) {
        let (id, queue, app) = (job.id, job.queue, Arc::clone(app));
        let task = self.tasks.spawn(async move { run(&app, job).await });
        self.of.insert(task.id(), (id, queue));
    }

    async fn renew(&self, app: &App) {
        let ids: Vec<JobId> = self.of.values().map(|(id, _)| *id).collect();
        let until = app.store.clock().now().plus_seconds(LEASE);
        if !ids.is_empty()
            && let Err(error) = app.store.write(vec![app.store.jobs().renew(&ids, until)]).await
        {
            tracing::error!(error = %error, "Leases of jobs were not renewed; other hosts may run them too");
        }
    }
}

/// How many jobs of one queue may run, of so many queues with jobs: one part of the slots stays free for whoever comes.
fn share(queues: usize) -> usize {
    (AT_ONCE / (queues + 1)).clamp(1, OF_ACCOUNT)
}

async fn claim(app: &App, running: &Running) -> Result<Vec<JobRow>, StoreError> {
    let mut free = running.free();
    let by_queue = running.by_queue();
    let own = |queue: &DueQueue| by_queue.get(&queue.queue).copied().unwrap_or_default();
    // However many of them have their share already, enough are left.
    let due = app.store.jobs().due_queues(free + by_queue.len()).await?;
    let idle = due.iter().filter(|queue| own(queue) == 0).count();
    let share = share(by_queue.len() + idle);
    let wanting: Vec<DueQueue> = due.into_iter().filter(|queue| own(queue) < share).collect();
    let each = free.div_ceil(wanting.len().max(1));
    let mut turns = Vec::with_capacity(wanting.len());
    for queue in wanting {
        let jobs = each.min(share - own(&queue)).min(free);
        if jobs == 0 {
            break;
        }
        free -= jobs;
        turns.push((queue, jobs));
    }
    if turns.is_empty() {
        return Ok(Vec::new());
    }
    app.store.jobs().claim(&turns, app.store.clock().now().plus_seconds(LEASE)).await
}

/// Runs jobs and sweeps until `stop` resolves; then lets running jobs end, for a while.
pub async fn serve(app: Arc<App>, stop: impl Future<Output = ()>) {
    tokio::pin!(stop);
    let mut running = Running::default();
    let sweeper = tokio::spawn(sweep::serve(Arc::clone(&app)));
    let alive = tokio::spawn(alive::serve(Arc::clone(&app)));
    let (mut looked, mut renewed) = (None::<Instant>, Instant::now());
    loop {
        running.reap();
        if RENEW <= renewed.elapsed() {
            running.renew(&app).await;
            renewed = Instant::now();
        }
        let waited = looked.is_none_or(|looked| LOOK <= looked.elapsed());
        if WORTH_IT <= running.free() || (waited && 0 < running.free()) {
            looked = Some(Instant::now());
            match claim(&app, &running).await {
                Ok(jobs) if !jobs.is_empty() => {
                    jobs.into_iter().for_each(|job| running.start(&app, job));
                    continue;
                }
                Ok(_) => {}
                Err(error) => tracing::error!(error = %error, "Jobs could not be claimed"),
            }
        }
        tokio::select! {
            () = &mut stop => break,
            () = app.bell.notified() => {}
            () = running.one_ends() => {}
            () = tokio::time::sleep(LOOK) => {}
        }
    }
    sweeper.abort();
    let all = async { while running.tasks.join_next().await.is_some() {} };
    drop(tokio::time::timeout(STOPPING, all).await);
    alive.abort();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_are_shared_and_some_stay_free() {
        assert_eq!((share(1), share(3), share(5)), (12, 12, 8));
        for queues in 1..AT_ONCE {
            let taken = queues * share(queues);
            assert!(taken < AT_ONCE && 0 < share(queues), "{queues} queues take {taken}");
        }
        assert_eq!(share(1_000), 1);
    }
}
