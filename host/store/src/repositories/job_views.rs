//! Jobs as the operator sees them.

use iap_core::{
    Time,
    ids::{AccountId, CallId, JobId, ServiceId},
};

use crate::{Row, Statement, Store, StoreError};

/// A job, without what only its run needs.
#[derive(Clone, Debug)]
pub struct JobView {
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
    /// Name of the job, or URL of the callback.
    pub name: String,
    /// `waiting`, `running`, `done` or `dead`.
    pub state: String,
    /// Runs so far.
    pub attempts: i64,
    /// Not before.
    pub run_at: Time,
    /// Why the last run did not end well.
    pub last_error: Option<String>,
    /// When it was enqueued.
    pub created_at: Time,
    /// When it was done or failed for good.
    pub ended_at: Option<Time>,
    /// Bytes of its payload.
    pub payload_bytes: i64,
}

/// How many jobs there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct JobCounts {
    /// Waiting, also those that are not due.
    pub waiting: i64,
    /// Running on any host.
    pub running: i64,
    /// Failed for good.
    pub dead: i64,
    /// Since when the one waits that is due longest.
    pub oldest: Option<Time>,
}

/// See [`Store::job_views`].
pub struct JobViews<'a>(pub(super) &'a Store);

macro_rules! select {
    ($clause:literal) => {
        concat!(
            "SELECT id, kind, service_id, account_id, call_id, name, state, attempts, run_at, last_error, created_at, ended_at, CAST(length(payload) AS BIGINT) FROM job ",
            $clause
        )
    };
}

fn read(row: &Row) -> Result<JobView, StoreError> {
    Ok(JobView {
        id: JobId(row.int(0)?),
        kind: row.text(1)?,
        service: ServiceId(row.int(2)?),
        account: row.opt_int(3)?.map(AccountId),
        call: row.opt_int(4)?.map(CallId),
        name: row.text(5)?,
        state: row.text(6)?,
        attempts: row.int(7)?,
        run_at: Time(row.int(8)?),
        last_error: row.opt_text(9)?,
        created_at: Time(row.int(10)?),
        ended_at: row.opt_int(11)?.map(Time),
        payload_bytes: row.int(12)?,
    })
}

impl JobViews<'_> {
    /// A job.
    pub async fn get(&self, id: JobId) -> Result<Option<JobView>, StoreError> {
        self.0.read_one(select!("WHERE id = ?1"), vec![id.into()]).await?.map(|row| read(&row)).transpose()
    }

    /// At most `limit` jobs with an id below `before`, the newest first, of a state and service if said.
    pub async fn list(
        &self,
        state: Option<&str>,
        service: Option<ServiceId>,
        before: JobId,
        limit: i64,
    ) -> Result<Vec<JobView>, StoreError> {
        let (state_given, any_state) = (state.unwrap_or_default().to_owned(), state.is_none());
        let service = service.map_or(0, |service| service.0);
        let rows = if state == Some("dead") {
            // Of few rows there is an index.
            self.0.read(
                select!("WHERE state = 'dead' AND id < ?1 AND (CAST(?2 AS BIGINT) = 0 OR service_id = ?2) ORDER BY id DESC LIMIT ?3"),
                vec![before.into(), service.into(), limit.into()],
            )
        } else {
            self.0.read(
                select!("WHERE id < ?1 AND (CAST(?2 AS BIGINT) = 0 OR service_id = ?2) AND (CAST(?4 AS BIGINT) = 1 OR state = ?5) ORDER BY id DESC LIMIT ?3"),
                vec![before.into(), service.into(), limit.into(), any_state.into(), state_given.into()],
            )
        };
        rows.await?.iter().map(read).collect()
    }

    /// How many there are.
    pub async fn counts(&self) -> Result<JobCounts, StoreError> {
        let sql = "SELECT (SELECT count(*) FROM job WHERE state = 'waiting'), (SELECT count(*) FROM job WHERE state = 'running'),
                   (SELECT count(*) FROM job WHERE state = 'dead'), (SELECT min(run_at) FROM job WHERE state = 'waiting')";
        let Some(row) = self.0.read_one(sql, vec![]).await? else { return Ok(JobCounts::default()) };
        Ok(JobCounts {
            waiting: row.int(0)?,
            running: row.int(1)?,
            dead: row.int(2)?,
            oldest: row.opt_int(3)?.map(Time),
        })
    }

    /// Has a job that failed for good tried again, as if it were new; there must be one.
    pub fn retry(id: JobId, now: Time) -> Statement {
        Statement::new(
            "UPDATE job SET state = 'waiting', attempts = 0, run_at = ?2, created_at = ?2, ended_at = NULL WHERE id = ?1 AND state = 'dead'",
            vec![id.into(), now.into()],
        )
        .expecting(1)
    }

    /// Deletes a job that failed for good; there must be one.
    pub fn discard(id: JobId) -> Statement {
        Statement::new("DELETE FROM job WHERE id = ?1 AND state = 'dead'", vec![id.into()]).expecting(1)
    }
}
