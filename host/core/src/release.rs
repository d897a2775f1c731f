//! The text files of a release: its manifest, price tables and schemas.
//!
//! They travel inside the component, as one custom section of JSON, so that one digest and one
//! signature cover the code and the prices.

use std::{collections::BTreeMap, fmt};

use serde::{
    Deserialize, Deserializer,
    de::{MapAccess, Visitor},
};

/// Largest custom section, in bytes.
pub const MAX_SECTION: usize = 2 * 1024 * 1024;
/// Most files of a release.
pub const MAX_FILES: usize = 1_000;
/// Longest path of a file, in characters.
pub const MAX_PATH: usize = 200;

/// The text files of a release, by path relative to `plugin.toml`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReleaseFiles(BTreeMap<String, String>);

/// Why a section holds no release.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReleaseError {
    /// Beyond [`MAX_SECTION`].
    #[error("the files of the release have {bytes} bytes, more than 2 MiB; make price tables or schemas smaller")]
    TooLarge {
        /// Size of the section.
        bytes: usize,
    },
    /// More than [`MAX_FILES`].
    #[error("the release has {files} files, more than 1000; join price tables or schemas")]
    TooMany {
        /// How many.
        files: usize,
    },
    /// Not a JSON object of texts, or a file twice.
    #[error("the files of the release cannot be read: {0}; build the plugin again with `iap plugin build`")]
    NotFiles(String),
    /// A path that is absolute, leaves the folder or has unusual characters.
    #[error(
        "{0:?} is no path of a release; use relative paths such as \"prices/sms.csv\" of letters, digits, \".\", \"_\" and \"-\""
    )]
    BadPath(String),
}

impl ReleaseFiles {
    /// Reads the custom section of a component: a JSON object of path to text.
    pub fn from_section(json: &[u8]) -> Result<Self, ReleaseError> {
        if json.len() > MAX_SECTION {
            return Err(ReleaseError::TooLarge { bytes: json.len() });
        }
        let Files(files) = serde_json::from_slice(json).map_err(|error| ReleaseError::NotFiles(error.to_string()))?;
        if files.len() > MAX_FILES {
            return Err(ReleaseError::TooMany { files: files.len() });
        }
        files.into_iter().try_fold(Self::default(), |release, (path, text)| release.with(&path, text))
    }

    /// Adds a file, replacing one at the same path.
    pub fn with(mut self, path: &str, text: impl Into<String>) -> Result<Self, ReleaseError> {
        if !is_release_path(path) {
            return Err(ReleaseError::BadPath(path.to_owned()));
        }
        self.0.insert(path.to_owned(), text.into());
        Ok(self)
    }

    /// The text of a file.
    pub fn get(&self, path: &str) -> Option<&str> {
        self.0.get(path).map(String::as_str)
    }

    /// Paths and texts, by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(path, text)| (path.as_str(), text.as_str()))
    }
}

/// Whether a path stays within a release on every file system.
pub(crate) fn is_release_path(path: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    path.len() <= MAX_PATH
        && path
            .split('/')
            .all(|segment| !segment.is_empty() && segment.bytes().all(allowed) && !segment.starts_with('.'))
}

/// A JSON object of texts in which no name comes twice: readers disagree on which one counts.
struct Files(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Files {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct FilesVisitor;

        impl<'de> Visitor<'de> for FilesVisitor {
            type Value = Files;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of paths and texts")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Files, M::Error> {
                let mut files = BTreeMap::new();
                while let Some((path, text)) = map.next_entry::<String, String>()? {
                    if files.contains_key(&path) {
                        return Err(serde::de::Error::custom(format_args!("the file {path:?} comes twice")));
                    }
                    files.insert(path, text);
                }
                Ok(Files(files))
            }
        }

        deserializer.deserialize_map(FilesVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_section_is_an_object_of_texts() {
        let files =
            ReleaseFiles::from_section(br#"{"plugin.toml": "[service]", "prices/sms.csv": "key,credits"}"#).unwrap();
        assert_eq!(files.get("prices/sms.csv"), Some("key,credits"));
        assert_eq!(files.get("prices"), None);
        assert_eq!(files.iter().map(|(path, _)| path).collect::<Vec<_>>(), ["plugin.toml", "prices/sms.csv"]);
    }

    #[test]
    fn paths_stay_within_the_release() {
        for path in ["plugin.toml", "schemas/send_v3.json", "a-b/c.d/e"] {
            assert!(ReleaseFiles::default().with(path, "").is_ok(), "{path}");
        }
        for path in [
            "",
            "/etc/passwd",
            "../x",
            "a/../b",
            "a//b",
            "a/",
            "./a",
            ".git/config",
            "a\\b",
            "a b",
            "C:x",
            &"a".repeat(MAX_PATH + 1),
        ] {
            assert_eq!(ReleaseFiles::default().with(path, ""), Err(ReleaseError::BadPath(path.to_owned())), "{path}");
        }
    }

    #[test]
    fn wrong_sections_are_named() {
        for (json, text) in [
            (
                &br#"{"a": "1", "a": "2"}"#[..],
                "the files of the release cannot be read: the file \"a\" comes twice at line 1 column 20; build the plugin again with `iap plugin build`",
            ),
            (
                br#"{"../a": ""}"#,
                "\"../a\" is no path of a release; use relative paths such as \"prices/sms.csv\" of letters, digits, \".\", \"_\" and \"-\"",
            ),
            (
                b"[]",
                "the files of the release cannot be read: invalid type: sequence, expected an object of paths and texts at line 1 column 0; build the plugin again with `iap plugin build`",
            ),
        ] {
            assert_eq!(ReleaseFiles::from_section(json).unwrap_err().to_string(), text);
        }
        let large = vec![b' '; MAX_SECTION + 1];
        assert_eq!(ReleaseFiles::from_section(&large), Err(ReleaseError::TooLarge { bytes: MAX_SECTION + 1 }));
        let many: BTreeMap<String, &str> = (0..=MAX_FILES).map(|number| (number.to_string(), "")).collect();
        let json = serde_json::to_vec(&many).expect("texts");
        assert_eq!(ReleaseFiles::from_section(&json), Err(ReleaseError::TooMany { files: MAX_FILES + 1 }));
    }
}
