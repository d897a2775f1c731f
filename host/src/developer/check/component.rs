//! What a component really is, beside what its release declares.

use std::path::Path;

use iap_core::{manifest::Manifest, release::ReleaseFiles};
use iap_runtime::{
    Engine, EngineOptions, PluginSpec, Settings,
    release::{self, Release, ReleaseError},
};
use serde::Serialize;

use super::{Checked, Finding, Severity, surface};
use crate::{
    catalog::digest_of,
    developer::{
        lines::{Places, Step},
        project::Project,
    },
};

/// What was seen of a component.
#[derive(Clone, Debug, Serialize)]
pub struct Facts {
    /// Where it is.
    pub path: String,
    /// Bytes.
    pub size: usize,
    /// SHA-256 in hexadecimal.
    pub digest: String,
    /// Interfaces of the contract that it imports, as `http`.
    pub imports: Vec<String>,
    /// Milliseconds that it took to compile here; absent where it does not.
    pub compile_ms: Option<u64>,
    /// Microseconds from compiled code to a first instance here.
    pub cold_start_us: Option<u64>,
}

/// Checks a component against its manifest.
pub(super) async fn look(
    checked: &mut Checked,
    project: &Project,
    manifest: &Manifest,
    places: &Places<'_>,
    path: &Path,
    bytes: &[u8],
) {
    let file = path.strip_prefix(&project.folder).unwrap_or(path).display().to_string();
    let wrong = |message: String| Finding::in_file(&file, message);
    let parts = match release::read_release(bytes) {
        Ok(parts) => parts,
        Err(error) => {
            checked.findings.push(wrong(error.to_string()));
            checked.unchecked.push("permissions and limits: the component is not valid".to_owned());
            return;
        }
    };
    match ReleaseFiles::from_section(&parts.files) {
        Ok(files) if files == project.files => {}
        Ok(_) => checked.findings.push(wrong(
            "it was built from other files than those that are here now; run `iap plugin build`".to_owned(),
        )),
        Err(error) => checked.findings.push(wrong(error.to_string())),
    }
    checked.findings.extend(undeclared(&parts, manifest, places));
    checked.findings.extend(unused(&parts, manifest, places));
    let used = |interface: &str| parts.imports.contains(interface);
    checked.findings.extend(surface::unused_settings(manifest, (used("config"), used("keys")), places));
    let mut facts = Facts {
        path: path.display().to_string(),
        size: bytes.len(),
        digest: digest_of(bytes),
        imports: parts.imports.iter().cloned().collect(),
        compile_ms: None,
        cold_start_us: None,
    };
    let spec = PluginSpec { manifest: manifest.clone(), settings: Settings::default(), class: parts.class };
    match start(bytes, spec).await {
        Ok(examined) => {
            facts.compile_ms = u64::try_from(examined.compile.as_millis()).ok();
            facts.cold_start_us = u64::try_from(examined.cold_start.as_micros()).ok();
        }
        Err(message) => checked.findings.push(wrong(message)),
    }
    checked.facts = Some(facts);
}

/// Compiles, links and starts it once, under the manifest's limits.
async fn start(bytes: &[u8], spec: PluginSpec) -> Result<iap_runtime::Examined, String> {
    let engine = Engine::new(EngineOptions::default()).map_err(|error| error.to_string())?;
    engine.examine(bytes.to_vec(), spec).await.map_err(|error| error.to_string())
}

/// Imports that the manifest does not declare, each with what to add.
fn undeclared(parts: &Release, manifest: &Manifest, places: &Places<'_>) -> Vec<Finding> {
    let mut imports = parts.imports.clone();
    let mut findings = Vec::new();
    while let Err(error) = release::check_imports(&imports, manifest) {
        if let ReleaseError::NotDeclared { interface, .. } = &error {
            imports.remove(*interface);
        } else {
            imports.clear();
        }
        findings.push(Finding::at(Severity::Error, places, &[Step::Member("permissions")], error.to_string()));
    }
    findings
}

/// What is declared and not imported: admins are asked for it in vain.
fn unused(parts: &Release, manifest: &Manifest, places: &Places<'_>) -> Vec<Finding> {
    let permissions = &manifest.permissions;
    let takes_blobs = manifest.operations.iter().any(|operation| !operation.blobs.is_empty());
    let mut findings = Vec::new();
    let mut check = |declared: bool, interface: &str, path: &[Step<'_>], what: &str| {
        if declared && !parts.imports.contains(interface) {
            let message = format!(
                "{what} is declared, but the component does not import iap:service/{interface}: remove it, or it is asked \
                 of every admin for nothing"
            );
            findings.push(Finding::at(Severity::Warning, places, path, message));
        }
    };
    let permission = |name| [Step::Member("permissions"), Step::Member(name)];
    check(permissions.store > 0, "store", &permission("store"), "store");
    check(permissions.blobs > 0 && !takes_blobs, "blobs", &permission("blobs"), "blobs");
    check(permissions.jobs, "jobs", &permission("jobs"), "jobs");
    check(permissions.callback, "callback", &permission("callback"), "callback");
    for endpoint in &manifest.endpoints {
        let what = format!("endpoint {:?}", endpoint.name);
        check(true, "http", &[Step::Member("http"), Step::Called(&endpoint.name)], &what);
    }
    findings
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use iap_runtime::SizeClass;

    use super::*;

    const TEXT: &str = "[service]\nname = \"x\"\ntitle = \"X\"\nvendor = \"acme\"\nversion = \"1.0.0\"\napi = \"1.0\"\nsummary = \"X.\"\ncategory = \"Other\"\n\
        [[operations]]\nname = \"go\"\ntitle = \"Go\"\nfree = true\n\
        [[http]]\nname = \"api\"\nbase_url = \"https://api.example.com\"\nmethods = [\"GET\"]\n\
        [permissions]\njobs = true\n";

    fn told(imports: &[&str]) -> Vec<String> {
        let files = ReleaseFiles::default().with("plugin.toml", TEXT).unwrap();
        let manifest = Manifest::parse(&files).unwrap();
        let imports: BTreeSet<String> = imports.iter().map(|&name| name.to_owned()).collect();
        let parts = Release { files: Vec::new(), imports, class: SizeClass::Small };
        let places = Places::of(TEXT);
        let found = undeclared(&parts, &manifest, &places).into_iter().chain(unused(&parts, &manifest, &places));
        found.map(|finding| finding.to_string()).collect()
    }

    #[test]
    fn declared_and_used_is_fine() {
        assert_eq!(told(&["billing", "http", "jobs", "log"]), Vec::<String>::new());
    }

    #[test]
    fn every_import_that_is_not_declared_is_told_at_once() {
        let told = told(&["http", "jobs", "store", "callback"]);
        assert_eq!(told.len(), 2, "{told:?}");
        for (line, remedy) in told.iter().zip(["store = \"1 MiB\"", "callback = true"]) {
            assert!(line.starts_with("plugin.toml:17:1: error: ") && line.contains(remedy), "{line}");
        }
    }

    #[test]
    fn what_is_declared_for_nothing_is_a_warning() {
        let told = told(&["billing"]);
        assert!(told[0].starts_with("plugin.toml:18:8: warning: jobs is declared"), "{told:?}");
        assert!(told[1].starts_with("plugin.toml:13:1: warning: endpoint \"api\" is declared"), "{told:?}");
    }
}
