//! Really builds guests of this workspace.

use std::path::{Path, PathBuf};

use iap_guest_build::{RELEASE_SECTION, build_guest};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("host/guest-build is two below").to_owned()
}

/// Names of imported interfaces, and whether there is a release section. Checks the exports.
fn look(component: &[u8]) -> (Vec<String>, bool) {
    let mut exports = Vec::new();
    wasmparser::Validator::new().validate_all(component).expect("a valid component");
    let mut imports = Vec::new();
    let mut has_release = false;
    let mut depth = 0_u32;
    for part in wasmparser::Parser::new(0).parse_all(component) {
        match part.expect("parses") {
            wasmparser::Payload::ModuleSection { .. } | wasmparser::Payload::ComponentSection { .. } => depth += 1,
            wasmparser::Payload::End(_) => depth = depth.saturating_sub(1),
            wasmparser::Payload::ComponentImportSection(section) if depth == 0 => {
                imports.extend(section.into_iter().map(|import| import.expect("parses").name.name.to_owned()));
            }
            wasmparser::Payload::ComponentExportSection(section) if depth == 0 => {
                exports.extend(section.into_iter().map(|export| export.expect("parses").name.name.to_owned()));
            }
            wasmparser::Payload::CustomSection(section) if section.name() == RELEASE_SECTION => {
                has_release = section.data().starts_with(b"{\"plugin.toml\":\"[service]");
            }
            _ => {}
        }
    }
    assert_eq!(exports, ["iap:service/plugin@1.0.0"]);
    (imports, has_release)
}

#[test]
fn a_guest_imports_only_what_it_uses_and_carries_its_release() {
    let guest = build_guest(&root().join("examples/echo")).expect("builds");
    let component = std::fs::read(&guest.component_path).expect("was written");
    let (imports, has_release) = look(&component);
    let interfaces = ["types", "billing", "log"].map(|name| format!("iap:service/{name}@1.0.0"));
    assert_eq!(imports, interfaces);
    assert!(has_release);
    for source in ["sdk/wit/service.wit", "sdk/src/lib.rs", "examples/echo/src/lib.rs", "examples/echo/plugin.toml"] {
        assert!(guest.sources.contains(&root().join(source)), "{source} is missing in {:?}", guest.sources);
    }
    // Asked again, nothing is written.
    let written = std::fs::metadata(&guest.component_path).and_then(|file| file.modified()).expect("a file");
    assert_eq!(build_guest(&root().join("examples/echo")).expect("is fresh"), guest);
    assert_eq!(std::fs::metadata(&guest.component_path).and_then(|file| file.modified()).expect("a file"), written);
}

#[test]
fn a_guest_that_misbehaves_is_still_a_valid_component() {
    let guest = build_guest(&root().join("tests/guests/hostile")).expect("builds");
    let (imports, has_release) = look(&std::fs::read(&guest.component_path).expect("was written"));
    let interfaces = ["types", "billing", "http", "store", "clock", "log"];
    assert_eq!(imports, interfaces.map(|name| format!("iap:service/{name}@1.0.0")));
    assert!(has_release);
}
