//! `sdk/CONTRACT.md` is the contract, for people: made of `sdk/wit`, and the same as it.

mod reference;

use std::path::{Path, PathBuf};

use wit_parser::Resolve;

fn sdk() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk")
}

fn rendered() -> String {
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(sdk().join("wit")).expect("the contract is valid WIT");
    reference::render(&resolve, package)
}

#[test]
fn the_reference_is_that_of_the_contract() {
    let (path, expected) = (sdk().join("CONTRACT.md"), rendered());
    if std::env::var_os("IAP_BLESS").is_some_and(|value| value == "1") {
        std::fs::write(&path, &expected).expect("the reference can be written");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    let differs = written.lines().zip(expected.lines()).find(|(written, expected)| written != expected);
    assert!(
        written == expected,
        "{} is not what sdk/wit says (first difference: {differs:?}); write it with\n  IAP_BLESS=1 cargo test --workspace --test contract",
        path.display()
    );
}

#[test]
fn everything_in_the_contract_is_in_the_reference() {
    let reference = rendered();
    let wit = std::fs::read_to_string(sdk().join("wit/service.wit")).expect("the contract is there");
    let names = wit.lines().filter_map(|line| {
        let line = line.trim();
        let kinds = ["interface ", "record ", "variant ", "enum ", "resource "];
        let declared = kinds.iter().find_map(|kind| line.strip_prefix(kind)?.split([' ', '{']).next());
        declared.or_else(|| line.split_once(": func(").map(|(name, _)| name.trim_start_matches('%')))
    });
    let mut count = 0;
    for name in names {
        assert!(reference.contains(name), "{name} is not in the reference");
        count += 1;
    }
    assert!(count > 60, "only {count} names were found in the contract");
    for sentence in ["Credits set aside. Dropping it releases them.", "One metered invocation of an operation."] {
        assert!(reference.contains(sentence), "{sentence}");
    }
}

#[test]
fn versions_in_the_compatibility_table_are_those_of_the_sources() {
    let table = std::fs::read_to_string(sdk().join("COMPATIBILITY.md")).expect("sdk/COMPATIBILITY.md is there");
    let mut resolve = Resolve::default();
    let (package, _) = resolve.push_path(sdk().join("wit")).expect("the contract is valid WIT");
    let contract = resolve.packages[package].name.version.clone().expect("the contract has a version");
    // One workspace: the SDK and the host have the version of this package.
    let version = env!("CARGO_PKG_VERSION");
    let row = format!("| `iap:service@{contract}` | {version} | {version} |");
    assert!(table.contains(&row), "sdk/COMPATIBILITY.md has no row {row:?}");
}
