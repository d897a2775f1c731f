//! Accounts: one database's credits for one service.

use iap_core::{
    Credits, Time,
    ids::{AccountId, DatabaseId, ServiceId},
};

use crate::{Row, Statement, Store, StoreError, Value};

/// An account with its balance.
#[derive(Clone, Debug)]
pub struct AccountRow {
    /// Its id.
    pub id: AccountId,
    /// Its service.
    pub service: ServiceId,
    /// Where it is at home, if known.
    pub database: Option<DatabaseId>,
    /// Companies it is restricted to, as a JSON list; `None` is common to all.
    pub companies: Option<String>,
    /// Whether the database itself or the operator opened it: that it names a database proves nothing.
    pub vouched: bool,
    /// Whether it may be used at all.
    pub enabled: bool,
    /// Which releases serve it.
    pub version_requirement: String,
    /// The major version that its admin has agreed to; the one that serves if there was never another.
    pub major: Option<u64>,
    /// A vendor's own account for trying its service: its credits are play money.
    pub test: bool,
    /// Low-credit warnings.
    pub warnings: Warnings,
    /// What may be spent now.
    pub available: Credits,
    /// What live holds have set aside.
    pub held: Credits,
    /// What it owes for credits that were used and charged back; nothing is spent until it is repaid.
    pub debt: Credits,
    /// Why nothing may be spent, if so.
    pub suspended: Option<String>,
    /// When it was opened.
    pub created_at: Time,
}

/// Low-credit warnings of an account.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Warnings {
    /// Whether to warn.
    pub warn_me: bool,
    /// Below this balance.
    pub threshold: Credits,
    /// To whom: JSON list of `{"email", "lang_code"}`.
    pub emails: String,
}

/// An account to open.
#[derive(Clone, Debug)]
pub struct NewAccount {
    /// Its id.
    pub id: AccountId,
    /// Its service.
    pub service: ServiceId,
    /// Where it is at home, if known.
    pub database: Option<DatabaseId>,
    /// Keyed hash of its token.
    pub token_mac: String,
    /// SHA-1 of its token.
    pub token_sha1: String,
    /// Companies it is restricted to, as a JSON list.
    pub companies: Option<String>,
    /// Why nothing may be spent from the start, if so.
    pub suspended: Option<String>,
    /// Now.
    pub at: Time,
}

/// See [`Store::accounts`].
pub struct Accounts<'a>(pub(super) &'a Store);

macro_rules! select {
    ($clause:literal) => {
        concat!(
            "SELECT a.id, a.service_id, a.database_id, a.companies, a.enabled, a.version_requirement, a.warn_me, a.warning_threshold,
                    a.warning_emails, a.created_at, b.held, b.suspended,
                    (SELECT CAST(coalesce(sum(g.available), 0) AS BIGINT) FROM credit_grant g
                     WHERE g.account_id = a.id AND (g.available > 0 OR g.held > 0) AND g.expires_at > ?1),
                    b.debt, a.vouched, a.major, a.test
             FROM account a JOIN balance b ON b.account_id = a.id ",
            $clause
        )
    };
}

fn read(row: &Row) -> Result<AccountRow, StoreError> {
    Ok(AccountRow {
        id: AccountId(row.int(0)?),
        service: ServiceId(row.int(1)?),
        database: row.opt_int(2)?.map(DatabaseId),
        companies: row.opt_text(3)?,
        enabled: row.int(4)? != 0,
        version_requirement: row.text(5)?,
        warnings: Warnings {
            warn_me: row.int(6)? != 0,
            threshold: Credits::from_micros(row.int(7)?),
            emails: row.text(8)?,
        },
        created_at: Time(row.int(9)?),
        held: Credits::from_micros(row.int(10)?),
        suspended: row.opt_text(11)?,
        available: Credits::from_micros(row.int(12)?),
        debt: Credits::from_micros(row.int(13)?),
        vouched: row.int(14)? != 0,
        major: row.opt_int(15)?.and_then(|major| u64::try_from(major).ok()),
        test: row.int(16)? != 0,
    })
}

