//! Answers of REST commands by idempotency key.

use iap_core::Time;

use crate::{Statement, Store, StoreError};

/// An answer given before.
#[derive(Clone, Debug)]
pub struct Answered {
    /// `{field: hash of its value}` of the request, as JSON.
    pub fingerprint: String,
    /// HTTP status.
    pub status: i64,
    /// Body.
    pub answer: String,
}

/// See [`Store::idempotency`].
pub struct Idempotency<'a>(pub(super) &'a Store);

impl Idempotency<'_> {
    /// The answer given to this key in this scope, if any.
    pub async fn find(&self, scope: &str, key: &str) -> Result<Option<Answered>, StoreError> {
        let row = self
            .0
            .read_one(
                "SELECT fingerprint, status, answer FROM idempotency WHERE scope = ?1 AND key = ?2",
                vec![scope.into(), key.into()],
            )
            .await?;
        row.map(|row| Ok(Answered { fingerprint: row.text(0)?, status: row.int(1)?, answer: row.text(2)? })).transpose()
    }

    /// Records an answer. Conflicts on `idempotency.key` if the key is taken.
    /// An associated function, since riders have no store at hand.
    pub fn record(scope: &str, key: &str, answered: Answered, at: Time) -> Statement {
        Statement::new(
            "INSERT INTO idempotency VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            vec![
                scope.into(),
                key.into(),
                answered.fingerprint.into(),
                answered.status.into(),
                answered.answer.into(),
                at.into(),
            ],
        )
    }
}
