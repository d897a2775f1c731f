//! The text of `plugin.toml` and the mistakes found so far.

use std::cell::RefCell;

use super::{ManifestError, ManifestErrors};

/// Mistakes that are kept; finding the line of each costs time, and nobody reads more.
const MAX_ERRORS: usize = 1_000;

/// A file that is being read. Mistakes are collected behind a shared reference, so that the readers
/// of many tables can hold it at once.
pub(super) struct Source<'i> {
    file: &'i str,
    text: &'i str,
    errors: RefCell<Vec<ManifestError>>,
}

impl<'i> Source<'i> {
    pub(super) fn new(file: &'i str, text: &'i str) -> Self {
        Self { file, text, errors: RefCell::default() }
    }

    /// Records a mistake at a byte offset of the text.
    pub(super) fn error_at(&self, offset: usize, message: impl Into<String>) {
        if self.errors.borrow().len() >= MAX_ERRORS {
            return;
        }
        let before = self.text.get(..offset).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        self.push(ManifestError {
            file: self.file.to_owned(),
            line: Some(before.matches('\n').count() + 1),
            column: Some(before[line_start..].chars().count() + 1),
            message: message.into(),
        });
    }

    /// Records a mistake in another file of the release.
    pub(super) fn error_in(&self, file: &str, line: u64, message: impl Into<String>) {
        self.push(ManifestError {
            file: file.to_owned(),
            line: usize::try_from(line).ok(),
            column: None,
            message: message.into(),
        });
    }

    fn push(&self, error: ManifestError) {
        let mut errors = self.errors.borrow_mut();
        if errors.len() < MAX_ERRORS {
            errors.push(error);
        }
    }

    pub(super) fn is_clean(&self) -> bool {
        self.errors.borrow().is_empty()
    }

    pub(super) fn into_errors(self) -> ManifestErrors {
        ManifestErrors::new(self.errors.into_inner())
    }
}
