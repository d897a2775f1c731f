//! From a core module to a component.

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

/// Writes a file unless it holds these bytes already, so that what embeds it
/// stays fresh.
pub(crate) fn write_if_changed(path: &Path, bytes: &[u8]) -> Result<()> {
    if std::fs::read(path).is_ok_and(|present| present == bytes) {
        return Ok(());
    }
    // Renamed into place: another process may be reading it.
    let partial = path.with_extension("partial");
    std::fs::write(&partial, bytes).with_context(|| format!("cannot write {}", partial.display()))?;
    std::fs::rename(&partial, path).with_context(|| format!("cannot write {}", path.display()))
}
