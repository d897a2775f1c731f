//! Mistakes of a developer, each told with its place and what to do.

use crate::support::Developer;

/// A new plugin in the folder `hello`. Names differ, since all is built into one folder.
fn hello(name: &str) -> Developer {
    let developer = Developer::new();
    developer.iap(".", &["plugin", "new", name, "--dir", "hello"]).well();
    developer
}

/// Line of a text, from 1.
fn line_of(text: &str, needle: &str) -> usize {
    text.lines().position(|line| line.contains(needle)).expect("it is there") + 1
}

#[test]
fn without_a_component_the_rest_is_checked_and_that_is_said() {
    let developer = hello("never_built");
    let checked = developer.iap("hello", &["plugin", "check", "--path", "."]).well().stdout;
    assert!(checked.contains("0 mistakes, 0 warnings") && checked.contains("Not checked: "), "{checked}");
}

#[test]
fn mistakes_in_files_have_file_line_and_column() {
    let developer = hello("misspelt");
    developer.edit("hello/plugin.toml", "max_per_call", "max_percall");
    std::fs::create_dir(developer.path("hello/prices")).expect("it is writable");
    std::fs::write(developer.path("hello/prices/greeting.csv"), "key,credits\nBE,1\nFR,x\n").expect("it is writable");
    developer.edit("hello/plugin.toml", "credits = \"1\"  ", "table = \"prices/greeting.csv\"  ");
    let told = developer.iap("hello", &["plugin", "check"]).badly().stdout;
    let line = line_of(&developer.read("hello/plugin.toml"), "max_percall");
    let misspelt =
        format!("plugin.toml:{line}:1: error: [[operations]] \"greet\": unknown member \"max_percall\"; did you mean");
    assert!(told.contains(&misspelt), "{misspelt}\n{told}");
    assert!(told.contains("prices/greeting.csv:3: error: credits of \"FR\": \"x\" is not a decimal number"), "{told}");
    let json = developer.iap("hello", &["plugin", "check", "--json"]).badly().json();
    assert_eq!((json["ok"].as_bool(), json["errors"].as_u64()), (Some(false), Some(3)), "{json}");
    assert!(json["findings"][0]["line"].is_u64(), "{json}");
    // What needs a sound manifest says so, with the same places.
    let refused = developer.iap("hello", &["plugin", "build"]).badly().stderr;
    assert!(
        refused.contains("plugin.toml has 3 mistakes") && refused.contains(&format!("plugin.toml:{line}: ")),
        "{refused}"
    );
}

#[test]
fn what_the_component_uses_is_compared_with_what_is_declared() {
    let developer = hello("undeclared");
    developer.edit(
        "hello/src/lib.rs",
        "hold.capture()?;",
        "store::set(Scope::Service, \"last\", name.as_bytes(), None)?;\n    hold.capture()?;",
    );
    developer.edit("hello/plugin.toml", "[limits]", "[permissions]\njobs = true\n\n[limits]");
    developer.iap("hello", &["plugin", "build"]).well();
    let manifest = developer.read("hello/plugin.toml");
    let line = |text: &str| manifest.lines().position(|line| line == text).expect("it is there") + 1;
    let told = developer.iap("hello", &["plugin", "check"]).badly().stdout;
    let store = format!("plugin.toml:{}:1: error: the component imports iap:service/store", line("[permissions]"));
    assert!(told.contains(&store) && told.contains("add [permissions] store = \"1 MiB\""), "{store}\n{told}");
    let jobs = format!("plugin.toml:{}:8: warning: jobs is declared", line("jobs = true"));
    assert!(told.contains(&jobs), "{jobs}\n{told}");
    // Corrected, but not built again.
    developer.edit("hello/plugin.toml", "\njobs = true\n", "\nstore = \"1 MiB\"\n");
    let told = developer.iap("hello", &["plugin", "check"]).badly().stdout;
    assert!(told.contains("was built from other files") && told.contains("iap plugin build"), "{told}");
    developer.iap("hello", &["plugin", "build"]).well();
    let json = developer.iap("hello", &["plugin", "check", "--json"]).well().json();
    assert_eq!((json["errors"].as_u64(), json["warnings"].as_u64()), (Some(0), Some(0)), "{json}");
    assert!(
        json["component"]["compile_ms"].is_u64() && json["component"]["imports"].to_string().contains("store"),
        "{json}"
    );
}

#[test]
fn code_that_does_not_compile_is_told_by_the_compiler() {
    let developer = hello("broken");
    developer.edit("hello/src/lib.rs", "hold.capture()?;", "hold.captured()?;");
    let told = developer.iap("hello", &["plugin", "build", "--json"]).badly();
    assert!(told.stderr.contains("src/lib.rs:"), "{}", told.stderr);
    assert!(told.json()["error"].as_str().expect("an error").contains("no method named `captured`"));
}

#[test]
fn what_is_no_plugin_says_what_to_do() {
    let developer = Developer::new();
    for command in ["build", "check", "test", "run", "publish", "status"] {
        let error = developer.iap(".", &["plugin", command]).badly().stderr;
        assert!(
            error.contains("there is no plugin.toml here or above") && error.contains("iap plugin new"),
            "{command}: {error}"
        );
    }
}
