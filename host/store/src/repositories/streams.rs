//! Streams: starts of hosts. A host that serves says now and then that it lives; what a silent one left is taken over.
//!
//! On SQLite one process has the database, so every other stream is dead. On PostgreSQL a stream is dead that was silent
//! for a minute by the server's clock: clocks of hosts may differ.

use crate::{Statement, Store, StoreError};

/// Streams that are dead; `?1` is one's own.
macro_rules! dead {
    () => {
        "SELECT s.id FROM stream s WHERE s.id <> ?1
         /* postgres: AND s.seen_at <= CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) - 60000 */"
    };
}
pub(super) use dead;

/// See [`Store::streams`].
pub struct Streams<'a>(pub(super) &'a Store);

impl Streams<'_> {
    /// Says that this host lives.
    pub async fn alive(&self) -> Result<(), StoreError> {
        let alive = Statement::new(
            "UPDATE stream SET seen_at = CAST(?2 AS BIGINT) /* postgres: * 0 + CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) */
             WHERE id = ?1",
            vec![self.0.stream().into(), self.0.clock().now().into()],
        );
        self.0.write_first(vec![alive.expecting(1)]).await.map(drop)
    }
}
