//! Programs that wait until a member says yes (RFC 8628).

use iap_core::Time;

use crate::{Row, Statement, Store, StoreError};

/// Where a login stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceState {
    /// Nobody has decided.
    Waiting,
    /// A member said yes.
    Approved,
    /// A member said no.
    Refused,
    /// The program has its token.
    Taken,
}

impl DeviceState {
    const ALL: [Self; 4] = [Self::Waiting, Self::Approved, Self::Refused, Self::Taken];

    /// Stored name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Approved => "approved",
            Self::Refused => "refused",
            Self::Taken => "taken",
        }
    }
}

/// A program that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceLoginRow {
    /// Hash of what the program holds.
    pub device_hash: String,
    /// What a person types.
    pub user_code: String,
    /// What the program calls itself.
    pub client: String,
    /// What it asks for, as a JSON list; what was granted, once it is approved.
    pub scopes: String,
    /// Where it stands.
    pub state: DeviceState,
    /// Who said yes.
    pub member: Option<i64>,
    /// When it last asked.
    pub asked_at: Time,
    /// Until when.
    pub expires_at: Time,
}

/// See [`Store::device_logins`].
pub struct DeviceLogins<'a>(pub(super) &'a Store);

macro_rules! select {
    ($clause:literal) => {
        concat!(
            "SELECT device_hash, user_code, client, scopes, state, member_id, asked_at, expires_at FROM device_login ",
            $clause
        )
    };
}

fn read(row: &Row) -> Result<DeviceLoginRow, StoreError> {
    let state = |name: &str| DeviceState::ALL.into_iter().find(|state| state.as_str() == name);
    Ok(DeviceLoginRow {
        device_hash: row.text(0)?,
        user_code: row.text(1)?,
        client: row.text(2)?,
        scopes: row.text(3)?,
        state: row.parse(4, state)?,
        member: row.opt_int(5)?,
        asked_at: Time(row.int(6)?),
        expires_at: Time(row.int(7)?),
    })
}

impl DeviceLogins<'_> {
    /// By the hash of what the program holds.
    pub async fn get(&self, device_hash: &str) -> Result<Option<DeviceLoginRow>, StoreError> {
        let row = self.0.read_one(select!("WHERE device_hash = ?1"), vec![device_hash.into()]).await?;
        row.map(|row| read(&row)).transpose()
    }

    /// By what a person types, if it still waits.
    pub async fn waiting(&self, user_code: &str, now: Time) -> Result<Option<DeviceLoginRow>, StoreError> {
        let sql = select!("WHERE user_code = ?1 AND state = 'waiting' AND ?2 < expires_at");
        self.0.read_one(sql, vec![user_code.into(), now.into()]).await?.map(|row| read(&row)).transpose()
    }

    /// How many have not expired: of a network, and in all.
    pub async fn open(&self, origin: &str, now: Time) -> Result<(i64, i64), StoreError> {
        let sql = "SELECT CAST(coalesce(sum(CASE WHEN origin = ?1 THEN 1 ELSE 0 END), 0) AS BIGINT), count(*) FROM device_login WHERE ?2 < expires_at";
        let row = self.0.read_one(sql, vec![origin.into(), now.into()]).await?;
        row.map_or(Ok((0, 0)), |row| Ok((row.int(0)?, row.int(1)?)))
    }

    /// A program begins to wait. Conflicts on `device_login.user_code` if another has its code.
    pub fn add(row: &DeviceLoginRow, origin: &str, at: Time) -> Statement {
        Statement::new(
            "INSERT INTO device_login (device_hash, user_code, client, origin, scopes, state, member_id, asked_at, created_at, expires_at)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            vec![
                row.device_hash.clone().into(),
                row.user_code.clone().into(),
                row.client.clone().into(),
                origin.into(),
                row.scopes.clone().into(),
                row.state.as_str().into(),
                row.member.into(),
                row.asked_at.into(),
                at.into(),
                row.expires_at.into(),
            ],
        )
    }

    /// It asked.
    pub fn asked(device_hash: &str, at: Time) -> Statement {
        Statement::new(
            "UPDATE device_login SET asked_at = ?2 WHERE device_hash = ?1",
            vec![device_hash.into(), at.into()],
        )
    }

    /// A member says yes, to these scopes.
    pub fn approve(device_hash: &str, member: i64, scopes: &str, now: Time) -> Statement {
        Statement::new(
            "UPDATE device_login SET state = 'approved', member_id = ?2, scopes = ?3 WHERE device_hash = ?1 AND state = 'waiting' AND ?4 < expires_at",
            vec![device_hash.into(), member.into(), scopes.into(), now.into()],
        )
        .expecting(1)
    }

    /// A member says no.
    pub fn refuse(device_hash: &str, now: Time) -> Statement {
        Statement::new(
            "UPDATE device_login SET state = 'refused' WHERE device_hash = ?1 AND state = 'waiting' AND ?2 < expires_at",
            vec![device_hash.into(), now.into()],
        )
        .expecting(1)
    }

    /// The program gets its token, once: goes with the token.
    pub fn take(device_hash: &str) -> Statement {
        Statement::new(
            "UPDATE device_login SET state = 'taken' WHERE device_hash = ?1 AND state = 'approved'",
            vec![device_hash.into()],
        )
        .expecting(1)
    }

    /// Deletes those that expired before a moment, at most `limit`.
    pub fn sweep(expired_before: Time, limit: i64) -> Statement {
        Statement::new(
            "DELETE FROM device_login WHERE device_hash IN (SELECT device_hash FROM device_login WHERE expires_at <= ?1 LIMIT ?2)",
            vec![expired_before.into(), limit.into()],
        )
    }
}
