//! Builds the guests that the tests run.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

fn main() -> anyhow::Result<()> {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let guests = iap_guest_build::build_workspace_guests(&workspace)?;
    iap_guest_build::emit_rerun_if_changed(&guests);
    let out = PathBuf::from(std::env::var_os("OUT_DIR").context("cargo sets OUT_DIR")?);
    iap_guest_build::write_constants(&guests, &out.join("guests.rs"))
}
