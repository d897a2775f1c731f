//! Mistakes in a release, each at its place.

use std::{collections::BTreeSet, fmt};

/// One mistake in a file of a release.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ManifestError {
    /// File of the release.
    pub file: String,
    /// From 1; `None` where the mistake has no line.
    pub line: Option<usize>,
    /// In characters from 1; `None` where only the line is known.
    pub column: Option<usize>,
    /// What is wrong and what to write instead.
    pub message: String,
}

impl ManifestError {
    fn place(&self) -> (bool, &str, Option<usize>, Option<usize>) {
        (self.file != super::MANIFEST_FILE, &self.file, self.line, self.column)
    }
}

impl fmt::Display for ManifestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            Some(line) => write!(f, "{}:{line}: {}", self.file, self.message),
            None => write!(f, "{}: {}", self.file, self.message),
        }
    }
}

/// Every mistake found in a release, by file and line; never empty. Shown one a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ManifestErrors(Vec<ManifestError>);

impl ManifestErrors {
    /// Puts mistakes in order and drops repeats, as two prices may name one broken table.
    pub(super) fn new(mut errors: Vec<ManifestError>) -> Self {
        // Stable: mistakes of one place stay in the order found, which is that of the documentation.
        errors.sort_by(|a, b| a.place().cmp(&b.place()));
        let mut seen = BTreeSet::new();
        errors.retain(|error| seen.insert(error.clone()));
        Self(errors)
    }

    /// One mistake that has no line.
    pub(super) fn of_release(message: &str) -> Self {
        let file = super::MANIFEST_FILE.to_owned();
        Self(vec![ManifestError { file, line: None, column: None, message: message.to_owned() }])
    }

    /// The mistakes: those of `plugin.toml` first.
    pub fn iter(&self) -> std::slice::Iter<'_, ManifestError> {
        self.0.iter()
    }
}

impl fmt::Display for ManifestErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.0.iter().enumerate() {
            let line_end = if index == 0 { "" } else { "\n" };
            write!(f, "{line_end}{error}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ManifestErrors {}
