//! The examples' scripts (`tests/*.toml` beside them), played in the sandbox with faults.

use std::{path::Path, process::Command};

use iap_tests::{guests, host::binary};

#[test]
fn the_scripts_of_the_examples_hold_in_hostile_worlds() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples");
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (example, tests) in [("vat-check", 5), ("exchange-rates", 4)] {
        let component = folder.path().join(format!("{example}.wasm"));
        std::fs::write(&component, guests::component(&format!("iap-example-{example}"))).expect("it is writable");
        let played = Command::new(binary())
            .args(["plugin", "test", "--hostile", "--component"])
            .arg(&component)
            .current_dir(examples.join(example))
            .output()
            .expect("it runs");
        let said = String::from_utf8_lossy(&[played.stdout, played.stderr].concat()).into_owned();
        assert!(played.status.success() && said.contains(&format!("{tests} tests passed")), "{example}: {said}");
    }
}
