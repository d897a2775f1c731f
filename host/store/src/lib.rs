//! Storage: repositories by noun and the ledger's posting path.
//!
//! All writing goes through one writer that commits what waits together: one flush to
//! disk serves many calls. Reading has connections of its own and sees every commit that has been
//! answered. SQL in repositories is portable ([`Statement`]); only the modules `sqlite` and
//! [`postgres`] know their engine.

pub mod ids;
pub mod ledger;
pub mod postgres;
pub mod repositories;
mod request;
mod snapshot;
mod sqlite;
mod store;
mod value;

pub use ids::Ids;
pub use ledger::{Post, PostError, Posted, Riders, VendorPost};
pub use snapshot::{Location, Snapshot};
pub use sqlite::OpenError;
pub use store::{EngineKind, Store, StoreError};
pub use value::{BadColumn, Conflict, Expect, Row, Statement, Value, Written};
