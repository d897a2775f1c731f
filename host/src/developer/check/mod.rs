//! `iap plugin check`: everything that can be known of a release before it is published.
//!
//! `plugin.toml` is read as a host reads it; what is allowed but unwise is a warning. With a component, what it really
//! imports is compared with what is declared, and it is compiled, linked and started once, in the sandbox.

mod component;
mod finding;
mod prices;
mod surface;

use std::path::Path;

use iap_core::{
    hosting::VendorKind,
    manifest::{MANIFEST_FILE, Manifest, ManifestError, ManifestErrors, Route},
};

use super::{
    lines::{Places, Step},
    project::Project,
};

pub use component::Facts;
pub use finding::{Finding, Severity};

/// What was found.
#[derive(Debug, Default)]
pub struct Checked {
    /// Mistakes and warnings, by file and line.
    pub findings: Vec<Finding>,
    /// What the component is; absent without one, or where it is not valid.
    pub facts: Option<Facts>,
    /// What was not looked at, and why.
    pub unchecked: Vec<String>,
}

impl Checked {
    /// How many mistakes there are.
    pub fn errors(&self) -> usize {
        self.findings.iter().filter(|finding| finding.severity == Severity::Error).count()
    }

    /// How many warnings there are.
    pub fn warnings(&self) -> usize {
        self.findings.len() - self.errors()
    }

    fn take(&mut self, errors: &ManifestErrors) {
        self.findings.extend(errors.iter().map(Finding::of_manifest));
    }
}

/// Checks a plugin, with its component if there is one.
pub async fn check(project: &Project, component: Option<(&Path, &[u8])>) -> Checked {
    let mut checked = Checked::default();
    match project.manifest() {
        Ok(manifest) => {
            let places = Places::of(project.files.get(MANIFEST_FILE).unwrap_or_default());
            if let Err(errors) = manifest.check_routes_for(kind(&manifest)) {
                checked.findings.extend(errors.iter().map(|error| of_route(error, &manifest, &places)));
            }
            checked.findings.extend(prices::look(&manifest, &places));
            checked.findings.extend(surface::look(&manifest, &project.files, &places));
            match component {
                Some((path, bytes)) => component::look(&mut checked, project, &manifest, &places, path, bytes).await,
                None => checked.unchecked.push(
                    "what the component imports, and whether it compiles and starts: it is not built; run `iap plugin build`"
                        .to_owned(),
                ),
            }
        }
        Err(errors) => {
            checked.take(&errors);
            checked.unchecked.push("packs, permissions and the component: plugin.toml has mistakes".to_owned());
        }
    }
    checked.findings.sort_by(Finding::by_place);
    checked
}

/// What is wrong with a route is told without its line.
fn of_route(error: &ManifestError, manifest: &Manifest, places: &Places<'_>) -> Finding {
    let named = |route: &&Route| error.message.contains(&format!("{:?}", route.path));
    match manifest.routes.iter().find(named) {
        Some(route) => {
            let path = [Step::Member("routes"), Step::Called(&route.path)];
            Finding::at(Severity::Error, places, &path, error.message.clone())
        }
        None => Finding::of_manifest(error),
    }
}

/// Of whom nothing else is known: `odoo` is first party everywhere, unless its operator says otherwise.
fn kind(manifest: &Manifest) -> VendorKind {
    if manifest.service.vendor == "odoo" { VendorKind::FirstParty } else { VendorKind::ThirdParty }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::developer::new::Blueprint;

    async fn of(change: impl FnOnce(String) -> String) -> String {
        let folder = tempfile::tempdir().unwrap();
        Blueprint::new("hello", "acme").unwrap().write(folder.path()).unwrap();
        let path = folder.path().join(MANIFEST_FILE);
        std::fs::write(&path, change(std::fs::read_to_string(&path).unwrap())).unwrap();
        let checked = check(&Project::open(Some(folder.path())).unwrap(), None).await;
        assert_eq!(checked.unchecked.len(), 1);
        checked.findings.iter().map(Finding::to_string).collect::<Vec<_>>().join("\n")
    }

    #[tokio::test]
    async fn a_new_plugin_has_nothing_to_say() {
        assert_eq!(of(|text| text).await, "");
    }

    #[tokio::test]
    async fn mistakes_are_told_with_file_line_and_column() {
        let told = of(|text| text.replace("max_per_call = \"1\"", "max_percall = \"1\"")).await;
        let lines: Vec<_> = told.lines().collect();
        assert_eq!(lines.len(), 2, "{told}");
        assert!(lines[1].contains("unknown member \"max_percall\"; did you mean \"max_per_call\"?"), "{told}");
        let mut place = lines[1].split(':');
        assert_eq!(place.next(), Some("plugin.toml"));
        assert!(place.next().unwrap().parse::<usize>().unwrap() > 30, "{told}");
        assert!(place.next().unwrap().parse::<usize>().is_ok(), "{told}");
        assert_eq!(place.next(), Some(" error"));
    }

    #[tokio::test]
    async fn a_third_party_answers_its_own_paths_only() {
        let route = "\n[[routes]]\npath = \"/api/sms/3/send\"\noperation = \"greet\"\naccount = \"account_token\"\n";
        let told = of(|text| text + route).await;
        let line = told.split(':').nth(1).unwrap().parse::<usize>().unwrap();
        assert!(50 < line && told.contains(":1: error: [[routes]] \"/api/sms/3/send\""), "{told}");
    }
}
