//! `log`: bounded, on one line, without secrets.

use crate::{backend::Level, bindings::log, call::CallState};

/// Bytes of one message.
const MOST_PER_MESSAGE: usize = 8 << 10;
/// Bytes of one call. A flood is cut, not punished.
const MOST_PER_CALL: usize = 64 << 10;

impl log::Host for CallState {
    fn write(&mut self, level: log::Level, message: String) -> wasmtime::Result<()> {
        self.enter()?;
        let level = match level {
            log::Level::Debug => Level::Debug,
            log::Level::Info => Level::Info,
            log::Level::Warn => Level::Warn,
            log::Level::Error => Level::Error,
        };
        let used = usize::try_from(self.log_bytes)?;
        let room = MOST_PER_CALL.saturating_sub(used);
        let tells_panic = level == Level::Error && self.panic.is_none() && message.starts_with("panicked at");
        // The rest of a flood costs the host next to nothing.
        if room == 0 && !tells_panic {
            return Ok(());
        }
        // Redacted before it is cut, since half a secret would not be recognised.
        let mut message = message;
        truncate(&mut message, 2 * MOST_PER_MESSAGE);
        let mut message = one_line(&self.settings.needles.redact_text(message));
        truncate(&mut message, MOST_PER_MESSAGE);
        if tells_panic {
            self.panic = Some(message.clone());
        }
        if room == 0 {
            return Ok(());
        }
        let cut = message.len() > room;
        truncate(&mut message, room);
        self.log_bytes = u32::try_from(used + message.len())?;
        self.backend.log(level, &message);
        if cut || self.log_bytes as usize >= MOST_PER_CALL {
            // Marks the end, also where the cut fell before a character that did not fit.
            self.log_bytes = u32::try_from(MOST_PER_CALL)?;
            self.backend.log(Level::Warn, "the rest of this call's log is dropped: it is longer than 64 KiB");
        }
        Ok(())
    }
}

fn truncate(text: &mut String, most: usize) {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
    }
}

/// Control characters as escapes, so that a message cannot forge lines or drive a terminal.
fn one_line(text: &str) -> String {
    text.chars().fold(String::with_capacity(text.len()), |mut line, c| {
        // Line and paragraph separators, and marks that reorder what is read.
        let misleading = matches!(c, '\u{2028}' | '\u{2029}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
        if c.is_control() || misleading { line.extend(c.escape_default()) } else { line.push(c) }
        line
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_stays_on_its_line() {
        assert_eq!(one_line("a\nb\u{1b}[31m\tc\u{202e}é"), "a\\nb\\u{1b}[31m\\tc\\u{202e}é");
    }

    #[test]
    fn a_cut_never_splits_a_character() {
        let mut text = "aé".to_owned();
        truncate(&mut text, 2);
        assert_eq!(text, "a");
    }
}
