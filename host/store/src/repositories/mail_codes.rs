//! One-time codes that were mailed.

use iap_core::Time;

use crate::{Statement, Store, StoreError};

/// A code that was mailed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailCodeRow {
    /// Its id.
    pub id: i64,
    /// Keyed hash of the code.
    pub code_hash: String,
}

/// A code to mail.
#[derive(Clone, Copy, Debug)]
pub struct NewMailCode<'a> {
    /// What it is for.
    pub purpose: &'a str,
    /// Address in lower case.
    pub email: &'a str,
    /// Keyed hash of the code.
    pub code_hash: &'a str,
    /// Keyed hash of the network that it was asked from.
    pub origin: &'a str,
    /// Until when it may be used.
    pub expires_at: Time,
}

/// See [`Store::mail_codes`].
pub struct MailCodes<'a>(pub(super) &'a Store);

impl MailCodes<'_> {
    /// The newest code for a purpose, if it may still be used: a new one takes the place of those before. Ids of several
    /// hosts do not tell which is newer.
    pub async fn newest(&self, purpose: &str, email: &str, now: Time) -> Result<Option<MailCodeRow>, StoreError> {
        let row = self
            .0
            .read_one(
                "SELECT id, code_hash, expires_at, used_at FROM mail_code WHERE email = ?1 AND purpose = ?2 ORDER BY created_at DESC, id DESC LIMIT 1",
                vec![email.into(), purpose.into()],
            )
            .await?;
        let Some(row) = row else { return Ok(None) };
        if row.int(2)? <= now.millis() || row.opt_int(3)?.is_some() {
            return Ok(None);
        }
        Ok(Some(MailCodeRow { id: row.int(0)?, code_hash: row.text(1)? }))
    }

    /// How many codes of a kind (the first word of their purpose) were mailed to an address, and how many of any kind were
    /// asked from a network, since a moment.
    pub async fn mailed(&self, kind: &str, email: &str, origin: &str, since: Time) -> Result<(i64, i64), StoreError> {
        let row = self
            .0
            .read_one(
                "SELECT (SELECT count(*) FROM mail_code WHERE email = ?1 AND created_at > ?3 AND (purpose = ?4 OR purpose LIKE ?5)), (SELECT count(*) FROM mail_code WHERE origin = ?2 AND created_at > ?3)",
                vec![email.into(), origin.into(), since.into(), kind.into(), format!("{kind} %").into()],
            )
            .await?;
        row.map_or(Ok((0, 0)), |row| Ok((row.int(0)?, row.int(1)?)))
    }

    /// Records a code.
    pub fn add(id: i64, code: NewMailCode<'_>, at: Time) -> Statement {
        Statement::new(
            "INSERT INTO mail_code (id, purpose, email, code_hash, origin, created_at, expires_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            vec![
                id.into(),
                code.purpose.into(),
                code.email.into(),
                code.code_hash.into(),
                code.origin.into(),
                at.into(),
                code.expires_at.into(),
            ],
        )
    }

    /// Counts a try before it is looked at, so that tries at the same moment count too. Touches no row when there were
    /// `most`, or when the code was used.
    pub fn count_try(id: i64, most: i64) -> Statement {
        Statement::new(
            "UPDATE mail_code SET attempts = attempts + 1 WHERE id = ?1 AND attempts < ?2 AND used_at IS NULL",
            vec![id.into(), most.into()],
        )
        .expecting(1)
    }

    /// Uses a code up, once: goes with what it allows.
    pub fn used(id: i64, at: Time) -> Statement {
        Statement::new(
            "UPDATE mail_code SET used_at = ?2 WHERE id = ?1 AND used_at IS NULL",
            vec![id.into(), at.into()],
        )
        .expecting(1)
    }

    /// Deletes those that expired before a moment, at most `limit`.
    pub fn sweep(expired_before: Time, limit: i64) -> Statement {
        Statement::new(
            "DELETE FROM mail_code WHERE id IN (SELECT id FROM mail_code WHERE expires_at <= ?1 LIMIT ?2)",
            vec![expired_before.into(), limit.into()],
        )
    }
}
