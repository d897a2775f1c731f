//! A new plugin's folder.

use std::path::Path;

use anyhow::{Context as _, bail};
use iap_core::{
    manifest::{Manifest, ManifestErrors},
    release::ReleaseFiles,
};

use super::{embedded::TEMPLATE, sdk};

/// What is written.
#[derive(Clone, Debug)]
pub struct Blueprint {
    files: Vec<(String, String)>,
}

impl Blueprint {
    /// Fills the template in; names have the form that the manifest asks for.
    ///
    /// # Errors
    ///
    /// A name has another form, with what to write instead.
    pub fn new(name: &str, vendor: &str) -> anyhow::Result<Self> {
        let title = title(name);
        let filled = |text: &str| {
            let values = [
                ("{{package}}", name.replace('_', "-")),
                ("{{name}}", quoted(name)),
                ("{{vendor}}", quoted(vendor)),
                ("{{title}}", quoted(&title)),
            ];
            values.iter().fold(text.to_owned(), |text, (place, value)| text.replace(place, value))
        };
        let files: Vec<_> = TEMPLATE.iter().map(|(path, text)| (destination(path), filled(text))).collect();
        let mut release = ReleaseFiles::default();
        for (path, text) in files.iter().filter(|(path, _)| is_released(path)) {
            release = release.with(path, text.as_str())?;
        }
        if let Err(errors) = Manifest::parse(&release) {
            bail!("{}", wrong_names(&errors));
        }
        Ok(Self { files })
    }

    /// Writes it, with the SDK, to a folder that is empty or not there.
    ///
    /// # Errors
    ///
    /// The folder has something in it, or cannot be written.
    pub fn write(&self, folder: &Path) -> anyhow::Result<()> {
        if std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
            bail!(
                "{} is not empty; choose another name, or another folder with --dir (nothing was written)",
                folder.display()
            );
        }
        for (path, text) in &self.files {
            let file = folder.join(path);
            let parent = file.parent().context("a file is in a folder")?;
            std::fs::create_dir_all(parent)
                .and_then(|()| std::fs::write(&file, text))
                .with_context(|| format!("cannot write {}", file.display()))?;
        }
        sdk::write(folder)
    }

    /// Paths of what is written, without the SDK's.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.files.iter().map(|(path, _)| path.as_str())
    }
}

/// `gitignore.in` and the like would have a meaning of their own in our tree.
fn destination(path: &str) -> String {
    match path.strip_suffix(".in") {
        Some("gitignore") => ".gitignore".to_owned(),
        Some(path) => path.to_owned(),
        None => path.to_owned(),
    }
}

fn is_released(path: &str) -> bool {
    path == "plugin.toml" || path.starts_with("schemas/") || path.starts_with("prices/")
}

/// The inside of a TOML text.
fn quoted(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend(['\\', c]),
            c if c.is_control() => out.push_str(&format!("\\u{:04X}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

/// `lead_mining` as people write it: `Lead mining`.
fn title(name: &str) -> String {
    let words = name.replace('_', " ");
    let mut letters = words.chars();
    match letters.next() {
        Some(first) => first.to_uppercase().chain(letters).collect(),
        None => words,
    }
}

/// Only the names come from outside, so they are all that can be wrong.
fn wrong_names(errors: &ManifestErrors) -> String {
    let of = |member: &str| {
        let prefix = format!("[service]: \"{member}\": ");
        errors.iter().find_map(|error| error.message.strip_prefix(&prefix))
    };
    match (of("name"), of("vendor")) {
        (Some(wrong), _) => format!("the name {wrong}"),
        (None, Some(wrong)) => format!("the vendor {wrong}"),
        (None, None) => errors.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_manifest() {
        let wrong = |name: &str, vendor: &str| Blueprint::new(name, vendor).unwrap_err().to_string();
        assert_eq!(
            wrong("My-App", "acme"),
            "the name \"My-App\" must be 1 to 40 of a-z, 0-9 and \"_\", beginning with a letter; write \"my_app\""
        );
        assert!(wrong("a\"b\n", "acme").starts_with("the name \"a\\\"b\\n\" must be"));
        assert!(wrong("", "acme").starts_with("the name \"\" must be"));
        assert!(wrong("hello", "a b").starts_with("the vendor \"a b\" must be"));
    }

    #[test]
    fn a_new_plugin_is_complete_and_sound() {
        let folder = tempfile::tempdir().unwrap();
        let plan = Blueprint::new("lead_mining", "acme").unwrap();
        plan.write(folder.path()).unwrap();
        let read = |path: &str| std::fs::read_to_string(folder.path().join(path)).unwrap();
        for path in plan.paths().chain([".gitignore", ".iap/sdk/Cargo.toml", "tests/greet.toml", "Cargo.lock"]) {
            assert!(!read(path).contains("{{"), "{path} has a place that was not filled");
        }
        let manifest: toml::Table = read("Cargo.toml").parse().unwrap();
        assert_eq!(manifest["package"]["name"].as_str(), Some("iap-plugin-lead-mining"));
        assert!(manifest["workspace"].is_table() && manifest["profile"]["guest"].is_table());
        assert!(read("Cargo.lock").contains("name = \"iap-plugin-lead-mining\""));
        let project = super::super::project::Project::open(Some(folder.path())).unwrap();
        let manifest = project.sound_manifest().unwrap();
        assert_eq!((manifest.service.title.as_str(), manifest.service.vendor.as_str()), ("Lead mining", "acme"));
        assert!(manifest.trial.is_some() && !manifest.packs.is_empty());
    }

    #[test]
    fn what_is_there_stays() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("plugin.toml"), "mine").unwrap();
        let error = Blueprint::new("hello", "acme").unwrap().write(folder.path()).unwrap_err().to_string();
        assert!(error.contains("is not empty") && error.contains("--dir"), "{error}");
        assert_eq!(std::fs::read_to_string(folder.path().join("plugin.toml")).unwrap(), "mine");
    }
}
