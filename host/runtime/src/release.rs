//! Looking into an uploaded component before it is compiled.

use std::collections::BTreeSet;

use iap_core::manifest::Manifest;
use wasmparser::{Encoding, Parser, Payload, Validator, WasmFeatures};

use crate::limits::SizeClass;

/// Custom section with the release's files, as JSON.
pub const SECTION: &str = "iap:release";
/// Package of the contract, without version.
const PACKAGE: &str = "iap:service/";
/// Imports that carry types only.
const TYPES: &str = "types";
/// Interfaces of the contract that a component may import.
const INTERFACES: &[&str] =
    &["billing", "http", "keys", "store", "blobs", "jobs", "callback", "config", "clock", "random", "log", TYPES];
const EXPORT: &str = "plugin";

/// What a component carries and asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    /// JSON of the custom section: the release's files.
    pub files: Vec<u8>,
    /// Interfaces that the component really imports, as `http`: the truth about what it can do.
    pub imports: BTreeSet<String>,
    /// Which limits it needs.
    pub class: SizeClass,
}

/// Why a component cannot be released. The texts say what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReleaseError {
    /// Larger than any class takes.
    #[error("the component has {0} bytes, at most 16 MiB are taken; build it with opt-level \"s\", lto and strip")]
    TooLarge(usize),
    /// A core module.
    #[error("this is a core module, not a component; build it with `iap plugin build`")]
    NotAComponent,
    /// Not WebAssembly, or with features that are off here.
    #[error("the component is not valid here: {0}")]
    Invalid(String),
    /// An import that no capability gives.
    #[error("the component imports {name:?}, which this host does not give: {remedy}")]
    Import {
        /// As the component names it.
        name: String,
        /// What to do.
        remedy: &'static str,
    },
    /// Nothing to call.
    #[error(
        "the component does not export iap:service/plugin@1.0.0; implement the SDK's Service trait and call register_service!"
    )]
    NoPlugin,
    /// No manifest inside.
    #[error(
        "the component has no section \"iap:release\" with plugin.toml and its files; build it with `iap plugin build`"
    )]
    NoFiles,
    /// Imports more than the manifest declares.
    #[error("the component imports iap:service/{interface}, but plugin.toml does not declare it: add {remedy}")]
    NotDeclared {
        /// Interface of the contract.
        interface: &'static str,
        /// What to add.
        remedy: &'static str,
    },
}

/// Validates a component and reads its release section and imports.
pub fn read_release(component: &[u8]) -> Result<Release, ReleaseError> {
    let class = SizeClass::for_size(component.len()).ok_or(ReleaseError::TooLarge(component.len()))?;
    if Parser::is_core_wasm(component) {
        return Err(ReleaseError::NotAComponent);
    }
    let invalid = |error: wasmparser::BinaryReaderError| ReleaseError::Invalid(error.to_string());
    Validator::new_with_features(features()).validate_all(component).map_err(invalid)?;
    let mut found = Found::default();
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(component) {
        match payload.map_err(invalid)? {
            // The first version is the component's own; each nested one is followed by an end.
            Payload::Version { encoding, .. } => {
                depth += 1;
                if depth == 1 && encoding != Encoding::Component {
                    return Err(ReleaseError::NotAComponent);
                }
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::CustomSection(section) if depth == 1 && section.name() == SECTION => {
                found.files(section.data())?
            }
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    found.import(import.map_err(invalid)?.name.name)?;
                }
            }
            Payload::ComponentExportSection(section) if depth == 1 => {
                for export in section {
                    found.plugin |= contract_interface(export.map_err(invalid)?.name.name) == Some(EXPORT);
                }
            }
            _ => {}
        }
    }
    if !found.plugin {
        return Err(ReleaseError::NoPlugin);
    }
    let files = found.files.ok_or(ReleaseError::NoFiles)?;
    Ok(Release { files, imports: found.imports, class })
}

/// Refuses imports that the manifest does not declare.
pub fn check_imports(imports: &BTreeSet<String>, manifest: &Manifest) -> Result<(), ReleaseError> {
    let permissions = &manifest.permissions;
    let needs = [
        ("http", !manifest.endpoints.is_empty(), "an [[http]] table for each endpoint"),
        ("keys", !manifest.secrets.is_empty(), "a [[secrets]] table for each key"),
        ("store", permissions.store > 0, "[permissions] store = \"1 MiB\""),
        ("blobs", permissions.blobs > 0, "[permissions] blobs = \"64 MiB\""),
        ("jobs", permissions.jobs, "[permissions] jobs = true"),
        ("callback", permissions.callback, "[permissions] callback = true"),
    ];
    match needs.into_iter().find(|(interface, declared, _)| imports.contains(*interface) && !declared) {
        Some((interface, _, remedy)) => Err(ReleaseError::NotDeclared { interface, remedy }),
        None => Ok(()),
    }
}

/// What guests may be made of: the same set as the engine's.
fn features() -> WasmFeatures {
    WasmFeatures::MUTABLE_GLOBAL
        | WasmFeatures::SATURATING_FLOAT_TO_INT
        | WasmFeatures::SIGN_EXTENSION
        | WasmFeatures::REFERENCE_TYPES
        | WasmFeatures::MULTI_VALUE
        | WasmFeatures::BULK_MEMORY
        | WasmFeatures::BULK_MEMORY_OPT
        | WasmFeatures::CALL_INDIRECT_OVERLONG
        | WasmFeatures::SIMD
        | WasmFeatures::FLOATS
        | WasmFeatures::EXTENDED_CONST
        | WasmFeatures::GC_TYPES
        | WasmFeatures::COMPONENT_MODEL
}

