//! The host, its simulators and a client, started and stopped together.

use std::{
    io::{BufRead, BufReader},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
};

use anyhow::Context;
use iap_host::{App, Config, clock::SystemClock, config, secrets::random_hex, server};
use iap_providers::{card::CardOptions, carrier::CarrierOptions, print::PrintOptions};
use serde_json::Value;
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};

/// A running demo.
pub struct World {
    app: Arc<App>,
    carrier: String,
    card: String,
    printer: String,
    mail: String,
    operator_token: String,
    client: reqwest::Client,
}

/// What must be stopped.
pub struct Stop {
    server: JoinHandle<std::io::Result<()>>,
    tell: oneshot::Sender<()>,
    _simulators: Simulators,
}

impl Stop {
    pub async fn stop(self) -> anyhow::Result<()> {
        drop(self.tell);
        Ok(self.server.await??)
    }
}

/// A world without a story, for benchmarks.
pub struct Stage {
    /// The world.
    pub world: World,
    stop: Stop,
}

impl Stage {
    /// Starts it, silently.
    pub async fn start(listen: SocketAddr, data_dir: PathBuf) -> anyhow::Result<Self> {
        let (world, stop) = World::start(listen, data_dir, |_| {}).await?;
        Ok(Self { world, stop })
    }

    /// Opens the SMS account of a token in an on-premise database and gives it credits.
    pub async fn fund(&self, dbuuid: &str, token: &str, credits: &str) -> anyhow::Result<()> {
        let declaration = serde_json::json!({ "hosting": "on_premise" });
        self.world.operator("PUT", &format!("/v1/databases/{dbuuid}"), Some(&declaration)).await?;
        let params = serde_json::json!({ "account_token": token, "dbuuid": dbuuid, "service_name": "sms" });
        self.world.rpc("/iap/1/balance", &serde_json::json!({ "params": params })).await?;
        let database = self.world.operator("GET", &format!("/v1/databases/{dbuuid}"), None).await?;
        let account = database["accounts"][0]["id"].as_str().context("the account was not opened")?;
        let grant = serde_json::json!({ "credits": credits, "reason": "benchmark" });
        self.world.operator("POST", &format!("/v1/accounts/{account}/grants"), Some(&grant)).await?;
        Ok(())
    }

    /// Stops everything.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.stop.stop().await
    }
}

/// A simulator: this very binary, in a process of its own.
pub struct Simulator {
    process: Child,
    /// Where it listens.
    pub url: String,
}

impl Simulator {
    pub fn start(args: &[&str]) -> anyhow::Result<Self> {
        let program = std::env::current_exe().context("cannot find this program's file")?;
        let mut process = Command::new(program)
            .arg("simulate")
            .args(args)
            .args(["--listen", "127.0.0.1:0"])
            .env("RUST_LOG", "warn")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("cannot start a simulator")?;
        let mut line = String::new();
        let output = process.stdout.take().context("the simulator has no output")?;
        BufReader::new(output).read_line(&mut line)?;
        let url = line
            .trim()
            .strip_prefix("listening on ")
            .with_context(|| format!("the simulator said {line:?}"))?
            .to_owned();
        Ok(Self { process, url })
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        // It may be gone already.
        drop(self.process.kill());
        drop(self.process.wait());
    }
}

/// The world outside.
struct Simulators {
    carrier: Simulator,
    card: Simulator,
    printer: Simulator,
    mail: Simulator,
    /// Where mail is taken, with credentials.
    smtp_url: String,
}

impl Simulators {
    /// Starts all, for a host at an address.
    async fn start(client: &reqwest::Client, host: SocketAddr) -> anyhow::Result<Self> {
        let card_webhook = format!("http://{host}/payments/stripe/webhook");
        let print_webhook = format!("http://{host}/hooks/snailmail/status");
        let mail = Simulator::start(&["mail", "--smtp", "127.0.0.1:0"])?;
        let address = reply(client.get(format!("{}/address", mail.url))).await?.json();
        let smtp_url = address["url"].as_str().context("the mail server does not say where it takes mail")?.to_owned();
        Ok(Self {
            carrier: Simulator::start(&["carrier"])?,
            card: Simulator::start(&["card", "--webhook-url", &card_webhook])?,
            printer: Simulator::start(&["print", "--webhook-url", &print_webhook])?,
            mail,
            smtp_url,
        })
    }
}

/// An answer of the host.
pub struct Reply {
    pub status: u16,
    pub location: Option<String>,
    pub text: String,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or(Value::Null)
    }
}

impl World {
    pub async fn start(listen: SocketAddr, data_dir: PathBuf, progress: impl Fn(&str)) -> anyhow::Result<(Self, Stop)> {
        progress(
            "Starting an SMS carrier, a card processor, a printer of letters and a mail server (simulators, processes of their own)",
        );
        let listener = TcpListener::bind(listen)
            .await
            .with_context(|| format!("cannot listen on {listen}: choose another address with --listen"))?;
        let listen = listener.local_addr()?;
        let client = iap_host::payments::client()?;
        let simulators = Simulators::start(&client, listen).await?;
        let operator_token =
            std::env::var("IAP_OPERATOR_TOKEN").unwrap_or_else(|_| format!("iap_op_{}", random_hex::<16>()));
        let config = settings(listen, data_dir, &simulators, &operator_token)?;
        progress("Starting the host; plugins are compiled at the first start and kept");
        let app = App::start(config, Arc::new(SystemClock), |step| progress(step)).await?;
        progress(&format!("Serving at {}", app.public_url));
        let (tell, told) = oneshot::channel::<()>();
        let server = tokio::spawn(server::serve(Arc::clone(&app), listener, async move { drop(told.await) }));
        let [carrier, card, printer, mail] =
            [&simulators.carrier, &simulators.card, &simulators.printer, &simulators.mail].map(|it| it.url.clone());
        let world = Self { app, carrier, card, printer, mail, operator_token, client };
        Ok((world, Stop { server, tell, _simulators: simulators }))
    }

