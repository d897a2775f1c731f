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
    })
}

impl Jobs<'_> {
    /// Enqueues a job; nothing if its dedupe key waits or runs already.
    pub fn enqueue(new: NewJob) -> Statement {
        Statement::new(
            "INSERT INTO job (id, kind, service_id, account_id, call_id, name, payload, hold_id, free, context, dedupe_key, order_key, state, run_at, created_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, 'waiting', ?13, ?14)
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
            ],
        )
    }

    /// Claims due jobs: those that wait, and those whose runner's lease is over. A job waits behind an
    /// older one with its order key.
    pub async fn claim(&self, limit: i64, lease_until: Time) -> Result<Vec<JobRow>, StoreError> {
        let now = self.0.clock().now();
        let claim = Statement::new(
            "WITH due AS MATERIALIZED (
                 SELECT id FROM job j WHERE ((state = 'waiting' AND run_at <= ?1) OR (state = 'running' AND leased_until <= ?1))
                 AND (order_key IS NULL OR NOT EXISTS (
                     SELECT 1 FROM job o WHERE o.account_id = j.account_id AND o.order_key = j.order_key AND o.id < j.id AND o.state IN ('waiting', 'running')))
                 ORDER BY run_at LIMIT ?3 /* postgres: FOR UPDATE OF j SKIP LOCKED */)
             UPDATE job SET state = 'running', attempts = attempts + 1, leased_until = ?2, runner = ?4 WHERE id IN (SELECT id FROM due)
             RETURNING id, kind, service_id, account_id, call_id, name, payload, hold_id, free, context, attempts, created_at",
            vec![now.into(), lease_until.into(), limit.into(), self.0.stream().into()],
        );
        let written = self.0.write(vec![claim]).await?;
        written.iter().flat_map(|Written { rows, .. }| rows).map(read).collect()
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

    /// Makes the waiting job with a dedupe key due; there must be one.
    pub fn wake(service: ServiceId, account: AccountId, dedupe_key: &str, at: Time) -> Statement {
        Statement::new(
            "UPDATE job SET run_at = ?4 WHERE service_id = ?1 AND coalesce(account_id, 0) = ?2 AND dedupe_key = ?3 AND state = 'waiting'",
            vec![service.into(), account.into(), dedupe_key.into(), at.into()],
        )
        .expecting(1)
    }

    /// Deletes the waiting job with a dedupe key, if there is one.
    pub fn forget(service: ServiceId, account: AccountId, dedupe_key: &str) -> Statement {
        Statement::new(
            "DELETE FROM job WHERE service_id = ?1 AND coalesce(account_id, 0) = ?2 AND dedupe_key = ?3 AND state = 'waiting'",
            vec![service.into(), account.into(), dedupe_key.into()],
        )
    }

    /// A job is done. Touches nothing if another run has claimed it since; nor do the others below.
    pub fn done(id: JobId, attempts: i64) -> Statement {
        Statement::new(
            "UPDATE job SET state = 'done', leased_until = NULL, payload = ?3 WHERE id = ?1 AND attempts = ?2 AND state = 'running'",
            vec![id.into(), attempts.into(), Vec::new().into()],
        )
    }

    /// A job is to be tried again. A run that never began (`counted` is false) was no attempt.
    pub fn again(id: JobId, attempts: i64, counted: bool, at: Time, error: &str) -> Statement {
        Statement::new(
            "UPDATE job SET state = 'waiting', leased_until = NULL, run_at = ?3, last_error = ?4, attempts = ?5
             WHERE id = ?1 AND attempts = ?2 AND state = 'running'",
            vec![id.into(), attempts.into(), at.into(), error.into(), (attempts - i64::from(!counted)).into()],
        )
    }

    /// Jobs that wait behind a put-off one are put off beyond it, so that nobody looks at them in vain:
    /// [`Jobs::followers_run`] wakes one when its turn comes.
    pub fn followers_wait(id: JobId, at: Time) -> Statement {
        Statement::new(
            "UPDATE job SET run_at = CAST(?2 AS BIGINT) + 3600000 WHERE state = 'waiting' AND run_at < ?2 AND id <> ?1
             AND (account_id, order_key) IN (SELECT account_id, order_key FROM job WHERE id = ?1 AND order_key IS NOT NULL)",
            vec![id.into(), at.into()],
        )
    }

    /// Jobs that waited behind one that has ended may run.
    pub fn followers_run(id: JobId, at: Time) -> Statement {
        Statement::new(
            "UPDATE job SET run_at = ?2 WHERE id = (
                 SELECT f.id FROM job j JOIN job f ON f.account_id = j.account_id AND f.order_key = j.order_key
                 WHERE j.id = ?1 AND j.order_key IS NOT NULL AND f.state = 'waiting' AND f.run_at > ?2 ORDER BY f.id LIMIT 1)",
            vec![id.into(), at.into()],
        )
    }

    /// A job has failed for good. It keeps its payload for the operator, for a while.
    pub fn dead(id: JobId, attempts: i64, error: &str) -> Statement {
        Statement::new(
            "UPDATE job SET state = 'dead', leased_until = NULL, last_error = ?3 WHERE id = ?1 AND attempts = ?2 AND state = 'running'",
            vec![id.into(), attempts.into(), error.into()],
        )
    }

    /// Deletes jobs that have ended and were enqueued before a moment, at most `limit`.
    pub fn sweep(before: Time, limit: i64) -> Statement {
        Statement::new(
            "DELETE FROM job WHERE id IN (SELECT id FROM job WHERE state IN ('done', 'dead') AND created_at < ?1 LIMIT ?2)",
            vec![before.into(), limit.into()],
        )
    }

    /// Jobs that wait or run.
    pub async fn pending(&self) -> Result<i64, StoreError> {
        let row = self.0.read_one("SELECT count(*) FROM job WHERE state IN ('waiting', 'running')", vec![]).await?;
        row.map_or(Ok(0), |row| row.int(0).map_err(StoreError::from))
    }
}
