//! Which variables of an outer cargo must not reach the inner one.
//!
//! A build script inherits the flags of the package it belongs to: coverage,
//! clippy's wrapper, a jobserver. The guests would be built with them, and again
//! whenever they differ.

use std::process::Command;

/// Cargo's variables that say how to reach registries and how many jobs to run,
/// rather than what is being built.
const KEPT: [&str; 7] =
    ["CARGO_HOME", "CARGO_NET_", "CARGO_HTTP_", "CARGO_REGISTR", "CARGO_SOURCE_", "CARGO_TERM_", "CARGO_BUILD_JOBS"];

/// Variables that do not begin with `CARGO` and still change what is built.
const DROPPED: [&str; 16] = [
    "RUSTFLAGS",
    "RUSTDOCFLAGS",
    "RUSTC",
    "RUSTDOC",
    "RUSTC_WRAPPER",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_LINKER",
    "RUSTC_BOOTSTRAP",
    "MAKEFLAGS",
    "MFLAGS",
    "OUT_DIR",
    "TARGET",
    "HOST",
    "PROFILE",
    "OPT_LEVEL",
    "CLIPPY_ARGS",
];

/// Whether a variable would change what the inner cargo builds.
fn leaks(name: &str) -> bool {
    let of_cargo = name.starts_with("CARGO") || name.starts_with("__CARGO") || name.starts_with("DEP_");
    DROPPED.contains(&name) || (of_cargo && !KEPT.iter().any(|kept| name.starts_with(kept)))
}

/// Takes the outer cargo's variables away from a command.
pub(crate) fn scrub(command: &mut Command) {
    for (name, _) in std::env::vars_os() {
        if name.to_str().is_some_and(leaks) {
            command.env_remove(&name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_describes_the_outer_build_is_dropped() {
        for name in [
            "RUSTFLAGS",
            "CARGO_ENCODED_RUSTFLAGS",
            "RUSTC_WORKSPACE_WRAPPER",
            "CARGO_MAKEFLAGS",
            "CARGO_TARGET_DIR",
            "CARGO_BUILD_TARGET",
            "CARGO_PROFILE_GUEST_LTO",
            "CARGO_CFG_TARGET_ARCH",
            "CARGO",
        ] {
            assert!(leaks(name), "{name}");
        }
    }

    #[test]
    fn what_says_how_to_reach_registries_is_kept() {
        for name in
            ["CARGO_HOME", "CARGO_NET_OFFLINE", "CARGO_REGISTRIES_X_INDEX", "PATH", "RUSTUP_TOOLCHAIN", "HTTPS_PROXY"]
        {
            assert!(!leaks(name), "{name}");
        }
    }
}
