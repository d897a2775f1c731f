//! Settings: `iap.toml` < environment `IAP_*` < flags.

use std::{
    collections::BTreeMap,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use anyhow::Context;
use iap_core::{
    hosting::{FirstUse, Hosting, VendorKind},
    revenue::{USUAL_FEE, parse_percent},
};
use serde::Deserialize;

/// All settings of a host.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// Folder of the database, keys and compiled code.
    pub data_dir: PathBuf,
    /// PostgreSQL database, as `postgres://user:password@server/database`, which several hosts may share; a SQLite file of
    /// the data folder if not set.
    pub database_url: Option<String>,
    /// Address to listen on.
    pub listen: SocketAddr,
    /// How clients reach this host, without trailing slash; from `listen` if not set.
    pub public_url: Option<String>,
    /// Operator's bearer token (`iap_op_…`), all rights.
    pub operator_token: Option<String>,
    /// At least 32 characters; a file in the data folder if not set.
    pub master_key: Option<String>,
    /// Seals secrets of services in place of `master_key`, which cannot change: tokens, documents and receipts hang on it.
    /// At least 32 characters; after a change run `iap secrets rotate`.
    pub secrets_key: Option<String>,
    /// What a database is that nobody declared.
    pub first_contact_hosting: Hosting,
    /// Whether a third-party service works at first use or waits for an admin's consent.
    pub third_party_first_use: ThirdPartyFirstUse,
    /// Where plugins and callbacks may connect beside the public internet.
    pub egress: Egress,
    /// What requests may take of the host.
    pub limits: Limits,
    /// Component files of further plugins to serve.
    pub plugins: Vec<PathBuf>,
    /// Vendors by name; `odoo` is first party, others third party, unless said here.
    pub vendors: BTreeMap<String, Vendor>,
    /// Settings of services by name.
    pub services: BTreeMap<String, ServiceSettings>,
    /// How customers pay; nothing is sold if not set.
    pub stripe: Option<Stripe>,
    /// How revenue is shared with vendors.
    pub revenue: Revenue,
    /// Who may sign up as a vendor.
    pub vendor_signup: SignUpPolicy,
    /// Version of the terms that vendors accept.
    pub terms_version: String,
    /// Where vendors read the terms.
    pub terms_url: Option<String>,
    /// How mails are sent; they wait in the outbox if not set.
    pub mail: Option<Mail>,
    /// `iap serve --dev`: for developing services on one's own machine. Vendors and releases are approved by themselves,
    /// mails are written to the log.
    #[serde(skip)]
    pub dev: bool,
}

/// See [`Config::vendor_signup`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignUpPolicy {
    /// Everybody, once an address is confirmed.
    Open,
    /// Everybody, once the operator approves.
    #[default]
    Approve,
    /// Nobody.
    Closed,
}

/// See [`Config::third_party_first_use`].
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ThirdPartyFirstUse {
    /// On-premise databases.
    pub on_premise: FirstUse,
    /// Databases on Odoo.sh.
    pub odoo_sh: FirstUse,
}

/// See [`Config::egress`].
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Egress {
    /// Private networks that are allowed, as `127.0.0.0/8`.
    pub allow: Vec<String>,
}

/// See [`Config::limits`].
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Memory for bodies of requests, all together; `256 MiB`. At least 32 MiB are given.
    pub body_bytes: BodyBytes,
}

/// A number of bytes, as `256 MiB`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct BodyBytes(pub u64);

impl Default for BodyBytes {
    fn default() -> Self {
        Self(256 << 20)
    }
}

impl TryFrom<String> for BodyBytes {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        iap_core::manifest::size(&text).map(Self)
    }
}

/// See [`Config::revenue`].
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Revenue {
    /// The platform's part of what a vendor's service earns, where nothing else was agreed on; `25 %`.
    pub platform_fee: Fee,
}

/// A part, in basis points.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "String")]
pub struct Fee(pub u16);

impl Default for Fee {
    fn default() -> Self {
        Self(USUAL_FEE)
    }
}

impl TryFrom<String> for Fee {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        parse_percent(&text).map(Self)
    }
}

/// A vendor.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vendor {
    /// Shown name.
    pub title: Option<String>,
    /// `first_party` or `third_party`.
    pub kind: VendorKind,
}

