//! The real binary, started as its operator would.

use std::{
    fmt::Write as _,
    io::{BufRead, BufReader},
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use crate::{Odoo, Operator, http};

/// Token of the operator in tests.
pub const OPERATOR_TOKEN: &str = "iap_op_of_the_tests";

/// What a test changes of the usual settings.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Packages of guests to serve as further plugins, as `iap-example-echo`.
    pub plugins: Vec<&'static str>,
    /// Components to serve besides.
    pub components: Vec<PathBuf>,
    /// Lines of `iap.toml` before its tables.
    pub toml: String,
    /// Tables to add to `iap.toml`.
    pub tables: String,
    /// `[services.sms.config]` lines.
    pub sms_config: String,
    /// Further flags of `iap serve`, as `--dev`.
    pub flags: Vec<&'static str>,
    /// A mail server too, and the settings to send by it.
    pub mail: bool,
    /// No carrier and no card processor.
    pub without_simulators: bool,
    /// URL of the PostgreSQL database to use in place of a SQLite file.
    pub postgres: Option<String>,
}

impl Settings {
    /// The same on a PostgreSQL database, which several hosts may share: they have one master key.
    pub fn postgres(mut self, url: &str) -> Self {
        self.postgres = Some(url.to_owned());
        self.toml.push_str("master_key = \"one master key for all hosts of a test\"\n");
        self
    }
}

/// A process that is killed when it goes.
pub struct Running {
    process: Child,
    /// Where it listens, as `http://127.0.0.1:1234`.
    pub url: String,
}

impl Running {
    fn start(args: &[String], folder: &Path) -> Self {
        let log = std::fs::File::options()
            .create(true)
            .append(true)
            .open(folder.join("log"))
            .expect("the folder is writable");
        let mut process = Command::new(binary())
            .args(args)
            .env_remove("IAP_OPERATOR_TOKEN")
            .env_remove("IAP_DATA_DIR")
            .env_remove("IAP_DATABASE_URL")
            .env_remove("IAP_PUBLIC_URL")
            .env_remove("IAP_MASTER_KEY")
            .env_remove("IAP_LISTEN")
            .env_remove("IAP_CONFIG")
            .env("RUST_LOG", "info")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("the binary starts");
        let mut line = String::new();
        let output = process.stdout.take().expect("it is piped");
        BufReader::new(output).read_line(&mut line).expect("it is readable");
        let Some(url) = line.trim().strip_prefix("listening on ") else {
            let log = std::fs::read_to_string(folder.join("log")).unwrap_or_default();
            panic!("`iap {}` did not start; its log:\n{log}", args.join(" "));
        };
        Self { process, url: url.to_owned() }
    }

    /// SIGTERM, as an operator stops it; waits for its end.
    ///
    /// # Panics
    ///
    /// It does not end well.
    pub fn stop(&mut self) {
        let told = Command::new("kill").args(["-TERM", &self.process.id().to_string()]).status();
        assert!(told.is_ok_and(|status| status.success()), "it cannot be told to stop");
        let ended = self.process.wait().expect("it ends");
        assert!(ended.success(), "it ended with {ended}");
    }

