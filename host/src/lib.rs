//! The IAP host: wires the pure rules, the storage and the sandbox to the outside.
//!
//! Read [`calls`] first: one metered call, end to end. `host/ARCHITECTURE.md` is the map.

pub mod accounts;
pub mod app;
pub mod audit;
pub mod blobs;
pub mod calls;
pub mod catalog;
pub mod clock;
pub mod config;
pub mod developer;
pub mod http;
pub mod jobs;
pub mod mail;
pub mod payments;
pub mod plugins;
pub mod publish;
pub mod receipts;
pub mod scripted;
pub mod secrets;
pub mod server;
pub mod settings;
pub mod vendors;

pub use app::App;
pub use config::Config;
