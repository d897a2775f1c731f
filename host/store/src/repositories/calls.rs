//! Calls: metered invocations of operations.

use iap_core::{
    Credits, Time,
    ids::{AccountId, CallId},
};

use super::streams::dead;
use crate::{Row, Statement, Store, StoreError};

/// No call runs longer, in milliseconds: manifests allow 120 s.
const LONGEST_CALL: i64 = 180_000;

/// How far a call has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallState {
    /// It runs.
    Running,
    /// It answered and a kept hold lives on: a job goes on with it.
    Queued,
    /// Credits were taken.
    Captured,
    /// Credits were taken, and it failed afterwards.
    Partial,
    /// It ended and what its provider did is not known: the plugin is asked.
    Unknown,
    /// It answered and nothing was taken.
    Answered,
    /// It failed and nothing was taken.
    Failed,
}

impl CallState {
    /// Stored and shown name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Queued => "queued",
            Self::Captured => "captured",
            Self::Partial => "partial",
            Self::Unknown => "unknown",
            Self::Answered => "answered",
            Self::Failed => "failed",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Running, Self::Queued, Self::Captured, Self::Partial, Self::Unknown, Self::Answered, Self::Failed]
            .into_iter()
            .find(|state| state.as_str() == name)
    }
}

/// A call.
#[derive(Clone, Debug)]
pub struct CallRow {
    /// Its id.
    pub id: CallId,
    /// Who called.
    pub account: AccountId,
    /// What was called.
    pub operation: String,
    /// By which door: `odoo`, `rest`, `job` or `remote`.
    pub door: String,
    /// For which company, if said.
    pub company: Option<String>,
    /// How far it has come.
    pub state: CallState,
    /// Priced lines, as JSON.
    pub lines: String,
    /// Credits taken.
    pub credits: Credits,
    /// In words.
    pub description: String,
    /// The provider's reference.
    pub provider_reference: Option<String>,
    /// Why it did not end well.
    pub problem: Option<String>,
    /// `{field: hash}` of the request, if it had an idempotency key.
    pub fingerprint: Option<String>,
    /// The answer, if it had an idempotency key.
    pub output: Option<Vec<u8>>,
    /// When it began.
    pub started_at: Time,
    /// When it ended.
    pub ended_at: Option<Time>,
    /// Version of the release that served it, if it was a plugin.
    pub release: Option<String>,
}

/// A call that begins.
#[derive(Clone, Debug)]
pub struct NewCall {
    /// Its id.
    pub id: CallId,
    /// Who calls.
    pub account: AccountId,
    /// Number of the release that serves it.
    pub release: Option<i64>,
    /// What is called.
    pub operation: String,
    /// By which door.
    pub door: &'static str,
    /// For which company.
    pub company: Option<String>,
    /// Priced lines as JSON.
    pub lines: String,
    /// In words.
    pub description: String,
    /// Idempotency key and fingerprint.
    pub idempotency: Option<(String, String)>,
    /// Now.
    pub at: Time,
}

/// See [`Store::calls`].
pub struct Calls<'a>(pub(super) &'a Store);

macro_rules! select {
    ($clause:literal) => {
        concat!(
            "SELECT c.id, c.account_id, c.operation, c.door, c.company, c.state, c.lines, c.credits, c.description, c.provider_reference, c.problem,
                    c.fingerprint, c.output, c.started_at, c.ended_at, r.version
             FROM call c LEFT JOIN release r ON r.id = c.release_id ",
            $clause
        )
    };
}

fn read(row: &Row) -> Result<CallRow, StoreError> {
    Ok(CallRow {
        id: CallId(row.int(0)?),
        account: AccountId(row.int(1)?),
        operation: row.text(2)?,
        door: row.text(3)?,
        company: row.opt_text(4)?,
        state: row.parse(5, CallState::from_name)?,
        lines: row.text(6)?,
        credits: Credits::from_micros(row.int(7)?),
        description: row.text(8)?,
        provider_reference: row.opt_text(9)?,
        problem: row.opt_text(10)?,
        fingerprint: row.opt_text(11)?,
        output: row.opt_bytes(12)?,
        started_at: Time(row.int(13)?),
        ended_at: row.opt_int(14)?.map(Time),
        release: row.opt_text(15)?,
    })
}

