//! A PostgreSQL server that lives as long as a test: a cluster in a temporary folder, on a port of its own.
//!
//! It never outlives its process, however that ends: a watchdog waits at a pipe that only the process holds,
//! then stops the server and removes the folder.

use std::{
    fs::File,
    io::Write as _,
    net::TcpListener,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Mutex, OnceLock, PoisonError,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

/// How long a server may take to start; after a crash it replays its log first.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a cluster is to be.
#[derive(Clone, Debug)]
pub struct Options {
    fsync: bool,
    settings: Vec<(String, String)>,
}

impl Default for Options {
    /// As PostgreSQL comes: what was committed is on the disk.
    fn default() -> Self {
        Self { fsync: true, settings: Vec::new() }
    }
}

impl Options {
    /// Without flushes: faster, and lost with the machine's power, not with the server's processes.
    pub fn fsync(mut self, fsync: bool) -> Self {
        self.fsync = fsync;
        self
    }

    /// A setting of `postgresql.conf`.
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Makes a cluster and starts it.
    pub fn start(self) -> Cluster {
        Cluster::make(self)
    }
}

/// A running server. Superuser `postgres`, no password.
pub struct Cluster {
    options: Options,
    binaries: PathBuf,
    folder: PathBuf,
    user: Option<(u32, u32)>,
    port: u16,
    server: Mutex<Option<Child>>,
    watchdog: Child,
    databases: AtomicU32,
}

/// The one cluster of this process, without flushes: each test takes a database of its own.
pub fn shared() -> &'static Cluster {
    static SHARED: OnceLock<Cluster> = OnceLock::new();
    SHARED.get_or_init(|| Options::default().fsync(false).start())
}

impl Cluster {
    /// A cluster as PostgreSQL comes.
    pub fn start() -> Self {
        Options::default().start()
    }

