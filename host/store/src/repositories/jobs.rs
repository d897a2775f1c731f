//! Work after an answer: plugins' jobs and callbacks to databases.

use iap_core::{
    Time,
    ids::{AccountId, CallId, HoldId, JobId, ServiceId},
};

use super::streams::dead;
use crate::{Row, Statement, Store, StoreError, Written};

/// A job to enqueue.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// Its id.
    pub id: JobId,
    /// `plugin` or `callback`.
    pub kind: &'static str,
    /// Whose plugin.
    pub service: ServiceId,
    /// For whom; a hook's job is for nobody.
    pub account: Option<AccountId>,
    /// The call that enqueued it.
    pub call: Option<CallId>,
    /// Name of the job, or URL of the callback.
    pub name: String,
    /// Payload, or body.
    pub payload: Vec<u8>,
    /// The kept hold that it resumes.
    pub hold: Option<HoldId>,
    /// Whether it carries the mark of a free operation.
    pub free: bool,
    /// JSON of what the run needs to know.
    pub context: String,
    /// No second job with this key.
    pub dedupe_key: Option<String>,
    /// Jobs with this key run one after another.
    pub order_key: Option<String>,
    /// Jobs before it that were enqueued one by the other without a pause.
    pub depth: i64,
    /// Not before.
    pub run_at: Time,
    /// Now.
    pub at: Time,
}

/// A job that was claimed.
#[derive(Clone, Debug)]
pub struct JobRow {
    /// Its id.
    pub id: JobId,
    /// `plugin` or `callback`.
    pub kind: String,
    /// Whose plugin.
    pub service: ServiceId,
    /// For whom; a hook's job is for nobody.
    pub account: Option<AccountId>,
    /// The call that enqueued it.
    pub call: Option<CallId>,
    /// Name or URL.
    pub name: String,
    /// Payload or body.
    pub payload: Vec<u8>,
    /// The kept hold.
    pub hold: Option<HoldId>,
    /// Mark of a free operation.
    pub free: bool,
    /// JSON.
    pub context: String,
    /// This run: 1 for the first.
    pub attempts: i64,
    /// When it was enqueued.
    pub created_at: Time,
    /// Jobs before it that were enqueued one by the other without a pause.
    pub depth: i64,
    /// Whose turn it took: see [`queue_of`].
    pub queue: i64,
}

/// Who takes turns: each account, and for jobs of nobody each service.
pub const fn queue_of(service: ServiceId, account: Option<AccountId>) -> i64 {
    match account {
        Some(account) => account.0,
        None => -service.0,
    }
}

/// A queue with jobs that may be due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DueQueue {
    /// See [`queue_of`].
    pub queue: i64,
    /// Since when it is to be looked at, as it was read.
    pub next_at: Time,
}

/// See [`Store::jobs`].
pub struct Jobs<'a>(pub(super) &'a Store);

fn read(row: &Row) -> Result<JobRow, StoreError> {
    Ok(JobRow {
        id: JobId(row.int(0)?),
        kind: row.text(1)?,
        service: ServiceId(row.int(2)?),
        account: row.opt_int(3)?.map(AccountId),
        call: row.opt_int(4)?.map(CallId),
        name: row.text(5)?,
        payload: row.bytes(6)?,
        hold: row.opt_int(7)?.map(HoldId),
        free: row.int(8)? != 0,
        context: row.text(9)?,
        attempts: row.int(10)?,
        created_at: Time(row.int(11)?),
        depth: row.int(12)?,
        queue: row.int(13)?,
    })
}

