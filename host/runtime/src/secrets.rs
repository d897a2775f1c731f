//! Secrets, and how bytes are searched for them.

use std::fmt;

/// A value that no guest, log or error text may show.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Shorter values would be found in innocent bytes.
const SHORTEST: usize = 6;

/// The byte strings that betray a secret: as it is, in a query, in basic credentials.
#[derive(Clone, Default)]
pub(crate) struct Needles(Vec<Box<[u8]>>);

impl Needles {
    pub(crate) fn add(&mut self, value: &str) {
        if value.len() < SHORTEST {
            return;
        }
        let encoded: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
        for form in [value.to_owned(), encoded] {
            let form = form.into_bytes().into_boxed_slice();
            if !self.0.contains(&form) {
                self.0.push(form);
            }
        }
    }

    /// Whether a secret is in `bytes`.
    pub(crate) fn are_in(&self, bytes: &[u8]) -> bool {
        self.0.iter().any(|needle| find(bytes, needle).is_some())
    }

    /// Overwrites secrets with as many asterisks, so that JSON stays JSON.
    pub(crate) fn redact(&self, bytes: &mut [u8]) {
        for needle in &self.0 {
            let mut from = 0;
            while let Some(at) = bytes.get(from..).and_then(|rest| find(rest, needle)) {
                let end = from + at + needle.len();
                bytes[from + at..end].fill(b'*');
                from = end;
            }
        }
    }

    /// Like [`Needles::redact`], for a text.
    pub(crate) fn redact_text(&self, text: String) -> String {
        if !self.are_in(text.as_bytes()) {
            return text;
        }
        let mut bytes = text.into_bytes();
        self.redact(&mut bytes);
        // A needle is a whole text, so asterisks never split a character.
        String::from_utf8(bytes).unwrap_or_default()
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    let (first, rest) = needle.split_first()?;
    let last_start = haystack.len().checked_sub(needle.len())?;
    let mut from = 0;
    while from <= last_start {
        let at = from + haystack[from..=last_start].iter().position(|byte| byte == first)?;
        if &haystack[at + 1..at + needle.len()] == rest {
            return Some(at);
        }
        from = at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_wherever_it_stands() {
        let mut needles = Needles::default();
        needles.add("s3cret/key");
        for text in ["s3cret/key", "xs3cret/keyx", "ss3cret/key", "a=s3cret%2Fkey"] {
            assert!(needles.are_in(text.as_bytes()), "{text}");
        }
        for text in ["", "s3cret", "s3cret/ke", "s3cret-key"] {
            assert!(!needles.are_in(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn redaction_keeps_the_length() {
        let mut needles = Needles::default();
        needles.add("hunter22");
        let text = needles.redact_text("a hunter22 b hunter22é".to_owned());
        assert_eq!(text, "a ******** b ********é");
    }

    #[test]
    fn a_secret_is_not_shown_by_debug() {
        assert_eq!(format!("{:?}", Secret::new("hunter22")), "Secret(…)");
    }
}
