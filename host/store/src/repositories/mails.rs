//! The outbox: mails are put there in the commit that causes them, and sent from there.

use iap_core::{Time, ids::MailId};

use crate::{Row, Statement, Store, StoreError};

/// A mail to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewMail {
    /// One address.
    pub recipient: String,
    /// One line.
    pub subject: String,
    /// Plain text.
    pub body: String,
    /// What it is about, as `release_approved`.
    pub kind: &'static str,
    /// No second mail with this key, as long as the first is kept.
    pub dedupe_key: Option<String>,
}

/// A mail that was claimed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailRow {
    /// Its id.
    pub id: MailId,
    /// One address.
    pub recipient: String,
    /// One line.
    pub subject: String,
    /// Plain text.
    pub body: String,
    /// What it is about.
    pub kind: String,
    /// This try: 1 for the first.
    pub attempts: i64,
    /// When it was put here.
    pub created_at: Time,
}

/// A mail as the operator sees it: without what it says, which may be a code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MailView {
    /// Its id.
    pub id: MailId,
    /// One address.
    pub recipient: String,
    /// One line.
    pub subject: String,
    /// What it is about.
    pub kind: String,
    /// `waiting`, `sent` or `dead`.
    pub state: String,
    /// Tries so far.
    pub attempts: i64,
    /// Not before.
    pub run_at: Time,
    /// Why the last try failed.
    pub last_error: Option<String>,
    /// When it was put here.
    pub created_at: Time,
    /// When it was sent or failed for good.
    pub ended_at: Option<Time>,
}

/// How many mails there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MailCounts {
    /// Waiting, also those that are not due.
    pub waiting: i64,
    /// Failed for good.
    pub dead: i64,
    /// When the oldest of those that wait was put there.
    pub oldest: Option<Time>,
}

/// See [`Store::mails`].
pub struct Mails<'a>(pub(super) &'a Store);

macro_rules! select {
    ($clause:literal) => {
        concat!(
            "SELECT id, recipient, subject, kind, state, attempts, run_at, last_error, created_at, ended_at FROM mail ",
            $clause
        )
    };
}

fn read(row: &Row) -> Result<MailView, StoreError> {
    Ok(MailView {
        id: MailId(row.int(0)?),
        recipient: row.text(1)?,
        subject: row.text(2)?,
        kind: row.text(3)?,
        state: row.text(4)?,
        attempts: row.int(5)?,
        run_at: Time(row.int(6)?),
        last_error: row.opt_text(7)?,
        created_at: Time(row.int(8)?),
        ended_at: row.opt_int(9)?.map(Time),
    })
}

fn read_claimed(row: &Row) -> Result<MailRow, StoreError> {
    Ok(MailRow {
        id: MailId(row.int(0)?),
        recipient: row.text(1)?,
        subject: row.text(2)?,
        body: row.text(3)?,
        kind: row.text(4)?,
        attempts: row.int(5)?,
        created_at: Time(row.int(6)?),
    })
}

