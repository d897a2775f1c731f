//! Accounts whose people want to know when credits run out.

use iap_core::{
    Credits,
    ids::{AccountId, ServiceId},
};

use crate::{Row, Statement, Store, StoreError};

/// An account that warns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LowAccount {
    /// Its id.
    pub id: AccountId,
    /// Its service.
    pub service: ServiceId,
    /// SHA-1 of its token: for links to its pages.
    pub token_sha1: String,
    /// What may be spent.
    pub available: Credits,
    /// Warn below this.
    pub threshold: Credits,
    /// To whom: JSON list of `{"email", "lang_code"}`.
    pub emails: String,
    /// Whether they were told, and it has been low since.
    pub warned: bool,
}

/// See [`Store::low_credit`].
pub struct LowCredit<'a>(pub(super) &'a Store);

fn read(row: &Row) -> Result<LowAccount, StoreError> {
    Ok(LowAccount {
        id: AccountId(row.int(0)?),
        service: ServiceId(row.int(1)?),
        token_sha1: row.text(2)?,
        threshold: Credits::from_micros(row.int(3)?),
        emails: row.text(4)?,
        warned: row.int(5)? != 0,
        available: Credits::from_micros(row.int(6)?),
    })
}

impl LowCredit<'_> {
    /// At most `limit` accounts that warn, after an id.
    pub async fn page(&self, after: AccountId, limit: i64) -> Result<Vec<LowAccount>, StoreError> {
        let sql = "SELECT a.id, a.service_id, a.token_sha1, a.warning_threshold, a.warning_emails, a.warned,
                       (SELECT CAST(coalesce(sum(g.available), 0) AS BIGINT) FROM credit_grant g
                        WHERE g.account_id = a.id AND (g.available > 0 OR g.held > 0) AND g.expires_at > ?1)
                   FROM account a WHERE a.warn_me = 1 AND a.id > ?2 ORDER BY a.id LIMIT ?3";
        let rows = self.0.read(sql, vec![self.0.clock().now().into(), after.into(), limit.into()]).await?;
        rows.iter().map(read).collect()
    }

    /// Its people are told; refused if somebody else has told them.
    pub fn told(account: AccountId) -> Statement {
        Statement::new("UPDATE account SET warned = 1 WHERE id = ?1 AND warned = 0", vec![account.into()]).expecting(1)
    }

    /// It is low no more: the next time they are told again.
    pub fn is_no_more(account: AccountId) -> Statement {
        Statement::new("UPDATE account SET warned = 0 WHERE id = ?1 AND warned = 1", vec![account.into()])
    }
}
