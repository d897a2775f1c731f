//! Builds plugins into WebAssembly components.
//!
//! A guest is a cargo package with `crate-type = ["cdylib", "rlib"]` and a
//! `plugin.toml` beside its `Cargo.toml`. All guests of a workspace are built in
//! one cargo call for `wasm32-unknown-unknown` into `<workspace target>/guests`,
//! encoded as components, and given the release they belong to as a custom
//! section (see [`RELEASE_SECTION`]). It is the library of `iap plugin build` too, which builds the one plugin of a folder
//! ([`build_plugin`]).
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
mod embed;
mod environment;
mod freshness;
mod javascript;
mod metadata;
mod release;
mod script;
mod standalone;
mod toolchain;

pub use build::{Built, DoesNotBuild, Guest, Step, build_guest, build_plugin, build_workspace_guests, target_folder};
pub use component::{release_files, with_release, write_if_changed};
pub use embed::{Sources, write_sources};
pub use javascript::is_javascript;
pub use release::RELEASE_SECTION;
pub use script::{emit_rerun_if_changed, write_constants};
pub use standalone::{lock_of, standalone_manifest};
