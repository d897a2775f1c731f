//! Builds the plugins that the binary embeds, and gathers the SDK and the template that `iap plugin new` writes.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use iap_guest_build::{Guest, Sources};

fn main() -> anyhow::Result<()> {
    let host = Path::new(env!("CARGO_MANIFEST_DIR"));
    let workspace = host.join("..");
    let guests = iap_guest_build::build_workspace_guests(&workspace)?;
    iap_guest_build::emit_rerun_if_changed(&guests);
    let out = PathBuf::from(std::env::var_os("OUT_DIR").context("cargo sets OUT_DIR")?);
    let below = |folder: &str| -> Vec<Guest> {
        let parent =
            |guest: &Guest| guest.manifest_dir.parent().and_then(Path::file_name).is_some_and(|name| name == folder);
        guests.iter().filter(|guest| parent(guest)).cloned().collect()
    };
    iap_guest_build::write_constants(&below("plugins"), &out.join("first_party.rs"))?;
    iap_guest_build::write_constants(&below("examples"), &out.join("examples.rs"))?;
    embed_for_developers(host, &workspace, &out)
}

/// `SDK` and `TEMPLATE`: the SDK as a package that stands alone, and a new plugin's folder.
fn embed_for_developers(host: &Path, workspace: &Path, out: &Path) -> anyhow::Result<()> {
    let read =
        |path: PathBuf| std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()));
    let (sdk, lock_file) = (workspace.join("sdk"), workspace.join("Cargo.lock"));
    let manifest =
        iap_guest_build::standalone_manifest(&read(sdk.join("Cargo.toml"))?, &read(workspace.join("Cargo.toml"))?)?;
    let own_manifest = out.join("sdk-Cargo.toml");
    iap_guest_build::write_if_changed(&own_manifest, manifest.as_bytes())?;
    // The versions that this build was made and tested with.
    let uses = ["iap-sdk", "serde", "serde_json"];
    let lock = iap_guest_build::lock_of("iap-plugin-{{package}}", "0.0.0", &uses, &read(lock_file.clone())?)?;
    let own_lock = out.join("plugin-Cargo.lock");
    iap_guest_build::write_if_changed(&own_lock, lock.as_bytes())?;

    let mut sources = Sources::default();
    sources.file("Cargo.toml", &own_manifest);
    for entry in std::fs::read_dir(&sdk).context("cannot list the SDK")? {
        let path = entry?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.ends_with(".md") {
            sources.file(name, &path);
        }
    }
    sources.folder("src/", &sdk.join("src"))?.folder("wit/", &sdk.join("wit"))?;
    sources.watch(&sdk.join("Cargo.toml")).watch(&workspace.join("Cargo.toml")).watch(&lock_file);
    let mut template = Sources::default();
    template.folder("", &host.join("template"))?.file("Cargo.lock", &own_lock);
    iap_guest_build::write_sources(&[("SDK", &sources), ("TEMPLATE", &template)], &out.join("developer.rs"))
}
