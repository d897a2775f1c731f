//! Answers of calls by natural key: a repeat gets the first answer and costs nothing.

use iap_core::{
    Time,
    ids::{AccountId, CallId},
};

use super::streams::dead;
use crate::{Statement, Store, StoreError};

/// How long an answer is remembered, in milliseconds: 400 days.
const REMEMBERED: i64 = 400 * 24 * 3600 * 1000;

/// What is known under a natural key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Known {
    /// A call answered it.
    Answered(Vec<u8>),
    /// A call is at it, until then at the latest.
    Running(CallId, Time),
    /// The call that was at it has ended, and what its provider did is being asked.
    Unknown,
}

/// See [`Store::natural_keys`].
pub struct NaturalKeys<'a>(pub(super) &'a Store);

impl NaturalKeys<'_> {
    /// What is known of these keys now.
    pub async fn known(&self, account: AccountId, keys: &[String]) -> Result<Vec<(String, Known)>, StoreError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let list = serde_json::to_string(keys).map_err(|error| StoreError::Engine(error.to_string()))?;
        let rows = self
            .0
            .read(
                "SELECT k.key, k.answer, k.call_id, k.expires_at, c.state, k.provisional FROM natural_key k
                 LEFT JOIN call c ON c.id = k.call_id AND k.answer IS NULL
                 WHERE k.account_id = ?1 AND k.expires_at > ?3 AND k.key IN (SELECT value FROM json_each(?2))",
                vec![account.into(), list.into(), self.0.clock().now().into()],
            )
            .await?;
        rows.iter()
            .map(|row| {
                let known = match row.opt_bytes(1)? {
                    Some(answer) => Known::Answered(answer),
                    None if row.int(5)? == 1 || row.opt_text(4)?.as_deref() == Some("unknown") => Known::Unknown,
                    None => Known::Running(CallId(row.int(2)?), Time(row.int(3)?)),
                };
                Ok((row.text(0)?, known))
            })
            .collect()
    }

    /// Claims keys for a call, all or none: touches fewer rows than keys where one is taken, which
    /// is a conflict. Claims whose time is up are taken over.
    pub fn claim(account: AccountId, keys: &[String], call: CallId, now: Time, until: Time) -> Statement {
        Statement::new(
            "INSERT INTO natural_key (account_id, key, call_id, expires_at) SELECT ?1, value, ?3, ?4 FROM json_each(?2) WHERE true
             ON CONFLICT (account_id, key) DO UPDATE SET call_id = excluded.call_id, answer = NULL, provisional = 0, expires_at = excluded.expires_at
                 WHERE natural_key.expires_at <= ?5 OR (natural_key.call_id = excluded.call_id AND natural_key.answer IS NULL)",
            vec![account.into(), list(keys).into(), call.into(), until.into(), now.into()],
        )
        .expecting(keys.len())
    }

    /// Remembers the answer under a key that the call claimed, or that an earlier call answered for good: a
    /// call that does such work again (the earlier one may have failed) has the last word. A provisional
    /// answer is given until the job of a kept hold has answered for good.
    pub fn answer(
        account: AccountId,
        key: &str,
        call: CallId,
        answer: Vec<u8>,
        provisional: bool,
        now: Time,
    ) -> Statement {
        Statement::new(
            "UPDATE natural_key SET answer = ?4, expires_at = ?5, provisional = ?6, call_id = ?3
             WHERE account_id = ?1 AND key = ?2 AND (call_id = ?3 OR (answer IS NOT NULL AND provisional = 0))",
            vec![
                account.into(),
                key.into(),
                call.into(),
                answer.into(),
                now.plus_millis(REMEMBERED).into(),
                provisional.into(),
            ],
        )
    }

    /// Lets go of the keys that a call claimed and did not answer: they may be tried again. Those whose outcome is asked stay.
    pub fn let_go(call: CallId) -> Statement {
        Statement::new(
            "DELETE FROM natural_key WHERE call_id = ?1 AND answer IS NULL AND provisional = 0",
            vec![call.into()],
        )
    }

    /// Lets go of the keys that calls of dead hosts claimed and did not answer, but for those whose outcome is asked.
    pub fn let_go_of_dead(&self) -> Statement {
        let sql = concat!(
            "DELETE FROM natural_key WHERE answer IS NULL AND (call_id >> 40) IN (",
            dead!(),
            ") AND provisional = 0 AND NOT EXISTS (SELECT 1 FROM call c WHERE c.id = natural_key.call_id AND c.state IN ('running', 'unknown'))"
        );
        Statement::new(sql, vec![self.0.stream().into()])
    }

    /// Lets go of those of some keys that the call did not answer for good: the work of one of its holds is over.
    pub fn let_go_of(account: AccountId, call: CallId, keys: &[String]) -> Statement {
        Statement::new(
            "DELETE FROM natural_key WHERE account_id = ?1 AND call_id = ?2 AND (answer IS NULL OR provisional = 1)
             AND key IN (SELECT value FROM json_each(?3))",
            vec![account.into(), call.into(), list(keys).into()],
        )
    }

    /// Lets go of the keys that a call did not answer for good.
    pub fn let_go_provisional(call: CallId) -> Statement {
        Statement::new(
            "DELETE FROM natural_key WHERE call_id = ?1 AND (answer IS NULL OR provisional = 1)",
            vec![call.into()],
        )
    }

    /// Keeps the keys that a call did not answer until a moment: nobody else may do its work before its outcome is known.
    /// They are marked, since the call may go on with other work meanwhile.
    pub fn hold_back(call: CallId, until: Time) -> Statement {
        Statement::new(
            "UPDATE natural_key SET expires_at = ?2, provisional = 1 WHERE call_id = ?1 AND answer IS NULL",
            vec![call.into(), until.into()],
        )
    }

    /// Deletes what is past its time, at most `limit`.
    pub fn sweep(now: Time, limit: i64) -> Statement {
        Statement::new(
            "DELETE FROM natural_key WHERE (account_id, key) IN (SELECT account_id, key FROM natural_key WHERE expires_at <= ?1 LIMIT ?2)",
            vec![now.into(), limit.into()],
        )
    }
}

fn list(keys: &[String]) -> String {
    serde_json::Value::from(keys).to_string()
}
