//! Which releases of a service an account wants.

use std::{fmt, str::FromStr};

use semver::{Op, Version, VersionReq};

/// Longest requirement, in characters.
pub const MAX_REQUIREMENT: usize = 100;

/// The word for "the major that this account's admin agreed to".
const CURRENT: &str = "^current";

/// Which releases an account wants: `^current`, or a requirement on versions such as `~1.2` or `=1.2.3`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Requirement {
    /// The newest of the major that the account's admin agreed to.
    #[default]
    Current,
    /// The newest that matches, whatever its major.
    Versions(VersionReq),
}

/// A text that is no requirement.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no requirement on versions: {why}; write \"^current\", \"^1.2\", \"~1.2\" or \"=1.2.3\"")]
pub struct RequirementError {
    text: String,
    why: String,
}

impl Requirement {
    /// Reads `^current` or a requirement of semantic versions.
    pub fn parse(text: &str) -> Result<Self, RequirementError> {
        let wrong = |why: String| RequirementError { text: text.chars().take(MAX_REQUIREMENT).collect(), why };
        if text.chars().count() > MAX_REQUIREMENT {
            return Err(wrong(format!("it has more than {MAX_REQUIREMENT} characters")));
        }
        match text.trim() {
            CURRENT => Ok(Self::Current),
            text => VersionReq::parse(text).map(Self::Versions).map_err(|error| wrong(error.to_string())),
        }
    }

    /// The one version that it pins (`=1.2.3`), if it does.
    pub fn pinned(&self) -> Option<Version> {
        let Self::Versions(versions) = self else { return None };
        let [only] = versions.comparators.as_slice() else { return None };
        let (Op::Exact, Some(minor), Some(patch)) = (only.op, only.minor, only.patch) else { return None };
        let mut version = Version::new(only.major, minor, patch);
        version.pre = only.pre.clone();
        Some(version)
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Current => f.write_str(CURRENT),
            Self::Versions(versions) => versions.fmt(f),
        }
    }
}

impl FromStr for Requirement {
    type Err = RequirementError;

    fn from_str(text: &str) -> Result<Self, RequirementError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requirements_are_read_and_shown() {
        for (text, shown, pinned) in [
            ("^current", "^current", None),
            (" ^current ", "^current", None),
            ("^1.2", "^1.2", None),
            ("1.2.3", "^1.2.3", None),
            ("~1.2", "~1.2", None),
            ("*", "*", None),
            (">=1.2, <1.9", ">=1.2, <1.9", None),
            ("=1.2", "=1.2", None),
            ("=1.2.3, <2", "=1.2.3, <2", None),
            ("=1.2.3", "=1.2.3", Some("1.2.3")),
            ("=2.0.0-rc.1", "=2.0.0-rc.1", Some("2.0.0-rc.1")),
        ] {
            let requirement = Requirement::parse(text).expect(text);
            assert_eq!(requirement.to_string(), shown);
            assert_eq!(requirement.pinned().map(|version| version.to_string()).as_deref(), pinned, "{text}");
            assert_eq!(Requirement::parse(shown), Ok(requirement));
        }
    }

    #[test]
    fn others_are_refused_with_what_to_write() {
        let error = Requirement::parse("newest").unwrap_err();
        assert_eq!(
            error.to_string(),
            "\"newest\" is no requirement on versions: unexpected character 'n' while parsing major version number; write \"^current\", \"^1.2\", \"~1.2\" or \"=1.2.3\""
        );
        for text in ["", "current", "^current, <2", "1.2.3.4", "=", &"1".repeat(101)] {
            assert!(Requirement::parse(text).is_err(), "{text}");
        }
    }
}
