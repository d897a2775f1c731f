//! `iap plugin new`, and the SDK that it writes.

use crate::support::Developer;

#[test]
fn a_folder_with_something_in_it_is_left_alone() {
    let developer = Developer::new();
    let made = developer.iap(".", &["plugin", "new", "hello", "--vendor", "acme", "--dir", "deep/er", "--json"]).well();
    assert_eq!(made.json()["vendor"], "acme");
    assert!(developer.read("deep/er/plugin.toml").contains("vendor = \"acme\""));
    let before = developer.read("deep/er/src/lib.rs");
    let refused = developer.iap(".", &["plugin", "new", "other", "--dir", "deep/er"]).badly();
    assert!(refused.stderr.contains("is not empty"), "{}", refused.stderr);
    assert_eq!(developer.read("deep/er/src/lib.rs"), before);
}

#[test]
fn a_wrong_name_is_corrected() {
    let developer = Developer::new();
    let refused = developer.iap(".", &["plugin", "new", "Lead-Mining", "--json"]).badly().json();
    assert!(refused["error"].as_str().expect("an error").ends_with("write \"lead_mining\""), "{refused}");
    assert!(!developer.path("Lead-Mining").exists());
}

#[test]
fn the_next_steps_are_told() {
    let developer = Developer::new();
    let told = developer.iap(".", &["plugin", "new", "hello"]).well().stdout;
    for step in ["cd hello", "iap plugin build", "iap plugin test", "iap plugin run", "iap plugin publish", "`dev`"] {
        assert!(told.contains(step), "{step}: {told}");
    }
}

#[test]
fn an_old_sdk_is_brought_up_to_date() {
    let developer = Developer::new();
    developer.iap(".", &["plugin", "new", "hello"]).well();
    std::fs::write(developer.path("hello/.iap/sdk/version"), "0.0.1 0000\n").expect("it is writable");
    std::fs::write(developer.path("hello/.iap/sdk/src/lib.rs"), "compile_error!(\"old\");").expect("it is writable");
    let told = developer.iap("hello/src", &["plugin", "new", "--upgrade-sdk"]).well().stdout;
    assert!(told.contains("from the SDK 0.0.1"), "{told}");
    assert!(!developer.read("hello/.iap/sdk/src/lib.rs").contains("compile_error"));
    let told = developer.iap("hello", &["plugin", "new", "--upgrade-sdk", "--json"]).well().json();
    assert_eq!(told["changed"], false, "{told}");
}
