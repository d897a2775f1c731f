//! A mistake or a warning, at its place.

use std::{cmp::Ordering, fmt};

use iap_core::manifest::{MANIFEST_FILE, ManifestError};
use serde::Serialize;

use crate::developer::lines::{Places, Step};

/// How grave it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// It cannot be published so.
    Error,
    /// It can, but is most likely not meant.
    Warning,
}

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How grave it is.
    pub severity: Severity,
    /// File of the release, or the component.
    pub file: String,
    /// From 1; none where it has no line.
    pub line: Option<usize>,
    /// In characters from 1.
    pub column: Option<usize>,
    /// What is wrong and what to do.
    pub message: String,
}

impl Finding {
    /// A mistake of a manifest or of a file that it names.
    pub fn of_manifest(error: &ManifestError) -> Self {
        let ManifestError { file, line, column, message } = error.clone();
        Self { severity: Severity::Error, file, line, column, message }
    }

    /// Something in `plugin.toml`, at a path.
    pub(super) fn at(severity: Severity, places: &Places<'_>, path: &[Step<'_>], message: String) -> Self {
        let place = places.find(path);
        let (line, column) = (place.map(|place| place.0), place.map(|place| place.1));
        Self { severity, file: MANIFEST_FILE.to_owned(), line, column, message }
    }

    /// A mistake of another file as a whole.
    pub(super) fn in_file(file: &str, message: String) -> Self {
        Self { severity: Severity::Error, file: file.to_owned(), line: None, column: None, message }
    }

    /// Orders by file, that of the manifest first, and line.
    pub(super) fn by_place(a: &Self, b: &Self) -> Ordering {
        let place =
            |finding: &Self| (finding.file != MANIFEST_FILE, finding.file.clone(), finding.line, finding.column);
        place(a).cmp(&place(b))
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        for number in [self.line, self.column].into_iter().flatten() {
            write!(f, ":{number}")?;
        }
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, ": {severity}: {}", self.message)
    }
}