impl Accounts<'_> {
    async fn one(&self, sql: &'static str, mut params: Vec<Value>) -> Result<Option<AccountRow>, StoreError> {
        params.insert(0, self.0.clock().now().into());
        self.0.read_one(sql, params).await?.map(|row| read(&row)).transpose()
    }

    /// By id.
    pub async fn get(&self, id: AccountId) -> Result<Option<AccountRow>, StoreError> {
        self.one(select!("WHERE a.id = ?2"), vec![id.into()]).await
    }

    /// By the keyed hash of its token.
    pub async fn by_token(&self, service: ServiceId, token_mac: &str) -> Result<Option<AccountRow>, StoreError> {
        self.one(select!("WHERE a.service_id = ?2 AND a.token_mac = ?3"), vec![service.into(), token_mac.into()]).await
    }

    /// By the SHA-1 of its token, which Odoo 19 puts into URLs.
    pub async fn by_sha1(&self, service: ServiceId, token_sha1: &str) -> Result<Option<AccountRow>, StoreError> {
        self.one(select!("WHERE a.token_sha1 = ?3 AND a.service_id = ?2"), vec![service.into(), token_sha1.into()])
            .await
    }

    /// All accounts that a token opens, whatever the service.
    pub async fn all_by_token(&self, token_mac: &str) -> Result<Vec<AccountRow>, StoreError> {
        let params = vec![self.0.clock().now().into(), token_mac.into()];
        self.0.read(select!("WHERE a.token_mac = ?2 ORDER BY a.id"), params).await?.iter().map(read).collect()
    }

    /// All accounts that a token with this SHA-1 opens, whatever the service.
    pub async fn all_by_sha1(&self, token_sha1: &str) -> Result<Vec<AccountRow>, StoreError> {
        let params = vec![self.0.clock().now().into(), token_sha1.into()];
        self.0.read(select!("WHERE a.token_sha1 = ?2 ORDER BY a.id"), params).await?.iter().map(read).collect()
    }

    /// SHA-1 of an account's token: for links to its pages.
    pub async fn token_sha1(&self, account: AccountId) -> Result<Option<String>, StoreError> {
        let row = self.0.read_one("SELECT token_sha1 FROM account WHERE id = ?1", vec![account.into()]).await?;
        row.map(|row| row.text(0).map_err(StoreError::from)).transpose()
    }

    /// Ids of a service's accounts beyond one, in their order.
    pub async fn of_service(
        &self,
        service: ServiceId,
        beyond: AccountId,
        most: i64,
    ) -> Result<Vec<AccountId>, StoreError> {
        let sql = "SELECT id FROM account WHERE service_id = ?1 AND id > ?2 ORDER BY id LIMIT CAST(?3 AS BIGINT)";
        let rows = self.0.read(sql, vec![service.into(), beyond.into(), most.into()]).await?;
        rows.iter().map(|row| Ok(AccountId(row.int(0)?))).collect()
    }

    /// Addresses for warnings (JSON) and SHA-1 of the token of a service's accounts that have some.
    pub async fn addresses_of_service(&self, service: ServiceId) -> Result<Vec<(String, String)>, StoreError> {
        let sql = "SELECT warning_emails, token_sha1 FROM account WHERE service_id = ?1 AND warning_emails <> '[]' ORDER BY id";
        let rows = self.0.read(sql, vec![service.into()]).await?;
        rows.iter().map(|row| Ok((row.text(0)?, row.text(1)?))).collect()
    }

    /// Accounts of a service that called one of these operations since a moment: addresses (JSON) and SHA-1 of the token.
    pub async fn that_called(
        &self,
        service: ServiceId,
        operations: &str,
        since: Time,
    ) -> Result<Vec<(String, String)>, StoreError> {
        let sql = "SELECT a.warning_emails, a.token_sha1 FROM account a WHERE a.service_id = ?1 AND a.warning_emails <> '[]' AND EXISTS
                   (SELECT 1 FROM call c WHERE c.account_id = a.id AND c.started_at >= ?3 AND c.credits > 0
                    AND c.operation IN (SELECT value FROM json_each(?2))) ORDER BY a.id";
        let rows = self.0.read(sql, vec![service.into(), operations.into(), since.into()]).await?;
        rows.iter().map(|row| Ok((row.text(0)?, row.text(1)?))).collect()
    }

    /// Accounts at home in a database.
    pub async fn of_database(&self, database: DatabaseId) -> Result<Vec<AccountRow>, StoreError> {
        let params = vec![self.0.clock().now().into(), database.into()];
        self.0.read(select!("WHERE a.database_id = ?2 ORDER BY a.id"), params).await?.iter().map(read).collect()
    }

    /// What was decided about databases that showed the token beside its home.
    pub async fn elsewhere(&self, account: AccountId) -> Result<Vec<(DatabaseId, String)>, StoreError> {
        let rows = self
            .0
            .read("SELECT database_id, decision FROM account_database WHERE account_id = ?1", vec![account.into()])
            .await?;
        rows.iter().map(|row| Ok((DatabaseId(row.int(0)?), row.text(1)?))).collect()
    }

    /// Opens an account. Conflicts on `account.token_mac` if it has been opened meanwhile.
    pub fn open(&self, new: NewAccount) -> Vec<Statement> {
        vec![
            Statement::new(
                "INSERT INTO account (id, service_id, database_id, token_mac, token_sha1, companies, created_at) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                vec![
                    new.id.into(),
                    new.service.into(),
                    new.database.into(),
                    new.token_mac.into(),
                    new.token_sha1.into(),
                    new.companies.into(),
                    new.at.into(),
                ],
            ),
            Statement::new(
                "INSERT INTO balance (account_id, suspended) VALUES (?1, ?2)",
                vec![new.id.into(), new.suspended.into()],
            ),
        ]
    }

    /// Whether the host has stopped all posting for an account.
    pub async fn is_stopped(&self, account: AccountId) -> Result<bool, StoreError> {
        let sql = "SELECT 1 FROM balance WHERE account_id = ?1 AND stopped IS NOT NULL";
        Ok(self.0.read_one(sql, vec![account.into()]).await?.is_some())
    }

    /// Makes a database its home, unless it has one.
    pub fn adopt(&self, account: AccountId, database: DatabaseId) -> Statement {
        Statement::new(
            "UPDATE account SET database_id = ?2 WHERE id = ?1 AND database_id IS NULL",
            vec![account.into(), database.into()],
        )
    }

    /// Its admin agrees to a major version.
    pub fn consent(&self, account: AccountId, major: u64) -> Statement {
        Statement::new(
            "UPDATE account SET major = ?2 WHERE id = ?1",
            vec![account.into(), i64::try_from(major).unwrap_or(i64::MAX).into()],
        )
        .expecting(1)
    }

    /// Makes it a vendor's own account for trying its service.
    pub fn mark_test(account: AccountId) -> Statement {
        Statement::new("UPDATE account SET test = 1, vouched = 0 WHERE id = ?1", vec![account.into()]).expecting(1)
    }

    /// Makes another database its home. `vouched`: whether who moves it vouches for it there; what the database before said
    /// of it says nothing there.
    pub fn move_to(&self, account: AccountId, database: DatabaseId, vouched: bool) -> Vec<Statement> {
        vec![
            Statement::new(
                "UPDATE account SET database_id = ?2, vouched = ?3 WHERE id = ?1",
                vec![account.into(), database.into(), vouched.into()],
            )
            .expecting(1),
            Statement::new(
                "DELETE FROM account_database WHERE account_id = ?1 AND database_id = ?2",
                vec![account.into(), database.into()],
            ),
        ]
    }

    /// Puts a second database aside.
    pub fn seen_elsewhere(&self, account: AccountId, database: DatabaseId, at: Time) -> Statement {
        Statement::new(
            "INSERT INTO account_database VALUES (?1, ?2, 'seen_elsewhere', ?3) ON CONFLICT DO NOTHING",
            vec![account.into(), database.into(), at.into()],
        )
    }

    /// Decides about a second database: `shared` or `refused`.
    pub fn decide_elsewhere(&self, account: AccountId, database: DatabaseId, decision: &str) -> Statement {
        Statement::new(
            "UPDATE account_database SET decision = ?3 WHERE account_id = ?1 AND database_id = ?2",
            vec![account.into(), database.into(), decision.into()],
        )
        .expecting(1)
    }

    /// Remembers an origin that a call of the account gave. For riders, without a store at hand.
    pub fn origin(account: AccountId, origin: &str, at: Time) -> Statement {
        Statement::new(
            "INSERT INTO account_origin VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
            vec![account.into(), origin.into(), at.into()],
        )
    }

    /// Whether the account's calls, or its database's declaration, gave this origin.
    pub async fn has_origin(&self, account: AccountId, origin: &str) -> Result<bool, StoreError> {
        let row = self
            .0
            .read_one(
                "SELECT 1 FROM account_origin WHERE account_id = ?1 AND origin = ?2",
                vec![account.into(), origin.into()],
            )
            .await?;
        Ok(row.is_some())
    }

    /// Sets warnings.
    pub fn warn(&self, account: AccountId, warnings: &Warnings) -> Statement {
        Statement::new(
            "UPDATE account SET warn_me = ?2, warning_threshold = ?3, warning_emails = ?4, warned = 0 WHERE id = ?1",
            vec![account.into(), warnings.warn_me.into(), warnings.threshold.into(), warnings.emails.clone().into()],
        )
        .expecting(1)
    }

    /// Enables or disables it, and sets which releases serve it.
    pub fn configure(&self, account: AccountId, enabled: bool, version_requirement: &str) -> Statement {
        Statement::new(
            "UPDATE account SET enabled = ?2, version_requirement = ?3 WHERE id = ?1",
            vec![account.into(), enabled.into(), version_requirement.into()],
        )
        .expecting(1)
    }

    /// The database itself or the operator opened it.
    pub fn vouch(&self, account: AccountId) -> Statement {
        Statement::new("UPDATE account SET vouched = 1 WHERE id = ?1", vec![account.into()]).expecting(1)
    }

    /// Restricts it to companies, as a JSON list.
    pub fn restrict(&self, account: AccountId, companies: &str) -> Statement {
        Statement::new("UPDATE account SET companies = ?2 WHERE id = ?1", vec![account.into(), companies.into()])
            .expecting(1)
    }
}