    /// SIGKILL: no destructor, no flush.
    pub fn kill(&mut self) {
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The `iap` binary of this build: cargo puts it beside the folder of the test's own.
///
/// # Panics
///
/// It is not built: run `cargo test --workspace`.
pub fn binary() -> PathBuf {
    let own = std::env::current_exe().expect("a test has a file");
    let path = own.ancestors().nth(2).map(|folder| folder.join("iap")).expect("it is in a folder");
    assert!(path.exists(), "{} is not built: run `cargo test --workspace`, or `cargo build` first", path.display());
    path
}

/// A host with a carrier and a card processor.
pub struct TestHost {
    folder: tempfile::TempDir,
    server: Running,
    carrier: Option<Running>,
    card: Option<Running>,
    mail: Option<Running>,
    /// Where the mail server takes mail.
    smtp: u16,
    client: reqwest::Client,
    postgres: Option<String>,
    flags: Vec<&'static str>,
}

impl TestHost {
    /// Starts everything with the usual settings.
    pub fn start() -> Self {
        Self::with(&Settings::default())
    }

    /// Starts everything.
    ///
    /// # Panics
    ///
    /// Something does not start; the log is shown.
    pub fn with(settings: &Settings) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        // The port is fixed before the start, so that webhooks and restarts find the host where it was.
        let port = free_port();
        let simulate = |args: &[&str]| {
            let args: Vec<String> = ["simulate"].iter().chain(args).map(|arg| (*arg).to_owned()).collect();
            (!settings.without_simulators).then(|| Running::start(&args, folder.path()))
        };
        let carrier = simulate(&["carrier", "--listen", "127.0.0.1:0"]);
        let webhook = format!("http://127.0.0.1:{port}/payments/stripe/webhook");
        let card = simulate(&["card", "--listen", "127.0.0.1:0", "--webhook-url", &webhook]);
        let url = |running: &Option<Running>| {
            running.as_ref().map_or_else(|| "http://127.0.0.1:1".to_owned(), |running| running.url.clone())
        };
        let smtp = free_port();
        let mail = settings.mail.then(|| mail_server(folder.path(), smtp));
        let mut settings = settings.clone();
        if settings.mail {
            // Writing to a String cannot fail.
            _ = write!(
                settings.tables,
                "\n[mail]\nsmtp_url = \"smtp://iap:simulated-mail-password@127.0.0.1:{smtp}\"\nfrom = \"IAP <iap@example.com>\"\n"
            );
        }
        let settings = &settings;
        let toml = configuration(settings, folder.path(), port, &url(&carrier), &url(&card));
        std::fs::write(folder.path().join("iap.toml"), toml).expect("the folder is writable");
        let server = Running::start(&serve(folder.path(), &settings.flags), folder.path());
        Self {
            folder,
            server,
            carrier,
            card,
            mail,
            smtp,
            client: http::client(),
            postgres: settings.postgres.clone(),
            flags: settings.flags.clone(),
        }
    }

    /// Where the host serves.
    pub fn url(&self) -> &str {
        &self.server.url
    }

    /// Where the carrier's admin pages are.
    pub fn carrier_url(&self) -> &str {
        &self.carrier.as_ref().expect("this host has a carrier").url
    }

    /// Where the card processor's admin pages are.
    pub fn card_url(&self) -> &str {
        &self.card.as_ref().expect("this host has a card processor").url
    }

    /// Folder of the database.
    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Most memory that the host's process has ever had, in bytes.
    ///
    /// # Panics
    ///
    /// The system does not tell.
    pub fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.server.process.id())).expect("it runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the system tells");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number of KiB") * 1024
    }

    /// Runs `iap` with these arguments and the host's settings; whether it went well, and what it printed.
    ///
    /// # Panics
    ///
    /// It cannot be run.
    pub fn iap(&self, args: &[&str]) -> (bool, String) {
        let output = Command::new(binary())
            .args(args)
            .arg("--config")
            .arg(self.folder.path().join("iap.toml"))
            .env_remove("IAP_DATABASE_URL")
            .env_remove("IAP_OPERATOR_TOKEN")
            .output()
            .expect("it runs");
        let text = [output.stdout, output.stderr].concat();
        (output.status.success(), String::from_utf8_lossy(&text).into_owned())
    }

    /// What the host has logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// A client of the test's own.
    pub fn client(&self) -> &reqwest::Client {
        &self.client
    }

    /// SIGTERM to the host; its simulators go on.
    pub fn stop(&mut self) {
        self.server.stop();
    }

    /// SIGKILL to the host; its simulators go on.
    pub fn kill(&mut self) {
        self.server.kill();
    }

    /// Starts the host again after [`TestHost::kill`].
    pub fn restart(&mut self) {
        // Connections to the one before are of no use.
        self.client = http::client();
        self.server = Running::start(&serve(self.folder.path(), &self.flags), self.folder.path());
    }

    /// The operator.
    pub fn operator(&self) -> Operator {
        Operator::new(self.client.clone(), self.url())
    }

    /// A database with an account token of its own, declared with this hosting (`undeclared` is not
    /// declared at all).
    pub async fn database(&self, hosting: &str) -> Odoo {
        let odoo = Odoo::new(self.client.clone(), self.url());
        if hosting != "undeclared" {
            self.operator().declare(&odoo.dbuuid, hosting).await;
        }
        odoo
    }

    /// An on-premise database with credits for a service.
    pub async fn database_with_credits(&self, service: &str, credits: &str) -> Odoo {
        let odoo = self.database("on_premise").await;
        odoo.balance(service).await;
        self.operator().grant(&odoo, service, credits).await;
        odoo
    }

    /// What the carrier received: `{"total", "messages": […]}`.
    pub async fn carrier_received(&self) -> serde_json::Value {
        let request = self.client.get(format!("{}/received", self.carrier_url()));
        http::try_send(request).await.expect("the carrier answers").json()
    }

    /// How many messages the carrier received: to one number, or in all.
    ///
    /// # Panics
    ///
    /// The carrier does not answer with a count.
    pub async fn carrier_count(&self, to: Option<&str>) -> u64 {
        let to = to.map(|number| format!("?to={}", number.replace('+', "%2B"))).unwrap_or_default();
        let request = self.client.get(format!("{}/received/count{to}", self.carrier_url()));
        let answer = http::try_send(request).await.expect("the carrier answers").json();
        answer["count"].as_u64().unwrap_or_else(|| panic!("no count: {answer}"))
    }

    /// Makes the carrier misbehave; `{}` ends it.
    pub async fn carrier_faults(&self, faults: &serde_json::Value) {
        let request =
            self.client.post(format!("{}/faults", self.carrier_url())).header("Content-Type", "application/json");
        let reply = http::try_send(request.body(faults.to_string())).await.expect("the carrier answers");
        assert!(reply.status < 300, "{}", reply.text);
    }

    /// Mails that the mail server took, in their order: to one address, or all.
    ///
    /// # Panics
    ///
    /// This host has no mail server: start it with `mail: true`.
    pub async fn mails(&self, to: Option<&str>) -> Vec<serde_json::Value> {
        let to = to.map(|address| format!("?to={}", address.replace('+', "%2B"))).unwrap_or_default();
        let request = self.client.get(format!("{}/inbox{to}", self.mail_url()));
        let answer = http::try_send(request).await.expect("the mail server answers").json();
        answer["mails"].as_array().unwrap_or_else(|| panic!("no mails: {answer}")).clone()
    }

    /// Waits for mails to an address and answers them.
    pub async fn mails_to(&self, to: &str, count: usize) -> Vec<serde_json::Value> {
        until(&format!("{count} mails to {to}"), async || count <= self.mails(Some(to)).await.len()).await;
        self.mails(Some(to)).await
    }

    /// Where the mail server's admin pages are.
    ///
    /// # Panics
    ///
    /// See [`TestHost::mails`].
    pub fn mail_url(&self) -> &str {
        &self.mail.as_ref().expect("this host has a mail server that runs").url
    }

    /// Makes the mail server misbehave; `{}` ends it.
    pub async fn mail_faults(&self, faults: &serde_json::Value) {
        let request =
            self.client.post(format!("{}/faults", self.mail_url())).header("Content-Type", "application/json");
        let reply = http::try_send(request.body(faults.to_string())).await.expect("the mail server answers");
        assert!(reply.status < 300, "{}", reply.text);
    }

    /// Kills the mail server, with what it took.
    pub fn stop_mail(&mut self) {
        self.mail = None;
    }

    /// Starts the mail server where it was.
    pub fn start_mail(&mut self) {
        self.mail = Some(mail_server(self.folder.path(), self.smtp));
    }

    /// Runs `iap ledger verify` beside the host; the output, if it is clean.
    ///
    /// # Panics
    ///
    /// The ledger is not clean.
    pub fn verify(&self) -> String {
        let output = Command::new(binary())
            .args(["ledger", "verify", "--config"])
            .arg(self.folder.path().join("iap.toml"))
            .env_remove("IAP_DATABASE_URL")
            .output()
            .expect("it runs");
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "the ledger is not clean:\n{text}{}", String::from_utf8_lossy(&output.stderr));
        text
    }

    /// Whether its database is on PostgreSQL.
    pub fn is_postgres(&self) -> bool {
        self.postgres.is_some()
    }

    /// Rows of the host's database, for what no door shows: the first column as text.
    pub fn sql(&self, query: &str) -> Vec<String> {
        if let Some(url) = &self.postgres {
            return crate::cluster::query(url, query);
        }
        let connection = rusqlite::Connection::open_with_flags(
            self.data_dir().join("iap.db"),
            rusqlite::OpenFlags::SQLITE_OPEN_READ_WRITE,
        )
        .expect("it opens");
        let mut statement = connection.prepare(query).expect("the query is right");
        let rows = statement.query_map([], |row| row.get::<_, rusqlite::types::Value>(0)).expect("it runs");
        rows.map(|value| match value.expect("it reads") {
            rusqlite::types::Value::Text(text) => text,
            rusqlite::types::Value::Integer(number) => number.to_string(),
            other => format!("{other:?}"),
        })
        .collect()
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|probe| probe.local_addr()).expect("a free port").port()
}

