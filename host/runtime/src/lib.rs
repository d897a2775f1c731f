//! The sandbox: plugins as WebAssembly components, one fresh instance for each call.
//!
//! ```text
//! Engine ── load ──► Plugin ── handle | quote | run_job | on_request ──► Ended
//!   │ wasmtime, admission, ticker, egress     │ pre-linked release and settings
//!   └ AOT cache                               └ capabilities/<name>.rs ──► Backend (the rest of the host)
//! ```
//!
//! **Invariant:** a guest reaches the outside only through `capabilities/`, each of which asks the
//! manifest, the operator's settings and the gate "no hold, no effect" before it acts. Every way a
//! call can end is one [`Ended`] that lists what is unsettled; nothing here moves credits by itself.

pub mod backend;
pub mod release;

mod admission;
mod bindings;
mod cache;
mod call;
mod capabilities;
mod compiling;
mod deliver;
mod egress;
mod ended;
mod engine;
mod examine;
mod holds;
mod idle;
mod limits;
mod plugin;
mod redact;
mod secrets;
mod settings;
mod ticker;

pub use admission::Admission;
pub use backend::Backend;
pub use call::{Call, CallGrant, Context, Failure, HookRequest, HookResponse, Job};
pub use egress::{EgressPolicy, guarded_client};
pub use ended::{Busy, Ended, Fault, Limit};
pub use engine::{Engine, EngineOptions, SetupError};
pub use examine::Examined;
pub use idle::Idle;
pub use limits::SizeClass;
pub use plugin::{LoadError, Plugin, PluginSpec};
pub use secrets::Secret;
pub use settings::{Permission, Settings, SettingsError};