/// Settings of one service.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ServiceSettings {
    /// By `[[config]]` name.
    pub config: BTreeMap<String, String>,
    /// By `[[secrets]]` name; a value `env:NAME` is read from the environment.
    pub secrets: BTreeMap<String, String>,
    /// By `[[http]]` name, in place of the manifest's.
    pub base_urls: BTreeMap<String, String>,
}

/// Stripe Checkout.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stripe {
    /// `https://api.stripe.com`, or a simulator.
    #[serde(default = "Stripe::default_api")]
    pub api_url: String,
    /// `sk_…`; `env:NAME` is read from the environment.
    pub secret_key: String,
    /// `whsec_…`; `env:NAME` is read from the environment.
    pub webhook_secret: String,
    /// Currency that packs are sold in where they have several prices.
    #[serde(default = "Stripe::default_currency")]
    pub currency: String,
}

/// A mail server.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mail {
    /// `smtp://user:password@server:587?tls=required` or `smtps://…`; `env:NAME` is read from the environment.
    pub smtp_url: String,
    /// Who they are from, as `IAP <iap@example.com>`.
    pub from: String,
}

impl Stripe {
    fn default_api() -> String {
        "https://api.stripe.com".to_owned()
    }

    fn default_currency() -> String {
        "EUR".to_owned()
    }
}

impl Default for ThirdPartyFirstUse {
    fn default() -> Self {
        Self { on_premise: FirstUse::Allowed, odoo_sh: FirstUse::Ask }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            data_dir: PathBuf::from("data"),
            database_url: None,
            listen: SocketAddr::from(([127, 0, 0, 1], 8070)),
            public_url: None,
            operator_token: None,
            master_key: None,
            secrets_key: None,
            first_contact_hosting: Hosting::Undeclared,
            third_party_first_use: ThirdPartyFirstUse::default(),
            egress: Egress::default(),
            limits: Limits::default(),
            plugins: Vec::new(),
            vendors: BTreeMap::new(),
            services: BTreeMap::new(),
            stripe: None,
            revenue: Revenue::default(),
            vendor_signup: SignUpPolicy::default(),
            terms_version: "1".to_owned(),
            terms_url: None,
            mail: None,
            dev: false,
        }
    }
}

impl Config {
    /// Reads a file; defaults if `path` is `None` and there is no `iap.toml` here.
    pub fn load(path: Option<&Path>) -> anyhow::Result<Self> {
        let usual = Path::new("iap.toml");
        let path = match path {
            Some(path) => path,
            None if usual.exists() => usual,
            None => return Ok(Self::default()),
        };
        let text =
            std::fs::read_to_string(path).with_context(|| format!("cannot read the settings {}", path.display()))?;
        let mut config: Self = toml::from_str(&text).with_context(|| format!("{} is not usable", path.display()))?;
        config.resolve_environment()?;
        Ok(config)
    }

    fn resolve_environment(&mut self) -> anyhow::Result<()> {
        let secrets = self.services.values_mut().flat_map(|service| service.secrets.values_mut());
        let stripe = self.stripe.iter_mut().flat_map(|stripe| [&mut stripe.secret_key, &mut stripe.webhook_secret]);
        let mail = self.mail.iter_mut().map(|mail| &mut mail.smtp_url);
        for value in secrets.chain(stripe).chain(mail) {
            if let Some(name) = value.strip_prefix("env:") {
                *value = std::env::var(name)
                    .with_context(|| format!("the settings name the environment variable {name}, which is not set"))?;
            }
        }
        Ok(())
    }

    /// Whether a vendor needs no sign-up: it comes with the binary or the settings.
    pub fn is_known_vendor(&self, vendor: &str) -> bool {
        vendor == "odoo" || self.vendors.contains_key(vendor)
    }

    /// Shown name of a vendor.
    pub fn vendor_title<'a>(&'a self, vendor: &'a str) -> &'a str {
        self.vendors.get(vendor).and_then(|vendor| vendor.title.as_deref()).unwrap_or(vendor)
    }

    /// Whether a vendor is first party.
    pub fn vendor_kind(&self, vendor: &str) -> VendorKind {
        match self.vendors.get(vendor) {
            Some(vendor) => vendor.kind,
            None if vendor == "odoo" => VendorKind::FirstParty,
            None => VendorKind::ThirdParty,
        }
    }
}