    pub fn url(&self) -> &str {
        &self.app.public_url
    }

    pub fn carrier(&self) -> &str {
        &self.carrier
    }

    pub fn card(&self) -> &str {
        &self.card
    }

    pub fn printer(&self) -> &str {
        &self.printer
    }

    pub fn mail(&self) -> &str {
        &self.mail
    }

    pub fn operator_token(&self) -> &str {
        &self.operator_token
    }

    pub fn data_dir(&self) -> &Path {
        &self.app.config.data_dir
    }

    /// Whether nobody has been here before.
    pub async fn is_new(&self) -> anyhow::Result<bool> {
        Ok(self.app.store.databases().page(iap_core::ids::DatabaseId(0), 1).await?.is_empty())
    }

    /// A request with a JSON body.
    pub async fn send(
        &self,
        method: &str,
        url: &str,
        body: Option<&Value>,
        token: Option<&str>,
    ) -> anyhow::Result<Reply> {
        let mut request = self.client.request(method.parse()?, url);
        if let Some(body) = body {
            request = request.header("Content-Type", "application/json").body(body.to_string());
        }
        if let Some(token) = token {
            request = request.header("Authorization", format!("Bearer {token}"));
        }
        reply(request).await
    }

    /// A form, as a browser posts it.
    pub async fn form(&self, url: &str, fields: &[(&str, &str)]) -> anyhow::Result<Reply> {
        let body: String = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        reply(self.client.post(url).header("Content-Type", "application/x-www-form-urlencoded").body(body)).await
    }

    /// The operator's REST API.
    pub async fn operator(&self, method: &str, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let reply = self.send(method, &format!("{}{path}", self.url()), body, Some(&self.operator_token)).await?;
        anyhow::ensure!(reply.status < 300, "{method} {path} answered {}: {}", reply.status, reply.text);
        Ok(reply.json())
    }

    /// A JSON-RPC request as a database sends it.
    pub async fn rpc(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        let reply = self.send("POST", &format!("{}{path}", self.url()), Some(body), None).await?;
        anyhow::ensure!(reply.status == 200, "{path} answered {}: {}", reply.status, reply.text);
        Ok(reply.json())
    }
}

async fn reply(request: reqwest::RequestBuilder) -> anyhow::Result<Reply> {
    let response = request.send().await?;
    let status = response.status().as_u16();
    let location = response.headers().get("location").and_then(|value| value.to_str().ok()).map(str::to_owned);
    Ok(Reply { status, location, text: response.text().await? })
}

fn settings(
    listen: SocketAddr,
    data_dir: PathBuf,
    simulators: &Simulators,
    operator_token: &str,
) -> anyhow::Result<Config> {
    let (twilio, stripe, pingen) = (CarrierOptions::default(), CardOptions::default(), PrintOptions::default());
    let Simulators { carrier, card, printer, smtp_url, .. } = simulators;
    std::fs::create_dir_all(&data_dir).with_context(|| format!("cannot create {}", data_dir.display()))?;
    let examples = data_dir.join("examples");
    std::fs::create_dir_all(&examples)?;
    let mut plugins = Vec::new();
    for (name, component) in iap_host::plugins::examples::GUESTS {
        let path = examples.join(format!("{name}.wasm"));
        std::fs::write(&path, component)?;
        plugins.push(path);
    }
    let sms = config::ServiceSettings {
        config: [
            ("twilio-account-sid".to_owned(), twilio.account_sid),
            ("sender".to_owned(), "+32460000000".to_owned()),
        ]
        .into(),
        secrets: [("twilio-auth-token".to_owned(), twilio.auth_token)].into(),
        base_urls: [("carrier".to_owned(), carrier.url.clone())].into(),
    };
    let snailmail = config::ServiceSettings {
        config: [
            ("pingen-client-id", pingen.client_id.as_str()),
            ("pingen-organisation", &pingen.organisation),
            ("upload-origin", &printer.url),
            // A demo has no patience.
            ("first-look", "1"),
        ]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into(),
        secrets: [
            ("pingen-client-secret".to_owned(), pingen.client_secret),
            ("pingen-webhook-secret".to_owned(), pingen.webhook_secret),
        ]
        .into(),
        base_urls: ["identity", "api", "upload"].map(|name| (name.to_owned(), printer.url.clone())).into(),
    };
    Ok(Config {
        data_dir,
        listen,
        public_url: std::env::var("IAP_PUBLIC_URL").ok(),
        operator_token: Some(operator_token.to_owned()),
        egress: config::Egress { allow: vec!["127.0.0.0/8".to_owned(), "::1/128".to_owned()] },
        plugins,
        vendors: [(
            "acme".to_owned(),
            config::Vendor { title: Some("Acme Services".to_owned()), kind: iap_core::hosting::VendorKind::ThirdParty },
        )]
        .into(),
        services: [("sms".to_owned(), sms), ("snailmail".to_owned(), snailmail)].into(),
        stripe: Some(config::Stripe {
            api_url: card.url.clone(),
            secret_key: stripe.secret_key,
            webhook_secret: stripe.webhook_secret,
            currency: "EUR".to_owned(),
        }),
        mail: Some(config::Mail { smtp_url: smtp_url.clone(), from: "IAP <iap@example.com>".to_owned() }),
        ..Config::default()
    })
}
