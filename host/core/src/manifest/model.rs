//! What a manifest says, parsed and validated.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use crate::{Credits, Money, ledger::Breakage};

/// A validated `plugin.toml`.
#[derive(Clone, Debug, PartialEq)]
pub struct Manifest {
    /// `[service]`.
    pub service: Service,
    /// `[trial]`: credits given once per (service, database), if any.
    pub trial: Option<Credits>,
    /// `[[packs]]`, by rising credits.
    pub packs: Vec<Pack>,
    /// `[[operations]]`.
    pub operations: Vec<Operation>,
    /// `[[http]]`: endpoints that the plugin may call.
    pub endpoints: Vec<Endpoint>,
    /// `[[config]]`: values that the operator or vendor sets.
    pub config: Vec<ConfigValue>,
    /// `[[secrets]]`: secrets that `http` injects and `keys` uses.
    pub secrets: Vec<SecretName>,
    /// `[permissions]`.
    pub permissions: Permissions,
    /// `[limits]`.
    pub limits: Limits,
    /// `[[hooks]]`: what providers and browsers may ask below `/hooks/{service}/`.
    pub hooks: Vec<Hook>,
    /// `[[routes]]`: Odoo paths that the service answers.
    pub routes: Vec<Route>,
    /// `[account_information]`: what `/iap/1/get-accounts-information` says beside the balance.
    pub account_information: BTreeMap<String, InformationSource>,
}

/// `[service]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Service {
    /// Wire name: `sms`. 1 to 40 of `a-z`, `0-9`, `_`, beginning with a letter.
    pub name: String,
    /// Shown name.
    pub title: String,
    /// Who publishes; whether first party is a property of the vendor.
    pub vendor: String,
    /// Of this release.
    pub version: semver::Version,
    /// Contract version, as `1.0`.
    pub api: String,
    /// One sentence.
    pub summary: String,
    /// Shown category.
    pub category: String,
    /// One unit of credits, as `credit`.
    pub unit: String,
    /// `mailto:` or `https:` address of support.
    pub support: Option<String>,
    /// `https:` address.
    pub privacy: Option<String>,
    /// `https:` address.
    pub terms: Option<String>,
    /// How long data is kept, in words.
    pub data_retention: Option<String>,
    /// Hosts that data goes to.
    pub data_hosts: Vec<String>,
    /// Whose the money is of bought credits that expire; the host's by default.
    pub breakage: Breakage,
    /// How long bought credits may be used; for ever if absent.
    pub credits_expire: Option<Duration>,
}

/// A quantity of credits for sale.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pack {
    /// Shown name.
    pub name: String,
    /// Credits in it.
    pub credits: Credits,
    /// One price for each currency.
    pub prices: Vec<Money>,
}

/// What to do with a hold whose work has an unknown outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnUnknown {
    /// In the customer's favour.
    #[default]
    Release,
    /// In the vendor's favour.
    Capture,
    /// The plugin's job `reconcile` finds out: see [`Operation::ask_for`].
    Ask,
}

/// `[[operations]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// Name within the service.
    pub name: String,
    /// Shown name.
    pub title: String,
    /// JSON Schema of the input, as a file of the release.
    pub input: Option<String>,
    /// JSON Schema of the output, as a file of the release.
    pub output: Option<String>,
    /// Most credits that one call may hold.
    pub max_per_call: Credits,
    /// May act without a hold (rate-limited).
    pub free: bool,
    /// Where the natural keys are in the input.
    pub natural_key: Option<NaturalKey>,
    /// JSON Pointers with `*` for "every element" to texts in base64 that reach the plugin as blobs; also those that
    /// its routes name.
    pub blobs: Vec<String>,
    /// Largest request body in bytes where no route says otherwise: 1 MiB by default, at most 32 MiB.
    pub max_body: u64,
    /// See [`OnUnknown`].
    pub on_unknown: OnUnknown,
    /// How long the plugin's job is asked for an unknown outcome before everything goes back: a day by default, at
    /// most 30 days.
    pub ask_for: Duration,
    /// `[[operations.prices]]`.
    pub prices: Vec<Price>,
}

/// What in an input names a piece of work; see [`natural_keys`](crate::natural_keys::natural_keys).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NaturalKey {
    /// JSON Pointer with `*` for "every element" to the keys themselves.
    At(String),
    /// Several members of a document together.
    Members {
        /// JSON Pointer with `*` to the documents.
        each: String,
        /// Members of a document, in the order in which their texts are joined with `:`.
        members: Vec<String>,
    },
}

