//! From a core module to a component.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result};
use wit_component::ComponentEncoder;

use crate::release;

/// The validated component of a built library, with its release.
pub(crate) fn encode(module: &Path, manifest_dir: &Path) -> Result<Vec<u8>> {
    let core = std::fs::read(module).with_context(|| format!("cannot read {}", module.display()))?;
    let component =
        ComponentEncoder::default().validate(true).module(&core).and_then(|encoder| encoder.encode()).with_context(
            || {
                format!(
                    "{} cannot become a component: does the plugin call `iap_sdk::register_service!`, and only import \
                 what the SDK offers?",
                    module.display()
                )
            },
        )?;
    release::append(component, &release::read(manifest_dir)?)
}

/// Texts of the release in a plugin's folder by path: `plugin.toml`, and what is below `prices/` and `schemas/`.
///
/// # Errors
///
/// There is no `plugin.toml`, or a file is no UTF-8 text.
pub fn release_files(folder: &Path) -> Result<BTreeMap<String, String>> {
    release::read(folder)
}

/// A component with a release (see [`release_files`]) in place of any that it carries.
///
/// # Errors
///
/// These bytes are no component.
pub fn with_release(component: &[u8], files: &BTreeMap<String, String>) -> Result<Vec<u8>> {
    release::append(release::without(component)?, files)
}

/// Writes a file unless it holds these bytes already, so that what embeds it
/// stays fresh.
///
/// # Errors
///
/// It cannot be written.
pub fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<()> {
    if std::fs::read(path).is_ok_and(|present| present == bytes) {
        return Ok(());
    }
    // Renamed into place: another process may be reading it.
    let partial = path.with_extension("partial");
    std::fs::write(&partial, bytes).with_context(|| format!("cannot write {}", partial.display()))?;
    std::fs::rename(&partial, path).with_context(|| format!("cannot write {}", path.display()))
}
