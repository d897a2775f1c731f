//! A developer's shell, and hosts to publish to.

use std::{
    io::{BufRead as _, BufReader},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Output, Stdio},
};

use iap_tests::{host::binary, http};
use serde_json::Value;
use tempfile::TempDir;

/// A developer with an empty folder and no login.
pub struct Developer {
    folder: TempDir,
}

/// What a command did.
pub struct Done {
    pub ok: bool,
    pub stdout: String,
    pub stderr: String,
}

impl Done {
    /// The one JSON object of its output.
    pub fn json(&self) -> Value {
        assert_eq!(self.stdout.lines().count(), 1, "one object: {}{}", self.stdout, self.stderr);
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }

    /// Its output, if it went well.
    pub fn well(self) -> Self {
        assert!(self.ok, "it failed:\n{}{}", self.stdout, self.stderr);
        self
    }

    /// Its output, if it failed.
    pub fn badly(self) -> Self {
        assert!(!self.ok, "it went well:\n{}{}", self.stdout, self.stderr);
        self
    }
}

impl Developer {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a temporary folder") }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Changes a file of the plugin.
    pub fn edit(&self, name: &str, from: &str, to: &str) {
        let text = self.read(name);
        assert!(text.contains(from), "{name} has no {from:?}:\n{text}");
        std::fs::write(self.path(name), text.replacen(from, to, 1)).expect("it is writable");
    }

    /// `iap` in a folder below this one. Everything is built into one folder, so that dependencies compile once.
    pub fn command(&self, folder: &str, args: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command
            .args(args)
            .current_dir(self.path(folder))
            .env("CARGO_TARGET_DIR", binary().with_file_name("developers"))
            .env("IAP_CONFIG_HOME", self.path("config"))
            .env_remove("IAP_HOST")
            .env_remove("IAP_TOKEN")
            .env_remove("IAP_OPERATOR_TOKEN")
            .stdin(Stdio::null());
        command
    }

    pub fn iap(&self, folder: &str, args: &[&str]) -> Done {
        let Output { status, stdout, stderr } = self.command(folder, args).output().expect("it runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("it writes text");
        Done { ok: status.success(), stdout: text(stdout), stderr: text(stderr) }
    }
}

/// A process that serves, until it is dropped.
pub struct Server {
    process: Child,
    /// Open as long as it may write.
    _output: BufReader<ChildStdout>,
    /// What it said when it was ready.
    pub first_line: String,
}

impl Server {
    pub fn start(mut command: Command, log: &Path) -> Self {
        let log_file = std::fs::File::create(log).expect("the folder is writable");
        let mut process = command.stdout(Stdio::piped()).stderr(log_file).spawn().expect("it starts");
        let mut first_line = String::new();
        let mut output = BufReader::new(process.stdout.take().expect("it is piped"));
        output.read_line(&mut first_line).expect("it is readable");
        let said = std::fs::read_to_string(log).unwrap_or_default();
        assert!(!first_line.is_empty(), "it did not start:\n{said}");
        Self { process, _output: output, first_line: first_line.trim().to_owned() }
    }

    /// `iap serve` for developers.
    pub fn host(developer: &Developer, more: &[&str]) -> Self {
        let data = developer.path("data");
        let data = data.to_str().expect("it is text");
        let args = [&["serve", "--listen", "127.0.0.1:0", "--data-dir", data], more].concat();
        Self::start(developer.command(".", &args), &developer.path("host.log"))
    }

    pub fn url(&self) -> &str {
        self.first_line.strip_prefix("listening on ").unwrap_or_else(|| panic!("it said {:?}", self.first_line))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// Sends a JSON body.
pub async fn post(url: &str, token: &str, body: &Value) -> http::Reply {
    let request = http::client().post(url).bearer_auth(token).header("Content-Type", "application/json");
    http::try_send(request.body(body.to_string())).await.expect("it answers")
}
