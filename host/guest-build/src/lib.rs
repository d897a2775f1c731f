//! Builds plugins into WebAssembly components.
//!
//! A guest is a cargo package with `crate-type = ["cdylib", "rlib"]` and a
//! `plugin.toml` beside its `Cargo.toml`. All guests of a workspace are built in
//! one cargo call for `wasm32-unknown-unknown` into `<workspace target>/guests`,
//! encoded as components, and given the release they belong to as a custom
//! section (see [`RELEASE_SECTION`]).
//!
//! Build scripts use it so:
//!
//! ```no_run
//! # fn main() -> anyhow::Result<()> {
//! let guests = iap_guest_build::build_workspace_guests(std::path::Path::new("../"))?;
//! iap_guest_build::emit_rerun_if_changed(&guests);
//! # Ok(())
//! # }
//! ```

mod build;
mod component;
mod environment;
mod freshness;
mod metadata;
mod release;
mod script;
mod toolchain;

pub use build::{Guest, build_guest, build_workspace_guests};
pub use release::RELEASE_SECTION;
pub use script::{emit_rerun_if_changed, write_constants};