impl Mails<'_> {
    /// Puts a mail there, for a commit that causes it; nothing if one with its dedupe key is there.
    pub fn put(&self, id: MailId, new: &NewMail, now: Time) -> Statement {
        Statement::new(
            "INSERT INTO mail (id, recipient, subject, body, kind, dedupe_key, run_at, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7)
             ON CONFLICT (dedupe_key) DO NOTHING",
            vec![
                id.into(),
                new.recipient.clone().into(),
                new.subject.clone().into(),
                new.body.clone().into(),
                new.kind.into(),
                new.dedupe_key.clone().into(),
                now.into(),
            ],
        )
    }

    /// Claims at most `limit` due mails until `lease_until`: who does not tell how it went by then has died.
    pub async fn claim(&self, limit: usize, lease_until: Time) -> Result<Vec<MailRow>, StoreError> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let now = self.0.clock().now();
        // Most of the time there is nothing, and a look costs no commit.
        let due =
            self.0.read_one("SELECT 1 FROM mail WHERE state = 'waiting' AND run_at <= ?1 LIMIT 1", vec![now.into()]);
        if due.await?.is_none() {
            return Ok(Vec::new());
        }
        let statement = Statement::new(
            "WITH due AS MATERIALIZED (
                 SELECT id FROM mail WHERE state = 'waiting' AND run_at <= ?1 ORDER BY run_at LIMIT ?2 /* postgres: FOR UPDATE SKIP LOCKED */)
             UPDATE mail SET attempts = attempts + 1, run_at = ?3 WHERE id IN (SELECT id FROM due)
             RETURNING id, recipient, subject, body, kind, attempts, created_at",
            vec![now.into(), limit.into(), lease_until.into()],
        );
        let written = self.0.write(vec![statement]).await?;
        written.iter().flat_map(|written| &written.rows).map(read_claimed).collect()
    }

    /// It was sent; what it says is not kept. Refused if somebody else has claimed it since; so are the two below.
    pub fn sent(id: MailId, attempts: i64, at: Time) -> Statement {
        Statement::new(
            "UPDATE mail SET state = 'sent', body = '', last_error = NULL, ended_at = ?3 WHERE id = ?1 AND attempts = ?2 AND state = 'waiting'",
            vec![id.into(), attempts.into(), at.into()],
        )
        .expecting(1)
    }

    /// It is to be tried again.
    pub fn again(id: MailId, attempts: i64, at: Time, error: &str) -> Statement {
        Statement::new(
            "UPDATE mail SET run_at = ?3, last_error = ?4 WHERE id = ?1 AND attempts = ?2 AND state = 'waiting'",
            vec![id.into(), attempts.into(), at.into(), error.into()],
        )
        .expecting(1)
    }

    /// It is looked at again at a time: there was no try.
    pub fn put_off(id: MailId, attempts: i64, at: Time, why: &str) -> Statement {
        Statement::new(
            "UPDATE mail SET run_at = ?3, last_error = ?4, attempts = attempts - 1 WHERE id = ?1 AND attempts = ?2 AND state = 'waiting'",
            vec![id.into(), attempts.into(), at.into(), why.into()],
        )
        .expecting(1)
    }

    /// Makes all due that wait: what a host was sending when it died, where it was the only one.
    pub fn take_over(now: Time) -> Statement {
        Statement::new("UPDATE mail SET run_at = ?1 WHERE state = 'waiting' AND run_at > ?1", vec![now.into()])
    }

    /// It has failed for good.
    pub fn dead(id: MailId, attempts: i64, at: Time, error: &str) -> Statement {
        Statement::new(
            "UPDATE mail SET state = 'dead', last_error = ?4, ended_at = ?3 WHERE id = ?1 AND attempts = ?2 AND state = 'waiting'",
            vec![id.into(), attempts.into(), at.into(), error.into()],
        )
        .expecting(1)
    }

    /// Has one that failed for good tried again, as if it were new; there must be one.
    pub fn retry(id: MailId, now: Time) -> Statement {
        Statement::new(
            "UPDATE mail SET state = 'waiting', attempts = 0, run_at = ?2, ended_at = NULL WHERE id = ?1 AND state = 'dead'",
            vec![id.into(), now.into()],
        )
        .expecting(1)
    }

    /// Deletes those that were sent or failed for good before a moment, at most `limit`.
    pub fn sweep(ended_before: Time, limit: i64) -> Statement {
        Statement::new(
            "DELETE FROM mail WHERE id IN (SELECT id FROM mail WHERE state <> 'waiting' AND ended_at < ?1 LIMIT ?2)",
            vec![ended_before.into(), limit.into()],
        )
    }

    /// By id.
    pub async fn get(&self, id: MailId) -> Result<Option<MailView>, StoreError> {
        self.0.read_one(select!("WHERE id = ?1"), vec![id.into()]).await?.map(|row| read(&row)).transpose()
    }

    /// At most `limit` with an id below `before`, the newest first, of a state if said.
    pub async fn list(&self, state: Option<&str>, before: MailId, limit: i64) -> Result<Vec<MailView>, StoreError> {
        let rows = if state == Some("dead") {
            // Of few rows there is an index.
            let params = vec![before.into(), limit.into()];
            self.0.read(select!("WHERE state = 'dead' AND id < ?1 ORDER BY id DESC LIMIT ?2"), params).await?
        } else {
            let params = vec![before.into(), limit.into(), state.is_none().into(), state.unwrap_or_default().into()];
            let sql = select!("WHERE id < ?1 AND (CAST(?3 AS BIGINT) = 1 OR state = ?4) ORDER BY id DESC LIMIT ?2");
            self.0.read(sql, params).await?
        };
        rows.iter().map(read).collect()
    }

    /// How many there are.
    pub async fn counts(&self) -> Result<MailCounts, StoreError> {
        let sql = "SELECT (SELECT count(*) FROM mail WHERE state = 'waiting'), (SELECT count(*) FROM mail WHERE state = 'dead'),
                   (SELECT min(created_at) FROM mail WHERE state = 'waiting')";
        let Some(row) = self.0.read_one(sql, vec![]).await? else { return Ok(MailCounts::default()) };
        Ok(MailCounts { waiting: row.int(0)?, dead: row.int(1)?, oldest: row.opt_int(2)?.map(Time) })
    }
}
