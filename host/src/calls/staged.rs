//! What a call wants stored, until its next ledger step or its end.
//!
//! Store writes and jobs ride with a posting: what must happen with a charge is never a second
//! transaction, and most calls need no commit for them alone. The call sees its own writes at once.

use std::collections::BTreeMap;

use iap_core::{Time, ids::ServiceId};
use iap_store::{Statement, repositories::StoreValues};

/// A key of the store: database (0 for the service) and name.
type Place = (i64, String);

/// Pending writes of a call.
#[derive(Clone, Default)]
pub struct Staged {
    values: BTreeMap<Place, Option<(Vec<u8>, Time)>>,
    rest: Vec<Statement>,
}

impl Staged {
    /// What the call itself wrote under a key: `Some(None)` if it deleted it.
    pub fn get(&self, database: i64, key: &str) -> Option<Option<&[u8]>> {
        self.values.get(&(database, key.to_owned())).map(|value| value.as_ref().map(|(bytes, _)| bytes.as_slice()))
    }

    /// Sets a value.
    pub fn set(&mut self, database: i64, key: String, value: Vec<u8>, expires_at: Time) {
        self.values.insert((database, key), Some((value, expires_at)));
    }

    /// Deletes a value.
    pub fn delete(&mut self, database: i64, key: String) {
        self.values.insert((database, key), None);
    }

    /// Bytes that the call wants to add under a database's keys.
    pub fn bytes(&self, database: i64) -> usize {
        let own = self.values.iter().filter(|((other, _), _)| *other == database);
        own.map(|((_, key), value)| value.as_ref().map_or(0, |(bytes, _)| key.len() + bytes.len())).sum()
    }

    /// Keys that the call set (`true`) or deleted, under a prefix.
    pub fn keys(&self, database: i64, prefix: &str) -> impl Iterator<Item = (&str, bool)> {
        self.values
            .iter()
            .filter(move |((other, key), _)| *other == database && key.starts_with(prefix))
            .map(|((_, key), value)| (key.as_str(), value.is_some()))
    }

    /// Any other statement.
    pub fn push(&mut self, statement: Statement) {
        self.rest.push(statement);
    }

    /// As statements.
    pub fn statements(&self, service: ServiceId) -> Vec<Statement> {
        let values = self.values.iter().map(|((database, key), value)| match value {
            Some((bytes, expires_at)) => StoreValues::set(service, *database, key, bytes.clone(), *expires_at),
            None => StoreValues::delete(service, *database, key),
        });
        values.chain(self.rest.iter().cloned()).collect()
    }
}