/// Conditions that look said twice repeat the words of a partial index: SQLite uses it only then.
impl Jobs<'_> {
    /// Enqueues a job; nothing if its dedupe key waits or runs already.
    pub fn enqueue(new: NewJob) -> Statement {
        Statement::new(
            "INSERT INTO job (id, kind, service_id, account_id, call_id, name, payload, hold_id, free, context, dedupe_key, order_key, state, run_at, created_at, queue, depth)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, 'waiting', ?13, ?14, ?15, ?16)
             ON CONFLICT (service_id, coalesce(account_id, 0), dedupe_key) WHERE dedupe_key IS NOT NULL AND state IN ('waiting', 'running') DO NOTHING",
            vec![
                new.id.into(),
                new.kind.into(),
                new.service.into(),
                new.account.into(),
                new.call.into(),
                new.name.into(),
                new.payload.into(),
                new.hold.into(),
                new.free.into(),
                new.context.into(),
                new.dedupe_key.into(),
                new.order_key.into(),
                new.run_at.into(),
                new.at.into(),
                queue_of(new.service, new.account).into(),
                new.depth.into(),
            ],
        )
    }

    /// At most `limit` queues with jobs that may be due, those served longest ago first.
    pub async fn due_queues(&self, limit: usize) -> Result<Vec<DueQueue>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let sql = "SELECT queue, next_at FROM job_queue WHERE next_at <= ?1 ORDER BY served_at, queue LIMIT ?2";
        let rows = self.0.read(sql, vec![self.0.clock().now().into(), limit.into()]).await?;
        rows.iter().map(|row| Ok(DueQueue { queue: row.int(0)?, next_at: Time(row.int(1)?) })).collect()
    }

    /// Claims due jobs: of each queue at most as many as said. A job waits behind an older one with its order key.
    pub async fn claim(&self, turns: &[(DueQueue, usize)], lease_until: Time) -> Result<Vec<JobRow>, StoreError> {
        let now = self.0.clock().now();
        // In one order, so that hosts wait for one another and never in a circle.
        let mut turns = turns.to_vec();
        turns.sort_unstable();
        let statements = turns.iter().flat_map(|(due, most)| {
            let most = i64::try_from(*most).unwrap_or(i64::MAX);
            [
                self.claim_of(due.queue, most, now, lease_until),
                Self::served(*due, now),
                Self::let_go_of_empty(due.queue),
            ]
        });
        let written = self.0.write(statements.collect()).await?;
        written.iter().flat_map(|Written { rows, .. }| rows).map(read).collect()
    }

    fn claim_of(&self, queue: i64, most: i64, now: Time, lease_until: Time) -> Statement {
        Statement::new(
            "WITH due AS MATERIALIZED (
                 SELECT id FROM job j WHERE state = 'waiting' AND queue = ?5 AND run_at <= ?1
                 AND (order_key IS NULL OR NOT EXISTS (
                     SELECT 1 FROM job o WHERE o.account_id = j.account_id AND o.order_key = j.order_key AND o.id < j.id AND o.state IN ('waiting', 'running')))
                 ORDER BY run_at LIMIT ?3 /* postgres: FOR UPDATE OF j SKIP LOCKED */)
             UPDATE job SET state = 'running', attempts = attempts + 1, leased_until = ?2, runner = ?4 WHERE id IN (SELECT id FROM due)
             RETURNING id, kind, service_id, account_id, call_id, name, payload, hold_id, free, context, attempts, created_at, depth, queue",
            vec![now.into(), lease_until.into(), most.into(), self.0.stream().into(), queue.into()],
        )
    }

    /// A queue had its turn, unless somebody else gave it one since. One that looks empty is looked at once more in 2 s: on
    /// PostgreSQL what is being enqueued right now is not seen yet. Who claims never waits for who enqueues, so that they
    /// cannot wait for each other in a circle.
    fn served(due: DueQueue, now: Time) -> Statement {
        Statement::new(
            "UPDATE job_queue SET served_at = ?2, next_at = coalesce((SELECT min(run_at) FROM job WHERE queue = ?1 AND state = 'waiting'), CAST(?2 AS BIGINT) + 2000)
             WHERE queue IN (SELECT queue FROM job_queue WHERE queue = ?1 AND next_at = ?3 /* postgres: FOR NO KEY UPDATE SKIP LOCKED */)",
            vec![due.queue.into(), now.into(), due.next_at.into()],
        )
    }

    /// Who enqueues holds on to the row, so that it does not go meanwhile.
    fn let_go_of_empty(queue: i64) -> Statement {
        Statement::new(
            "DELETE FROM job_queue WHERE queue IN (SELECT queue FROM job_queue WHERE queue = ?1 /* postgres: FOR UPDATE SKIP LOCKED */)
             AND NOT EXISTS (SELECT 1 FROM job WHERE queue = ?1 AND state = 'waiting')
             AND NOT EXISTS (SELECT 1 FROM job WHERE queue = ?1 AND state = 'running')",
            vec![queue.into()],
        )
    }

    /// Makes queues due that have a job due for 2 s and whose turn would come later: a claim on PostgreSQL did not see what
    /// was being enqueued.
    pub fn find_forgotten(now: Time, limit: i64) -> Statement {
        Statement::new(
            "UPDATE job_queue SET next_at = CAST(?1 AS BIGINT) WHERE queue IN (
                 SELECT queue FROM job_queue q WHERE next_at > ?1
                 AND EXISTS (SELECT 1 FROM job j WHERE j.queue = q.queue AND j.state = 'waiting' AND j.run_at <= CAST(?1 AS BIGINT) - 2000)
                 LIMIT ?2 /* postgres: FOR UPDATE OF q SKIP LOCKED */)",
            vec![now.into(), limit.into()],
        )
    }

    /// Makes jobs that a dead host ran claimable at once.
    pub fn take_over(&self, now: Time) -> Statement {
        let sql = concat!(
            "UPDATE job SET state = 'waiting', run_at = ?2, leased_until = NULL WHERE state = 'running' AND coalesce(runner, 0) IN (SELECT 0 UNION ALL ",
            dead!(),
            ")"
        );
        Statement::new(sql, vec![self.0.stream().into(), now.into()])
    }

    /// Makes jobs claimable whose lease is over, at most `limit`: their runner hangs, or has lost its database.
    pub fn end_leases(now: Time, limit: i64) -> Statement {
        Statement::new(
            "UPDATE job SET state = 'waiting', run_at = ?1, leased_until = NULL WHERE id IN (
                 SELECT id FROM job WHERE state = 'running' AND leased_until <= ?1 ORDER BY leased_until LIMIT ?2 /* postgres: FOR UPDATE SKIP LOCKED */)",
            vec![now.into(), limit.into()],
        )
    }

    /// Extends the leases of jobs that this host runs.
    pub fn renew(&self, ids: &[JobId], lease_until: Time) -> Statement {
        let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
        let ids = serde_json::to_string(&ids).unwrap_or_else(|_| "[]".to_owned());
        Statement::new(
            "UPDATE job SET leased_until = ?3 WHERE state = 'running' AND runner = ?1 AND id IN (SELECT CAST(value AS BIGINT) FROM json_each(?2))",
            vec![self.0.stream().into(), ids.into(), lease_until.into()],
        )
    }

    /// Whether a job of the account waits or runs that takes up a hold, but for the one with a dedupe key.
    pub async fn take_up(&self, account: AccountId, hold: HoldId, but: &str) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM job WHERE state = 'waiting' AND queue = ?1 AND hold_id = ?2 AND coalesce(dedupe_key, '') <> ?3
                   UNION ALL
                   SELECT 1 FROM job WHERE state = 'running' AND queue = ?1 AND hold_id = ?2 AND coalesce(dedupe_key, '') <> ?3";
        Ok(self.0.read_one(sql, vec![account.into(), hold.into(), but.into()]).await?.is_some())
    }

    /// Makes the waiting job with a dedupe key due; there must be one.
    pub fn wake(service: ServiceId, account: AccountId, dedupe_key: &str, at: Time) -> Statement {
        Statement::new(
            "UPDATE job SET run_at = ?4 WHERE service_id = ?1 AND coalesce(account_id, 0) = ?2 AND dedupe_key = ?3 AND state = 'waiting'
             AND dedupe_key IS NOT NULL AND state IN ('waiting', 'running')",
            vec![service.into(), account.into(), dedupe_key.into(), at.into()],
        )
        .expecting(1)
    }

    /// Deletes the waiting job with a dedupe key, if there is one.
    pub fn forget(service: ServiceId, account: AccountId, dedupe_key: &str) -> Statement {
        Statement::new(
            "DELETE FROM job WHERE service_id = ?1 AND coalesce(account_id, 0) = ?2 AND dedupe_key = ?3 AND state = 'waiting'
             AND dedupe_key IS NOT NULL AND state IN ('waiting', 'running')",
            vec![service.into(), account.into(), dedupe_key.into()],
        )
    }

    /// A job is done. Refused if another run has claimed it since; so are the others below.
    pub fn done(id: JobId, attempts: i64, at: Time) -> Statement {
        Statement::new(
            "UPDATE job SET state = 'done', leased_until = NULL, payload = ?3, ended_at = ?4 WHERE id = ?1 AND attempts = ?2 AND state = 'running'",
            vec![id.into(), attempts.into(), Vec::new().into(), at.into()],
        )
        .expecting(1)
    }

    /// A job is to be tried again. A run that never began (`counted` is false) was no attempt.
    pub fn again(id: JobId, attempts: i64, counted: bool, at: Time, error: &str) -> Statement {
        Statement::new(
            "UPDATE job SET state = 'waiting', leased_until = NULL, run_at = ?3, last_error = ?4, attempts = ?5
             WHERE id = ?1 AND attempts = ?2 AND state = 'running'",
            vec![id.into(), attempts.into(), at.into(), error.into(), (attempts - i64::from(!counted)).into()],
        )
        .expecting(1)
    }

    /// Jobs that wait behind a put-off one are put off beyond it, so that nobody looks at them in vain:
    /// [`Jobs::followers_run`] wakes one when its turn comes.
    pub fn followers_wait(id: JobId, at: Time) -> Statement {
        Statement::new(
            "UPDATE job SET run_at = CAST(?2 AS BIGINT) + 3600000 WHERE id IN (
                 SELECT f.id FROM job j JOIN job f ON f.account_id = j.account_id AND f.order_key = j.order_key
                 WHERE j.id = ?1 AND j.order_key IS NOT NULL AND f.order_key IS NOT NULL AND f.state IN ('waiting', 'running')
                 AND f.state = 'waiting' AND f.run_at < ?2 AND f.id <> ?1)",
            vec![id.into(), at.into()],
        )
    }

    /// Jobs that waited behind one that has ended may run.
    pub fn followers_run(id: JobId, at: Time) -> Statement {
        Statement::new(
            "UPDATE job SET run_at = ?2 WHERE id = (
                 SELECT f.id FROM job j JOIN job f ON f.account_id = j.account_id AND f.order_key = j.order_key
                 WHERE j.id = ?1 AND j.order_key IS NOT NULL AND f.order_key IS NOT NULL AND f.state IN ('waiting', 'running')
                 AND f.state = 'waiting' AND f.run_at > ?2 ORDER BY f.id LIMIT 1)",
            vec![id.into(), at.into()],
        )
    }

    /// A job has failed for good. It keeps its payload for the operator, for a while.
    pub fn dead(id: JobId, attempts: i64, at: Time, error: &str) -> Statement {
        Statement::new(
            "UPDATE job SET state = 'dead', leased_until = NULL, last_error = ?3, ended_at = ?4 WHERE id = ?1 AND attempts = ?2 AND state = 'running'",
            vec![id.into(), attempts.into(), error.into(), at.into()],
        )
        .expecting(1)
    }

    /// Deletes jobs that were done before one moment and failed for good before another, at most `limit` of each.
    pub fn sweep(done_before: Time, dead_before: Time, limit: i64) -> [Statement; 2] {
        let of = |state: &str, before: Time| {
            Statement::new(
                "DELETE FROM job WHERE id IN (SELECT id FROM job WHERE state IN ('done', 'dead') AND state = ?1 AND ended_at < ?2 LIMIT ?3)",
                vec![state.into(), before.into(), limit.into()],
            )
        };
        [of("done", done_before), of("dead", dead_before)]
    }

    /// Jobs of a queue that wait, counted up to `most`.
    pub async fn waiting_in(&self, queue: i64, most: i64) -> Result<i64, StoreError> {
        let sql = "SELECT count(*) FROM (SELECT 1 FROM job WHERE queue = ?1 AND state = 'waiting' LIMIT ?2) AS waiting";
        let row = self.0.read_one(sql, vec![queue.into(), most.into()]).await?;
        row.map_or(Ok(0), |row| row.int(0).map_err(StoreError::from))
    }
}