fn mail_server(folder: &Path, smtp: u16) -> Running {
    let smtp = format!("127.0.0.1:{smtp}");
    let args = ["simulate", "mail", "--listen", "127.0.0.1:0", "--smtp", &smtp];
    Running::start(&args.map(str::to_owned), folder)
}

/// Waits until a condition holds, at most 20 s.
///
/// # Panics
///
/// It does not hold by then.
pub async fn until<F: Future<Output = bool>>(what: &str, mut condition: impl FnMut() -> F) {
    let end = Instant::now() + Duration::from_secs(20);
    while !condition().await {
        assert!(Instant::now() < end, "waited 20 s in vain: {what}");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

fn serve(folder: &Path, flags: &[&str]) -> Vec<String> {
    let usual = ["serve".to_owned(), "--config".to_owned(), folder.join("iap.toml").display().to_string()];
    usual.into_iter().chain(flags.iter().map(|flag| (*flag).to_owned())).collect()
}

fn configuration(settings: &Settings, folder: &Path, port: u16, carrier: &str, card: &str) -> String {
    let plugins: Vec<String> = settings
        .plugins
        .iter()
        .map(|package| {
            let path = folder.join(format!("{package}.wasm"));
            std::fs::write(&path, crate::guests::component(package)).expect("the folder is writable");
            path.display().to_string()
        })
        .chain(settings.components.iter().map(|path| path.display().to_string()))
        .collect();
    let mut toml = String::new();
    // Writing to a String cannot fail.
    _ = write!(
        toml,
        "data_dir = {data:?}\nlisten = \"127.0.0.1:{port}\"\noperator_token = {OPERATOR_TOKEN:?}\nplugins = {plugins:?}\n{extra}\n\
         [egress]\nallow = [\"127.0.0.0/8\"]\n\
         [stripe]\napi_url = {card:?}\nsecret_key = \"sk_test_simulated\"\nwebhook_secret = \"whsec_simulated\"\n\
         [services.sms.config]\ntwilio-account-sid = \"AC00000000000000000000000000000001\"\nsender = \"+32460000000\"\n{sms}\n\
         [services.sms.secrets]\ntwilio-auth-token = \"simulated-carrier-token\"\n\
         [services.sms.base_urls]\ncarrier = {carrier:?}\n{tables}\n",
        data = folder.join("data").display().to_string(),
        extra = settings.postgres.iter().map(|url| format!("database_url = {url:?}\n")).collect::<String>()
            + &settings.toml,
        sms = settings.sms_config,
        tables = settings.tables,
    );
    toml
}
