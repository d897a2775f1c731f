//! For build scripts that embed or find the guests.

use std::fmt::Write;
use std::path::Path;

use anyhow::Result;

use crate::{Guest, component};

/// Tells cargo to run the build script again when a guest's sources change.
#[expect(clippy::print_stdout, reason = "this is how a build script talks to cargo")]
pub fn emit_rerun_if_changed(guests: &[Guest]) {
    for source in guests.iter().flat_map(|guest| &guest.sources) {
        println!("cargo::rerun-if-changed={}", source.display());
    }
}

/// Writes a Rust file with `GUESTS: &[(&str, &[u8])]`, each guest's package and
/// component, for `include!` from `OUT_DIR`.
///
/// # Errors
///
/// The file cannot be written.
pub fn write_constants(guests: &[Guest], file: &Path) -> Result<()> {
    let mut code =
        String::from("/// Packages of guests and their components.\npub static GUESTS: &[(&str, &[u8])] = &[\n");
    for guest in guests {
        let path = guest.component_path.display().to_string();
        writeln!(code, "    ({:?}, include_bytes!({path:?})),", guest.package)?;
    }
    code.push_str("];\n");
    component::write_if_changed(file, code.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_name_every_guest() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("guests.rs");
        let guest = Guest {
            package: "iap-plugin-sms".into(),
            manifest_dir: "/w/sms".into(),
            component_path: "/t/guests/iap-plugin-sms.component.wasm".into(),
            sources: Vec::new(),
        };
        write_constants(&[guest], &file).unwrap();
        let code = std::fs::read_to_string(&file).unwrap();
        assert!(
            code.contains("(\"iap-plugin-sms\", include_bytes!(\"/t/guests/iap-plugin-sms.component.wasm\")),"),
            "{code}"
        );
    }
}
