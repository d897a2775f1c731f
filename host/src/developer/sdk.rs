//! The SDK in a plugin's folder: this program's own, so that a plugin builds without a registry of ours.

use std::path::Path;

use anyhow::Context as _;
use sha2::{Digest as _, Sha256};

use super::embedded::SDK;

/// Where it is, below the plugin's folder.
pub const FOLDER: &str = ".iap/sdk";
/// Says which SDK it is.
const MARKER: &str = "version";

/// How the SDK of a plugin is, beside this program's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// The same.
    Current,
    /// Not there, though `Cargo.toml` names it.
    Absent,
    /// Another of the same or an older version.
    Older(String),
    /// Of a newer version.
    Newer(String),
    /// The plugin has its SDK from elsewhere, or has changed it.
    Foreign,
}

/// Its version.
pub const fn version() -> &'static str {
    env!("CARGO_PKG_VERSION")
}

/// What the marker says: the version, and a digest of all files.
fn mark() -> String {
    let mut digest = Sha256::new();
    for (path, text) in SDK {
        for part in [path, text] {
            digest.update(part.len().to_le_bytes());
            digest.update(part);
        }
    }
    format!("{} {}\n", version(), &hex::encode(digest.finalize())[..16])
}

/// Looks at the SDK of a plugin's folder.
pub fn state(folder: &Path) -> State {
    let sdk = folder.join(FOLDER);
    let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap_or_default();
    if !manifest.contains(FOLDER) {
        return State::Foreign;
    }
    if !sdk.join("Cargo.toml").exists() {
        return State::Absent;
    }
    let Ok(marker) = std::fs::read_to_string(sdk.join(MARKER)) else { return State::Foreign };
    compare(&marker, &mark())
}

fn compare(there: &str, own: &str) -> State {
    let version = |text: &str| text.split_whitespace().next().and_then(|word| semver::Version::parse(word).ok());
    match (version(there), version(own)) {
        _ if there == own => State::Current,
        (Some(there), Some(own)) if own < there => State::Newer(there.to_string()),
        (Some(there), _) => State::Older(there.to_string()),
        (None, _) => State::Foreign,
    }
}

/// Writes this program's SDK in place of what is there.
///
/// # Errors
///
/// The folder cannot be written.
pub fn write(folder: &Path) -> anyhow::Result<()> {
    let sdk = folder.join(FOLDER);
    let parent = sdk.parent().context("it is below the folder")?;
    std::fs::create_dir_all(parent).with_context(|| format!("cannot create {}", parent.display()))?;
    // Renamed into place, so that a stop half-way leaves the old one.
    let fresh = tempfile::Builder::new()
        .prefix("sdk-")
        .tempdir_in(parent)
        .with_context(|| format!("cannot write to {}", parent.display()))?;
    for (path, text) in SDK.iter().chain([&(MARKER, mark().as_str())]) {
        let file = fresh.path().join(path);
        let folder = file.parent().context("a file is in a folder")?;
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(&file, text))
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    if sdk.exists() {
        std::fs::remove_dir_all(&sdk).with_context(|| format!("cannot replace {}", sdk.display()))?;
    }
    let fresh = fresh.keep();
    readable(&fresh);
    std::fs::rename(&fresh, &sdk).with_context(|| format!("cannot write {}", sdk.display()))
}

/// A temporary folder is its owner's alone; sources are for all who may see the plugin.
fn readable(folder: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        // Where it fails the owner can still build.
        drop(std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o755)));
    }
}

/// Brings the SDK of a plugin's folder up to date; what to tell of it.
///
/// # Errors
///
/// As [`write`].
pub fn refresh(folder: &Path) -> anyhow::Result<Option<String>> {
    Ok(match state(folder) {
        State::Current | State::Foreign => None,
        State::Absent => {
            write(folder)?;
            Some(format!("Wrote the SDK {} to {FOLDER}", version()))
        }
        State::Older(there) => {
            write(folder)?;
            let before = if there == version() { "another build".to_owned() } else { format!("the SDK {there}") };
            Some(format!("Updated {FOLDER} from {before} to this program's SDK {}", version()))
        }
        State::Newer(there) => {
            Some(format!("{FOLDER} is the SDK {there}, newer than this program's {}: it stays", version()))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_sdk_is_replaced_and_a_newer_one_kept() {
        assert_eq!(compare("1.0.0 aa\n", "1.0.0 aa\n"), State::Current);
        assert_eq!(compare("1.0.0 aa\n", "1.0.0 bb\n"), State::Older("1.0.0".into()));
        assert_eq!(compare("0.9.9 aa\n", "1.0.0 aa\n"), State::Older("0.9.9".into()));
        assert_eq!(compare("1.0.1 aa\n", "1.0.0 aa\n"), State::Newer("1.0.1".into()));
        assert_eq!(compare("mine\n", "1.0.0 aa\n"), State::Foreign);
    }

    #[test]
    fn it_is_written_whole_and_brought_up_to_date() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(FOLDER).join(path);
        assert_eq!(refresh(folder.path()).unwrap(), None, "nothing names it");
        std::fs::write(folder.path().join("Cargo.toml"), "iap-sdk = { path = \".iap/sdk\" }").unwrap();
        assert!(refresh(folder.path()).unwrap().unwrap().starts_with("Wrote the SDK"));
        assert_eq!(state(folder.path()), State::Current);
        assert!(at("src/lib.rs").exists() && at("wit/service.wit").exists());
        let manifest: toml::Table = std::fs::read_to_string(at("Cargo.toml")).unwrap().parse().unwrap();
        assert_eq!(manifest["package"]["version"].as_str(), Some(version()), "nothing is inherited");
        assert!(!std::fs::read_to_string(at("Cargo.toml")).unwrap().contains("workspace"));

        std::fs::write(at(MARKER), "0.0.1 0000\n").unwrap();
        std::fs::write(at("src/gone.rs"), "").unwrap();
        let told = refresh(folder.path()).unwrap().unwrap();
        assert!(told.contains("from the SDK 0.0.1"), "{told}");
        assert!(!at("src/gone.rs").exists());
        std::fs::remove_file(at(MARKER)).unwrap();
        assert_eq!(refresh(folder.path()).unwrap(), None, "somebody's own");
    }
}
