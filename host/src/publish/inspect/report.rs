//! What the host found out about an upload.

use std::collections::BTreeMap;

use iap_core::Credits;
use serde::{Deserialize, Serialize};

use crate::{catalog::PackText, scripted};

/// What was found in an uploaded release that may be published. Operators decide by it; vendors see it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(default)]
pub struct Inspection {
    /// What the vendor should look at, each with what to do.
    pub warnings: Vec<String>,
    /// Bytes of the component.
    pub size: u64,
    /// `small` for compiled languages (up to 4 MiB), `large` for a component with a language runtime, as JavaScript (up to
    /// 16 MiB).
    pub class: String,
    /// Interfaces of the contract that its code really imports, as `http`: what it can do at most.
    pub imports: Vec<String>,
    /// What it exports, as `iap:service/plugin@1.0.0`.
    pub exports: Vec<String>,
    /// What its manifest declares.
    pub declared: Declared,
    /// Its operations and their prices.
    pub operations: Vec<OperationReport>,
    /// What can be bought.
    pub packs: Vec<PackText>,
    /// What loading it costs.
    pub code: Code,
    /// The release's text files by path, as they are in the component. Not part of what is shown.
    #[serde(skip)]
    pub files: BTreeMap<String, String>,
}

/// What a manifest declares.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Declared {
    /// Wire name of the service.
    pub service: String,
    /// Semantic version.
    pub version: String,
    /// Who publishes.
    pub vendor: String,
    /// Version of the contract, as `1.0`.
    pub api: String,
    /// Endpoints that it may call.
    pub endpoints: Vec<EndpointReport>,
    /// Hosts that data goes to, in the vendor's words.
    pub data_hosts: Vec<String>,
    /// Bytes of the key-value store, per database and for the service; 0 for none.
    pub store: u64,
    /// Bytes of blobs; 0 for none.
    pub blobs: u64,
    /// May enqueue jobs.
    pub jobs: bool,
    /// May call databases back.
    pub callback: bool,
    /// Names of settings.
    pub config: Vec<String>,
    /// Names of secrets.
    pub secrets: Vec<String>,
    /// Paths below `/hooks/{service}/`.
    pub hooks: Vec<String>,
    /// Odoo paths that it answers.
    pub routes: Vec<String>,
    /// Most bytes of memory of a call.
    pub memory: u64,
    /// Credits given to a database once.
    #[schema(value_type = Option<String>, example = "10")]
    pub trial: Option<Credits>,
}

/// A declared endpoint.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct EndpointReport {
    /// Name that requests give.
    pub name: String,
    /// Where they go, as `https://api.example.com`.
    pub base_url: String,
    /// Allowed methods.
    pub methods: Vec<String>,
}

/// An operation, its prices and what it used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct OperationReport {
    /// Name within the service.
    pub name: String,
    /// Shown name.
    pub title: String,
    /// Acts without a hold.
    pub free: bool,
    /// Most credits that one call may hold.
    #[schema(value_type = String, example = "10000")]
    pub max_per_call: Credits,
    /// What it charges for.
    pub prices: Vec<PriceReport>,
    /// What one call with the schema's example used; absent where there is no example or it could not be run.
    pub measured: Option<Measured>,
}

/// The price of an item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct PriceReport {
    /// Name of the item.
    pub item: String,
    /// Lowest credits of one unit; absent where the price varies.
    #[schema(value_type = Option<String>, example = "0.5")]
    pub lowest: Option<Credits>,
    /// Highest credits of one unit; absent where the price varies.
    #[schema(value_type = Option<String>, example = "7")]
    pub highest: Option<Credits>,
    /// The plugin says the price in each call.
    pub variable: bool,
    /// Rows of its table; 0 for one price for all.
    pub rows: u64,
}

/// What loading a release costs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Code {
    /// Compiling it, in microseconds of the clock.
    pub compile_micros: u64,
    /// Compiled code, in bytes.
    pub size: u64,
    /// From kept code to the first instance, in microseconds.
    pub cold_start_micros: u64,
}

/// What a call of an operation used, with a provider that is down and credits enough.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Measured {
    /// The operation.
    pub operation: String,
    /// Asking for its price.
    pub quote: Option<Run>,
    /// The call.
    pub handle: Option<Run>,
}

/// What one run used.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct Run {
    /// `answered`, a failure's code or a fault's class.
    pub outcome: String,
    /// About one for each instruction.
    pub fuel: Option<u64>,
    /// Most bytes of memory.
    pub peak_memory: u64,
    /// Processor time in microseconds, with fuel counted, which makes it longer.
    pub processor_micros: u64,
    /// Requests to providers.
    pub http_requests: u32,
}

impl From<scripted::OperationMeasured> for Measured {
    fn from(measured: scripted::OperationMeasured) -> Self {
        Self {
            operation: measured.operation,
            quote: measured.quote.map(Run::from),
            handle: measured.handle.map(Run::from),
        }
    }
}

impl From<scripted::Run> for Run {
    fn from(run: scripted::Run) -> Self {
        Self {
            outcome: run.outcome,
            fuel: run.fuel,
            peak_memory: run.peak_memory,
            processor_micros: run.cpu_micros,
            http_requests: run.http_requests,
        }
    }
}