impl Calls<'_> {
    /// By id.
    pub async fn get(&self, id: CallId) -> Result<Option<CallRow>, StoreError> {
        self.0.read_one(select!("WHERE c.id = ?1"), vec![id.into()]).await?.map(|row| read(&row)).transpose()
    }

    /// By idempotency key.
    pub async fn by_key(&self, account: AccountId, key: &str) -> Result<Option<CallRow>, StoreError> {
        let params = vec![account.into(), key.into()];
        self.0
            .read_one(select!("WHERE c.account_id = ?1 AND c.idempotency_key = ?2"), params)
            .await?
            .map(|row| read(&row))
            .transpose()
    }

    /// A page of an account's calls, newest first, before an id.
    pub async fn page(&self, account: AccountId, before: CallId, limit: i64) -> Result<Vec<CallRow>, StoreError> {
        let params = vec![account.into(), before.into(), limit.into()];
        self.0
            .read(select!("WHERE c.account_id = ?1 AND c.id < ?2 ORDER BY c.id DESC LIMIT ?3"), params)
            .await?
            .iter()
            .map(read)
            .collect()
    }

    /// Calls whose host died before they ended.
    pub async fn orphans(&self, limit: i64) -> Result<Vec<(CallId, AccountId)>, StoreError> {
        let sql = concat!(
            "SELECT id, account_id FROM call WHERE state = 'running' AND (id >> 40) IN (",
            dead!(),
            ") ORDER BY id LIMIT ?2"
        );
        let rows = self.0.read(sql, vec![self.0.stream().into(), limit.into()]).await?;
        rows.iter().map(|row| Ok((CallId(row.int(0)?), AccountId(row.int(1)?)))).collect()
    }

    /// Ends an orphan; refused if it has ended: several hosts may find it, and its own may live after all. A
    /// call that took nothing frees its idempotency key.
    pub fn end_orphan(id: CallId, problem: &str, at: Time) -> Statement {
        Statement::new(
            "UPDATE call SET state = CASE WHEN credits > 0 THEN 'partial' ELSE 'failed' END, problem = ?2, ended_at = ?3,
                 idempotency_key = CASE WHEN credits > 0 THEN idempotency_key END
             WHERE id = ?1 AND state = 'running'",
            vec![id.into(), problem.into(), at.into()],
        )
        .expecting(1)
    }

    /// Records the lines of another hold of a call, while none were taken yet. Refused if somebody has ended it meanwhile: a guard of whatever a call
    /// does after its first step.
    pub fn goes_on(id: CallId, lines: String) -> Statement {
        Statement::new(
            "UPDATE call SET lines = CASE WHEN credits > 0 OR CAST(?2 AS TEXT) = '[]' THEN lines WHEN lines = '[]' THEN CAST(?2 AS TEXT)
                 ELSE substr(lines, 1, length(lines) - 1) || ',' || substr(CAST(?2 AS TEXT), 2) END
             WHERE id = ?1 AND state NOT IN ('partial', 'failed', 'unknown')",
            vec![id.into(), lines.into()],
        )
        .expecting(1)
    }

    /// An orphan whose work its jobs go on with; refused if it has ended.
    pub fn left_to_jobs(id: CallId, at: Time) -> Statement {
        Statement::new(
            "UPDATE call SET state = 'queued', ended_at = ?2 WHERE id = ?1 AND state = 'running'",
            vec![id.into(), at.into()],
        )
        .expecting(1)
    }

    /// What a call of unknown outcome did is followed by an ordinary job from now on.
    pub fn followed(id: CallId) -> Statement {
        Statement::new(
            "UPDATE call SET state = 'queued', problem = NULL WHERE id = ?1 AND state = 'unknown'",
            vec![id.into()],
        )
    }

    /// Records a call that begins. Conflicts on `call.idempotency_key` if the key is taken.
    pub fn begin(new: NewCall) -> Statement {
        let (key, fingerprint) = new.idempotency.unzip();
        Statement::new(
            "INSERT INTO call (id, account_id, release_id, operation, door, company, state, lines, description, idempotency_key, fingerprint, started_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 'running', ?7, ?8, ?9, ?10, ?11)",
            vec![
                new.id.into(),
                new.account.into(),
                new.release.into(),
                new.operation.into(),
                new.door.into(),
                new.company.into(),
                new.lines.into(),
                new.description.into(),
                key.into(),
                fingerprint.into(),
                new.at.into(),
            ],
        )
    }

    /// Records what a capture took; what ends the call otherwise is recorded by [`Calls::end`]. A running call
    /// with an idempotency key goes on until its answer is stored too: repeats wait for that. The first lines taken stand for
    /// those that were set aside; others are added.
    pub fn captured(
        id: CallId,
        lines: String,
        credits: Credits,
        reference: Option<String>,
        cost: Option<String>,
        at: Time,
    ) -> Statement {
        Statement::new(
            "UPDATE call SET state = CASE WHEN state = 'running' AND idempotency_key IS NOT NULL THEN state ELSE 'captured' END,
                 problem = CASE WHEN state = 'unknown' THEN NULL ELSE problem END, ended_at = ?6, credits = credits + ?3,
                 lines = CASE WHEN CAST(?2 AS TEXT) = '[]' THEN lines WHEN credits = 0 OR lines = '[]' THEN CAST(?2 AS TEXT)
                     ELSE substr(lines, 1, length(lines) - 1) || ',' || substr(CAST(?2 AS TEXT), 2) END,
                 provider_reference = coalesce(?4, provider_reference), provider_cost = coalesce(?5, provider_cost)
             WHERE id = ?1",
            vec![id.into(), lines.into(), credits.into(), reference.into(), cost.into(), at.into()],
        )
    }

    /// Records how a call ended, with its answer if it had an idempotency key.
    pub fn end(id: CallId, state: CallState, problem: Option<String>, output: Option<Vec<u8>>, at: Time) -> Statement {
        Statement::new(
            "UPDATE call SET state = CASE WHEN ?2 = 'failed' AND credits > 0 THEN 'partial' ELSE ?2 END, problem = ?3, output = CASE WHEN idempotency_key IS NULL THEN NULL ELSE CAST(?4 AS BLOB) END, ended_at = ?5 WHERE id = ?1",
            vec![id.into(), state.as_str().into(), problem.into(), output.into(), at.into()],
        )
    }

    /// Records that a call whose job is over has ended, its answer untouched.
    pub fn set_state(id: CallId, state: CallState, problem: Option<String>, at: Time) -> Statement {
        Statement::new(
            "UPDATE call SET state = ?2, problem = coalesce(?3, problem), ended_at = ?4 WHERE id = ?1",
            vec![id.into(), state.as_str().into(), problem.into(), at.into()],
        )
    }

    /// Nobody knows what a call did: it is asked from now on.
    pub fn unknown(id: CallId, problem: &str, at: Time) -> Statement {
        Statement::new(
            "UPDATE call SET state = 'unknown', problem = ?2, ended_at = ?3 WHERE id = ?1",
            vec![id.into(), problem.into(), at.into()],
        )
    }

    /// A call of which nothing was known has turned out to have done nothing more: its idempotency key is free,
    /// unless it had taken credits before.
    pub fn came_to_nothing(id: CallId, problem: &str, at: Time) -> Statement {
        Statement::new(
            "UPDATE call SET state = CASE WHEN credits > 0 THEN 'partial' ELSE 'failed' END, problem = ?2, ended_at = ?3,
                    idempotency_key = CASE WHEN credits > 0 THEN idempotency_key END
             WHERE id = ?1 AND state = 'unknown'",
            vec![id.into(), problem.into(), at.into()],
        )
    }

    /// Ends a call whose hold expired, unless it has ended. One that took nothing, never answered and cannot run any more
    /// frees its idempotency key: its host died, or never heard that it had begun.
    pub fn expire(id: CallId, state: CallState, problem: Option<String>, at: Time) -> Statement {
        Statement::new(
            "UPDATE call SET state = CASE WHEN ?2 = 'failed' AND credits > 0 THEN 'partial' ELSE ?2 END, problem = ?3, ended_at = ?4,
                 idempotency_key = CASE WHEN credits > 0 OR state <> 'running' OR started_at > ?5 THEN idempotency_key END
             WHERE id = ?1 AND state IN ('running', 'queued')",
            vec![id.into(), state.as_str().into(), problem.into(), at.into(), at.plus_millis(-LONGEST_CALL).into()],
        )
    }

    /// Stores the answer of a call that was settled without one; not while its jobs may still change it.
    pub fn answered_late(id: CallId, output: Vec<u8>) -> Statement {
        let sql = "UPDATE call SET output = ?2 WHERE id = ?1 AND output IS NULL AND idempotency_key IS NOT NULL AND state NOT IN ('queued', 'unknown')";
        Statement::new(sql, vec![id.into(), output.into()])
    }

    /// Frees the idempotency key of a call that failed without effect, so that it may be tried again; not of one that
    /// took credits, whatever its host believes.
    pub fn free_key(id: CallId) -> Statement {
        Statement::new("UPDATE call SET idempotency_key = NULL WHERE id = ?1 AND credits = 0", vec![id.into()])
    }
}
