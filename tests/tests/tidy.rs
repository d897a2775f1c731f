//! House rules, as tests.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the workspace is there")
}

/// Which packages of ours a package may depend on; building included, tests of its own excluded.
const ARROWS: &[(&str, &[&str])] = &[
    ("iap-core", &[]),
    ("iap-store", &["iap-core"]),
    ("iap-runtime", &["iap-core"]),
    ("iap-guest-build", &[]),
    ("iap-sdk", &[]),
    ("iap-providers", &[]),
    ("iap-host", &["iap-core", "iap-store", "iap-runtime", "iap-guest-build", "iap-providers"]),
    ("iap-tests", &["iap-core", "iap-store", "iap-runtime", "iap-guest-build", "iap-providers", "iap-host"]),
];

#[test]
fn dependencies_point_only_where_the_architecture_says() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--format-version", "1"])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo answers JSON");
    let packages = metadata["packages"].as_array().expect("there are packages");
    let ours: BTreeSet<&str> = packages.iter().filter_map(|package| package["name"].as_str()).collect();
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    for package in packages {
        let name = package["name"].as_str().expect("packages have names");
        let guest = package["metadata"]["iap"]["guest"] == true;
        let may: &[&str] =
            if guest { &["iap-sdk"] } else { allowed.get(name).unwrap_or_else(|| panic!("add {name} to ARROWS")) };
        for dependency in package["dependencies"].as_array().expect("a list") {
            let to = dependency["name"].as_str().expect("dependencies have names");
            let arrow = ours.contains(to) && !(guest && dependency["kind"] == "dev");
            assert!(!arrow || may.contains(&to), "{name} must not depend on {to}");
        }
    }
}

#[test]
fn the_simulators_are_reached_over_sockets_only() {
    for file in sources(&root().join("host")) {
        let text = std::fs::read_to_string(&file).expect("sources are text");
        let commands = ["cli/simulate.rs", "cli/demo/world.rs"].iter().any(|allowed| file.ends_with(allowed));
        assert!(commands || !text.contains("iap_providers"), "{} uses the simulators in process", file.display());
    }
}

#[test]
fn the_rules_do_no_io() {
    for file in sources(&root().join("host/core/src")) {
        let text = std::fs::read_to_string(&file).expect("sources are text");
        for word in ["std::fs", "std::net", "std::env", "SystemTime", "Instant::", "tokio", "getrandom"] {
            assert!(!text.contains(word), "{} uses {word}", file.display());
        }
    }
}

#[test]
fn nothing_is_left_unfinished() {
    for file in sources(&root()) {
        if file.ends_with("tests/tests/tidy.rs") {
            continue;
        }
        let text = std::fs::read_to_string(&file).expect("sources are text");
        for word in ["todo!(", "unimplemented!(", "FIXME", "#[ignore"] {
            assert!(!text.contains(word), "{} says {word}", file.display());
        }
    }
}

#[test]
fn every_folder_that_a_newcomer_opens_explains_itself() {
    for file in [
        "README.md",
        "CHANGELOG.md",
        "LICENSE",
        "host/ARCHITECTURE.md",
        "host/BENCHMARKS.md",
        "sdk/README.md",
        "plugins/sms/README.md",
        "examples/providers/README.md",
        "tests/README.md",
    ] {
        assert!(root().join(file).is_file(), "{file} is missing");
    }
}

/// Rust files below a folder, without build output.
fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("the folder is readable").flatten() {
        let path = entry.path();
        if path.is_dir() && path.file_name().is_none_or(|name| name != "target" && name != ".git") {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}
