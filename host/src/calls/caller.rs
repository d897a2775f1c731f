//! For whom a plugin runs.

use std::sync::Arc;

use iap_core::{Credits, manifest::Operation};

use crate::{accounts::Met, catalog::Service};

/// Who and what a backend serves.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The service whose plugin runs.
    pub service: Arc<Service>,
    /// The account and its database; nobody in hooks.
    pub met: Option<Met>,
    /// The operation; none in jobs and hooks, which price by the operation of their call.
    pub operation: Option<Operation>,
    /// `odoo`, `rest`, `job` or `hook`.
    pub door: &'static str,
    /// For which company.
    pub company: Option<String>,
    /// The most that the caller is willing to pay.
    pub max_credits: Option<Credits>,
    /// Key and fingerprint.
    pub idempotency: Option<(String, String)>,
    /// URL of the database that the call gave.
    pub callback_url: Option<String>,
    /// The input, if the operation's unknown outcomes are asked for.
    pub asks: Option<Vec<u8>>,
    /// Whether effects need no hold.
    pub free: bool,
    /// Properties for the plugin and its jobs.
    pub properties: Vec<(String, String)>,
}