#[derive(Default)]
struct Found {
    files: Option<Vec<u8>>,
    imports: BTreeSet<String>,
    plugin: bool,
}

impl Found {
    /// Two sections would let two readers see different releases under one digest.
    fn files(&mut self, data: &[u8]) -> Result<(), ReleaseError> {
        match self.files.replace(data.to_vec()) {
            None => Ok(()),
            Some(_) => Err(ReleaseError::Invalid(format!("it has two sections {SECTION:?}"))),
        }
    }

    fn import(&mut self, name: &str) -> Result<(), ReleaseError> {
        let known = contract_interface(name).filter(|interface| INTERFACES.contains(interface));
        let Some(interface) = known else {
            let remedy = remedy(name);
            return Err(ReleaseError::Import { name: name.to_owned(), remedy });
        };
        if interface != TYPES {
            self.imports.insert(interface.to_owned());
        }
        Ok(())
    }
}

/// `http` of `iap:service/http@1.0.0`; `None` for other packages and versions.
fn contract_interface(name: &str) -> Option<&str> {
    let (interface, version) = name.strip_prefix(PACKAGE)?.split_once('@')?;
    let rest = version.strip_prefix("1.")?;
    let released = rest.split('.').all(|part| !part.is_empty() && part.bytes().all(|digit| digit.is_ascii_digit()));
    released.then_some(interface)
}

fn remedy(name: &str) -> &'static str {
    if name.starts_with("wasi:") {
        "it was built for a WASI target; build for wasm32-unknown-unknown with `iap plugin build`, and take time, randomness and requests from iap-sdk"
    } else if name.contains("wbindgen") || name.contains("wasm-bindgen") {
        "a dependency pulls in wasm-bindgen; disable its \"js\" or \"wasm-bindgen\" feature"
    } else if name.starts_with(PACKAGE) {
        "it was built for another version of the contract; build with an SDK of version 1"
    } else {
        "only interfaces of iap:service@1 can be imported"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::tests::manifest;

    #[test]
    fn only_version_one_of_the_contract_is_known() {
        assert_eq!(contract_interface("iap:service/http@1.0.0"), Some("http"));
        assert_eq!(contract_interface("iap:service/http@1.7.2"), Some("http"));
        for name in [
            "iap:service/http",
            "iap:service/http@2.0.0",
            "iap:service/http@1.0.0-rc.1",
            "wasi:http/types@1.0.0",
            "http@1.0.0",
        ] {
            assert_eq!(contract_interface(name), None, "{name}");
        }
    }

    #[test]
    fn a_foreign_import_is_refused_with_a_remedy() {
        let import = |name: &str| Found::default().import(name).unwrap_err().to_string();
        assert!(import("wasi:cli/environment@0.2.3").contains("WASI target"));
        assert!(import("__wbindgen_placeholder__").contains("wasm-bindgen"));
        assert!(import("iap:service/http@2.0.0").contains("SDK of version 1"));
        assert!(import("iap:service/shell@1.0.0").contains("version"));
    }

    #[test]
    fn what_is_no_component_is_refused_by_name() {
        let core = [0, b'a', b's', b'm', 1, 0, 0, 0];
        assert_eq!(read_release(&core), Err(ReleaseError::NotAComponent));
        assert!(matches!(read_release(b"hello"), Err(ReleaseError::Invalid(_))));
        assert!(matches!(read_release(&[]), Err(ReleaseError::Invalid(_))));
        let empty_component = [0, b'a', b's', b'm', 0x0d, 0, 1, 0];
        assert_eq!(read_release(&empty_component), Err(ReleaseError::NoPlugin));
        assert_eq!(read_release(&vec![0; (16 << 20) + 1]), Err(ReleaseError::TooLarge((16 << 20) + 1)));
    }

    #[test]
    fn one_section_carries_the_files() {
        let section = |files: &[u8]| {
            let size = |n: usize| u8::try_from(n).unwrap();
            let mut bytes = vec![0, size(1 + SECTION.len() + files.len()), size(SECTION.len())];
            bytes.extend(SECTION.bytes().chain(files.iter().copied()));
            bytes
        };
        let header = [0, b'a', b's', b'm', 0x0d, 0, 1, 0];
        let once = [&header[..], &section(b"{}")].concat();
        assert_eq!(read_release(&once), Err(ReleaseError::NoPlugin));
        let twice = [&once[..], &section(b"[]")].concat();
        assert!(matches!(read_release(&twice), Err(ReleaseError::Invalid(text)) if text.contains("two sections")));
    }

    #[test]
    fn an_import_needs_its_declaration() {
        let imports = |name: &str| BTreeSet::from([name.to_owned()]);
        for name in ["billing", "config", "clock", "random", "log", "keys"] {
            assert_eq!(check_imports(&imports(name), &manifest()), Ok(()), "{name}");
        }
        for name in ["http", "store", "blobs", "jobs", "callback"] {
            let error = check_imports(&imports(name), &manifest()).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
    }
}
