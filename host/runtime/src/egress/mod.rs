//! Outbound requests: one client and one choke point for all plugins.

mod address;
mod client;
mod request;

pub use address::EgressPolicy;
pub use client::guarded_client;
pub(crate) use client::{Egress, Meter};
pub(crate) use request::{Asked, Prepared, prepare};

/// Why there is no response; the codes of the contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HttpError {
    pub code: &'static str,
    pub message: String,
    pub sent: bool,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct HttpResponse {
    pub status: u16,
    pub headers: Vec<(String, Vec<u8>)>,
    pub body: Vec<u8>,
}
