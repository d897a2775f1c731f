//! What plugins logged, for their vendors.

use iap_core::{Time, ids::ServiceId};

use crate::{Row, Statement, Store, StoreError};

/// A line that a plugin logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PluginLogRow {
    /// Its id.
    pub id: i64,
    /// Version of the release that ran.
    pub version: Option<String>,
    /// The call, job run or hook.
    pub call: String,
    /// `debug`, `info`, `warn` or `error`.
    pub level: String,
    /// What it said.
    pub message: String,
    /// When.
    pub at: Time,
}

/// A line to store.
#[derive(Clone, Debug)]
pub struct NewPluginLog {
    /// The service.
    pub service: ServiceId,
    /// The release that ran.
    pub release: Option<i64>,
    /// The call, job run or hook.
    pub call: String,
    /// `debug`, `info`, `warn` or `error`.
    pub level: &'static str,
    /// What it said.
    pub message: String,
    /// When.
    pub at: Time,
}

/// See [`Store::plugin_logs`].
pub struct PluginLogs<'a>(pub(super) &'a Store);

fn read(row: &Row) -> Result<PluginLogRow, StoreError> {
    Ok(PluginLogRow {
        id: row.int(0)?,
        version: row.opt_text(1)?,
        call: row.text(2)?,
        level: row.text(3)?,
        message: row.text(4)?,
        at: Time(row.int(5)?),
    })
}

impl PluginLogs<'_> {
    /// Lines of a service after a moment and id, the oldest first.
    pub async fn after(
        &self,
        service: ServiceId,
        (at, id): (Time, i64),
        most: i64,
    ) -> Result<Vec<PluginLogRow>, StoreError> {
        let sql = "SELECT l.id, r.version, l.call_id, l.level, l.message, l.at FROM plugin_log l LEFT JOIN release r ON r.id = l.release_id
                   WHERE l.service_id = ?1 AND (l.at > ?2 OR (l.at = ?2 AND l.id > ?3)) ORDER BY l.at, l.id LIMIT CAST(?4 AS BIGINT)";
        self.0.read(sql, vec![service.into(), at.into(), id.into(), most.into()]).await?.iter().map(read).collect()
    }

    /// The newest lines of a service, the oldest of them first.
    pub async fn newest(&self, service: ServiceId, most: i64) -> Result<Vec<PluginLogRow>, StoreError> {
        let sql = "SELECT l.id, r.version, l.call_id, l.level, l.message, l.at FROM plugin_log l LEFT JOIN release r ON r.id = l.release_id
                   WHERE l.service_id = ?1 ORDER BY l.at DESC, l.id DESC LIMIT CAST(?2 AS BIGINT)";
        let mut rows: Vec<_> =
            self.0.read(sql, vec![service.into(), most.into()]).await?.iter().map(read).collect::<Result<_, _>>()?;
        rows.reverse();
        Ok(rows)
    }

    /// Stores a line.
    pub fn add(&self, line: NewPluginLog) -> Statement {
        Statement::new(
            "INSERT INTO plugin_log (id, service_id, release_id, call_id, level, message, at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            vec![
                self.0.ids().next().into(),
                line.service.into(),
                line.release.into(),
                line.call.into(),
                line.level.into(),
                line.message.into(),
                line.at.into(),
            ],
        )
    }

    /// Forgets some that are older.
    pub fn sweep(before: Time, most: i64) -> Statement {
        Statement::new(
            "DELETE FROM plugin_log WHERE id IN (SELECT id FROM plugin_log WHERE at < ?1 ORDER BY at LIMIT CAST(?2 AS BIGINT))",
            vec![before.into(), most.into()],
        )
    }
}
