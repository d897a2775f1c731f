//! Why entries were made.

use iap_core::ids::EntryId;

use crate::{Statement, Store, StoreError};

/// See [`Store::entry_notes`].
pub struct EntryNotes<'a>(pub(super) &'a Store);

impl EntryNotes<'_> {
    /// Longest note, in characters; more is cut.
    pub const LONGEST: usize = 500;

    /// Says why an entry is made: a rider of it.
    pub fn add(entry: EntryId, text: &str) -> Statement {
        let text: String = text.chars().take(Self::LONGEST).collect();
        Statement::new("INSERT INTO entry_note VALUES (?1, ?2)", vec![entry.into(), text.into()])
    }

    /// Why an entry was made, if somebody said.
    pub async fn of_entry(&self, entry: EntryId) -> Result<Option<String>, StoreError> {
        let row = self.0.read_one("SELECT text FROM entry_note WHERE entry_id = ?1", vec![entry.into()]).await?;
        Ok(row.map(|row| row.text(0)).transpose()?)
    }
}