    fn make(options: Options) -> Self {
        let binaries = binaries();
        let user = unprivileged();
        let folder = tempfile::Builder::new().prefix("iap-postgres-").tempdir().expect("a folder can be made").keep();
        if let Some((uid, gid)) = user {
            std::os::unix::fs::chown(&folder, Some(uid), Some(gid)).expect("root may give a folder away");
        }
        let data = folder.join("data");
        let mut initdb = command(&binaries.join("initdb"), user);
        initdb
            .args(["--username=postgres", "--auth=trust", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync", "-D"])
            .arg(&data);
        succeed(&mut initdb);
        let watchdog = watchdog(&binaries, &folder, user);
        let port = free_port();
        let server = Mutex::default();
        let cluster = Self { options, binaries, folder, user, port, server, watchdog, databases: AtomicU32::new(0) };
        cluster.restart();
        cluster
    }

    /// URL of a database.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://postgres@127.0.0.1:{}/{database}", self.port)
    }

    /// Port on 127.0.0.1; stays the same when it is started again.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Makes a database; its URL.
    pub fn create_database(&self, name: &str) -> String {
        self.psql("postgres", &format!("CREATE DATABASE \"{name}\""));
        self.url(name)
    }

    /// Makes a database with a name of its own; its URL.
    pub fn fresh_database(&self) -> String {
        self.create_database(&format!("test_{}", self.databases.fetch_add(1, Ordering::Relaxed)))
    }

    /// Runs SQL as superuser; what it answers, a line for each row, columns parted by `|`.
    pub fn psql(&self, database: &str, sql: &str) -> String {
        let mut psql = command(&self.binaries.join("psql"), self.user);
        psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", "-d"])
            .arg(self.url(database))
            .args(["-c", sql]);
        succeed(&mut psql).trim_end().to_owned()
    }

    /// SIGKILL to the postmaster and all of its children: a crash.
    pub fn kill(&self) {
        let server = self.server.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut server) = server else { return };
        // Stopped first, so that it starts no child between the look and the kill.
        signal("STOP", &[server.id()]);
        let children = children(server.id());
        signal("KILL", &[server.id()]);
        signal("KILL", &children);
        drop(server.wait());
        let end = Instant::now() + PATIENCE;
        while children.iter().any(|child| is_alive(*child)) {
            assert!(Instant::now() < end, "killed children of the postmaster live on: {children:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Starts it, after a [`Cluster::kill`] or a [`Cluster::stop`], and waits until it answers.
    pub fn restart(&self) {
        self.stop();
        let log = self.folder.join("log");
        let output = File::options().create(true).append(true).open(&log).expect("the folder is writable");
        let mut server = command(&self.binaries.join("postgres"), self.user);
        server.arg("-D").arg(self.folder.join("data")).arg("-k").arg(&self.folder);
        let port = self.port.to_string();
        let mut settings = vec![("listen_addresses", "127.0.0.1"), ("port", port.as_str()), ("max_connections", "200")];
        if !self.options.fsync {
            settings.extend([("fsync", "off"), ("full_page_writes", "off")]);
        }
        settings.extend(self.options.settings.iter().map(|(name, value)| (name.as_str(), value.as_str())));
        for (name, value) in settings {
            server.arg("-c").arg(format!("{name}={value}"));
        }
        let mut child = server
            .process_group(0)
            .stdout(output.try_clone().expect("a handle can be had twice"))
            .stderr(output)
            .spawn()
            .expect("postgres starts");
        let end = Instant::now() + PATIENCE;
        while !self.answers() {
            let ended = child.try_wait().expect("it is a child of ours");
            if ended.is_some() || end < Instant::now() {
                drop(child.kill());
                panic!("PostgreSQL did not start; its log:\n{}", std::fs::read_to_string(&log).unwrap_or_default());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        *self.server.lock().unwrap_or_else(PoisonError::into_inner) = Some(child);
    }

    /// Stops it as an operator would who does not wait for clients (`fast`).
    pub fn stop(&self) {
        let server = self.server.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(mut server) = server {
            signal("INT", &[server.id()]);
            drop(server.wait());
        }
    }

    fn answers(&self) -> bool {
        let mut ready = command(&self.binaries.join("pg_isready"), self.user);
        ready.args(["--quiet", "--host=127.0.0.1", "--port", &self.port.to_string()]);
        ready.status().is_ok_and(|status| status.success())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.kill();
        // The end of its pipe.
        drop(self.watchdog.stdin.take());
        drop(self.watchdog.wait());
        drop(std::fs::remove_dir_all(&self.folder));
    }
}

/// Rows of a database, for what no door shows: a line for each.
pub fn query(url: &str, sql: &str) -> Vec<String> {
    let mut psql = command(&binaries().join("psql"), None);
    psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1", "-d", url, "-c", sql]);
    succeed(&mut psql).lines().map(str::to_owned).collect()
}

/// The newest PostgreSQL of this machine.
fn binaries() -> PathBuf {
    let named = std::env::var_os("IAP_POSTGRES_BIN").map(PathBuf::from);
    let version = |folder: &PathBuf| {
        let name = folder.parent().and_then(Path::file_name).and_then(|name| name.to_str());
        name.and_then(|name| name.parse::<u32>().ok()).unwrap_or_default()
    };
    let installed = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut found: Vec<PathBuf> = installed.map(|entry| entry.path().join("bin")).collect();
    found.sort_by_key(version);
    let path = std::env::var_os("PATH").unwrap_or_default();
    named
        .into_iter()
        .chain(found.into_iter().rev())
        .chain(std::env::split_paths(&path))
        .find(|folder| folder.join("initdb").is_file() && folder.join("postgres").is_file())
        .expect(
            "this test needs the programs of PostgreSQL 14 or newer (initdb, postgres, psql): \
             install Debian's package `postgresql`, or name their folder in IAP_POSTGRES_BIN",
        )
}

/// Whom to run the server as where this is root, which PostgreSQL refuses: user and group `postgres`.
fn unprivileged() -> Option<(u32, u32)> {
    let mut id = Command::new("id");
    if succeed(id.arg("-u")).trim() != "0" {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").expect("it is readable");
    let user = users.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|user| user[0] == "postgres");
    let user = user.expect(
        "PostgreSQL does not run as root, and there is no user `postgres`: add one, or run this as another user",
    );
    Some((user[2].parse().expect("a user's number"), user[3].parse().expect("a group's number")))
}

fn command(program: &Path, user: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(program);
    command.current_dir("/").stdin(Stdio::null());
    for variable in ["PGHOST", "PGPORT", "PGUSER", "PGPASSWORD", "PGDATABASE", "PGOPTIONS", "PGSERVICE", "PGSSLMODE"] {
        command.env_remove(variable);
    }
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    command
}

fn succeed(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?} does not start: {error}"));
    assert!(output.status.success(), "{command:?} failed:\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// Waits for the end of its input, which is the end of this process, then stops the server and cleans up.
fn watchdog(binaries: &Path, folder: &Path, user: Option<(u32, u32)>) -> Child {
    let script =
        r#"cat >/dev/null; "$1/pg_ctl" stop --silent --mode=immediate -D "$2/data" >/dev/null 2>&1; rm -rf "$2""#;
    let mut watchdog = command(Path::new("sh"), user);
    watchdog.args(["-c", script, "watchdog"]).arg(binaries).arg(folder);
    // A group of its own: Ctrl-C at a terminal is for the test, not for who cleans up after it.
    watchdog.process_group(0).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut watchdog = watchdog.spawn().expect("a shell starts");
    let pipe = watchdog.stdin.as_mut().expect("it is piped");
    pipe.flush().expect("it waits");
    watchdog
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port is free");
    listener.local_addr().expect("it has one").port()
}

fn children(parent: u32) -> Vec<u32> {
    let list = std::fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).unwrap_or_default();
    list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect()
}

/// Whether a process runs; one that is dead and not yet reaped does not.
fn is_alive(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

fn signal(name: &str, pids: &[u32]) {
    let pids = pids.iter().map(u32::to_string);
    // One that has ended meanwhile is as it should be.
    drop(Command::new("kill").arg(format!("-{name}")).args(pids).stderr(Stdio::null()).status());
}
