//! Builds the plugins that the binary embeds.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use iap_guest_build::Guest;

fn main() -> anyhow::Result<()> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let guests = iap_guest_build::build_workspace_guests(&workspace)?;
    iap_guest_build::emit_rerun_if_changed(&guests);
    let out = PathBuf::from(std::env::var_os("OUT_DIR").context("cargo sets OUT_DIR")?);
    let below = |folder: &str| -> Vec<Guest> {
        let parent =
            |guest: &Guest| guest.manifest_dir.parent().and_then(Path::file_name).is_some_and(|name| name == folder);
        guests.iter().filter(|guest| parent(guest)).cloned().collect()
    };
    iap_guest_build::write_constants(&below("plugins"), &out.join("first_party.rs"))?;
    iap_guest_build::write_constants(&below("examples"), &out.join("examples.rs"))
}
