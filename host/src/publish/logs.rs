//! What plugins log, kept for their vendors: gathered here and stored every second.

use std::sync::{Mutex, PoisonError};

use iap_store::{Store, StoreError, repositories::NewPluginLog};

/// Most lines that wait; beyond it the rest of the second is dropped, and that is said.
const MOST: usize = 2_000;
/// Most characters of a line that are kept.
const LONGEST: usize = 4_000;

/// Lines that are not stored yet.
#[derive(Default)]
pub struct Logs(Mutex<(Vec<NewPluginLog>, usize)>);

impl Logs {
    /// Takes in a line.
    pub fn add(&self, mut line: NewPluginLog) {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.0.len() < MOST {
            if let Some((end, _)) = line.message.char_indices().nth(LONGEST) {
                line.message.truncate(end);
                line.message.push('…');
            }
            waiting.0.push(line);
        } else {
            waiting.1 += 1;
        }
    }

    /// Stores what was gathered.
    pub async fn flush(&self, store: &Store) -> Result<(), StoreError> {
        let (mut lines, dropped) = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        if lines.is_empty() {
            return Ok(());
        }
        if 0 < dropped
            && let Some(last) = lines.last().cloned()
        {
            let message = format!("{dropped} more lines of this host were dropped: plugins log too much at once");
            lines.push(NewPluginLog { level: "warn", message, ..last });
        }
        let logs = store.plugin_logs();
        store.write(lines.into_iter().map(|line| logs.add(line)).collect()).await.map(drop)
    }
}