/// A priced item of an operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// Name of the item, as lines name it.
    pub item: String,
    /// Credits of one unit.
    pub rate: Rate,
}

/// Where the price of one unit comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rate {
    /// The same for all.
    Fixed(Credits),
    /// By key, from a table of the release.
    Table {
        /// File of the release.
        file: String,
        /// Price by key; shared by all prices that name the file.
        rows: Arc<BTreeMap<String, Credits>>,
    },
    /// The line's `key` is the price of one unit in credits; shown as "price varies".
    Variable,
}

/// `[[http]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Name that requests give.
    pub name: String,
    /// `https://host[:port][/path]`, no trailing slash; the operator may override it.
    pub base_url: String,
    /// Allowed methods, in capitals.
    pub methods: Vec<String>,
    /// Credentials that the host adds.
    pub auth: Option<Auth>,
}

impl Auth {
    /// The values it uses.
    pub fn values(&self) -> impl Iterator<Item = &ValueRef> {
        let (first, second) = match self {
            Self::Basic(user, password) => (user, Some(password)),
            Self::Bearer(value) | Self::Header(_, value) | Self::Query(_, value) => (value, None),
        };
        std::iter::once(first).chain(second)
    }
}

/// A value that the host puts into a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueRef {
    /// `config:name`
    Config(String),
    /// `secret:name`
    Secret(String),
}

/// Credentials that the host adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Auth {
    /// `{ basic = [user, password] }`
    Basic(ValueRef, ValueRef),
    /// `{ bearer = value }`
    Bearer(ValueRef),
    /// `{ header = { name = "X-Api-Key", value = value } }`
    Header(String, ValueRef),
    /// `{ query = { name = "key", value = value } }`
    Query(String, ValueRef),
}

/// `[[config]]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigValue {
    /// Name.
    pub name: String,
    /// For the operator.
    pub description: String,
    /// What it may be.
    pub ty: ConfigType,
    /// Used where none is set.
    pub default: Option<String>,
    /// The service does not work without it.
    pub required: bool,
}

/// What a config value may be; a text if the manifest does not say. See [`ConfigType::check`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ConfigType {
    /// One line.
    #[default]
    Text,
    /// A decimal, as `0.5`.
    Number(Range),
    /// A whole number.
    Integer(Range),
    /// `true` or `false`.
    Boolean,
    /// An `http` or `https` URL.
    Url,
    /// One of these.
    Choice(Vec<String>),
}

/// Bounds of a number, both included, as they are written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Range {
    /// At least.
    pub min: Option<String>,
    /// At most.
    pub max: Option<String>,
}

/// `[[secrets]]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretName {
    /// Name.
    pub name: String,
    /// For the operator.
    pub description: String,
}

/// `[permissions]`; sizes in bytes, 0 for none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permissions {
    /// Bytes of the key-value store, per database and for the service.
    pub store: u64,
    /// Bytes of blobs.
    pub blobs: u64,
    /// May enqueue jobs.
    pub jobs: bool,
    /// May call databases back.
    pub callback: bool,
}

/// `[[hooks]]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// Path below `/hooks/{service}/`.
    pub path: String,
    /// For how long a delivery that was answered well gets the same answer again, without a run of the plugin.
    pub once: Option<Duration>,
}

/// `[limits]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory in bytes: 1 MiB to 128 MiB, 32 MiB by default.
    pub memory: u64,
    /// Wall-clock time of a call: up to 120 s, 10 s by default.
    pub time: Duration,
    /// Wall-clock time of a job run: up to 600 s, 60 s by default.
    pub job_time: Duration,
}

/// `[[routes]]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// `/api/sms/3/send`; a segment may be `{name}`.
    pub path: String,
    /// Operation that answers.
    pub operation: String,
    /// Member of `params` with the account token; `None` for "none".
    pub account: Option<String>,
    /// Member of `params` with the dbuuid.
    pub database: Option<String>,
    /// Member of `params` with a URL of the database.
    pub callback: Option<String>,
    /// Largest request body in bytes: 1 MiB by default, at most 32 MiB.
    pub max_body: u64,
    /// Members of `params` that reach the plugin as blobs, as `/documents/*/pdf`; see [`Operation::blobs`].
    pub blobs: Vec<String>,
}

/// Where a value of the account information comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InformationSource {
    /// The text itself.
    Text(String),
    /// `store:{key}` of the service's store, with `{account}` for the account-ref; JSON, or `false` if absent.
    Store(String),
}
