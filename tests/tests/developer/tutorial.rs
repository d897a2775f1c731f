//! Every command of the tutorial in `sdk/README.md` works as it stands there.

use std::process::{Command, Stdio};

use iap_tests::host::binary;

use crate::support::{Developer, Server};

/// Lines of the code blocks with this word beside their language.
fn commands(word: &str) -> Vec<String> {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../sdk/README.md");
    let text = std::fs::read_to_string(path).expect("the SDK has a manual");
    let mut inside = false;
    let mut commands = Vec::new();
    for line in text.lines() {
        match line.strip_prefix("```") {
            Some(language) => inside = language == format!("sh {word}"),
            None if inside => commands.push(line.to_owned()),
            None => {}
        }
    }
    commands
}

#[test]
fn the_tutorial_is_true() {
    let developer = Developer::new();
    let server = commands("server");
    assert_eq!(server.len(), 1, "{server:?}");
    let serve: Vec<&str> = server[0].split(' ').collect();
    assert_eq!(serve[..3], ["iap", "serve", "--dev"]);
    let host = Server::host(&developer, &serve[2..3]);

    let steps = commands("tutorial");
    assert!(10 < steps.len(), "{steps:?}");
    let script = format!("set -eux\n{}\n", steps.join("\n"));
    let path = std::env::var("PATH").unwrap_or_default();
    let folder = binary().parent().expect("it is in a folder").display().to_string();
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(developer.path("."))
        .env("PATH", format!("{folder}:{path}"))
        .env("IAP_HOST", host.url())
        .env("IAP_CONFIG_HOME", developer.path("config"))
        .env("CARGO_TARGET_DIR", binary().with_file_name("developers"))
        .stdin(Stdio::null())
        .output()
        .expect("bash runs");
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("\"text\": \"Hello, Ada!\"") && said.contains("1 credits were charged, 4 are left"),
        "{said}"
    );
}
