//! Where a writer's stream stands: its count of transactions and the end of its hash chain.

use tokio_postgres::Error;

use super::{
    errors::{Failure, classify},
    session::Session,
};
use crate::ledger::Link;

/// What a stream has stored.
#[derive(Clone, Copy)]
pub struct Place {
    /// Counts the transactions of its writer: one more with each.
    pub commits: i64,
    /// The end of its hash chain.
    pub link: Link,
}

impl Place {
    /// Of a stream that has stored nothing.
    pub const START: Self = Self { commits: 0, link: Link::START };
}

/// Where a stream stands after a transaction of which nobody knows whether it went through, and which was sent when the
/// stream had counted `before`. Waits for it if it runs. If it is not stored the count is moved on, so that it
/// cannot be stored later either: the server may yet come to run what was sent on a connection that is lost.
pub async fn fence(session: &Session, stream: i64, before: i64) -> Result<Place, Failure> {
    let failed = |error: Error| classify(&error);
    let count = "UPDATE stream SET commits = CASE WHEN commits = CAST(?2 AS BIGINT) THEN CAST(?2 AS BIGINT) + 2 ELSE commits END
                 WHERE id = ?1 RETURNING commits";
    let count = session.prepare(count).await.map_err(failed)?;
    let count = session.client().query_one(&count, &[&stream, &before]).await.map_err(failed)?;
    let last = "SELECT number, hash FROM posting_batch WHERE stream = ?1 ORDER BY last_entry DESC LIMIT 1";
    let last = session.prepare(last).await.map_err(failed)?;
    let link = match session.client().query_opt(&last, &[&stream]).await.map_err(failed)? {
        Some(row) => {
            let hash: Vec<u8> = row.try_get(1).map_err(failed)?;
            let hash =
                hash.try_into().map_err(|_| Failure::Other("a batch has a hash of another length".to_owned()))?;
            Link { number: row.try_get(0).map_err(failed)?, hash }
        }
        None => Link::START,
    };
    Ok(Place { commits: count.try_get(0).map_err(failed)?, link })
}
