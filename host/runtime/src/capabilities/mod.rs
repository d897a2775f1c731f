//! What a guest may ask of the host, one file for each interface of the contract.
//!
//! Every function counts itself, checks permission, sizes and counts, and only then asks the backend.

mod billing;
mod blobs;
mod callback;
mod clock;
mod config;
mod http;
mod jobs;
mod keys;
mod log;
mod random;
mod store;

use wasmtime::component::{HasSelf, Linker};

use crate::{bindings, call::CallState};

impl bindings::types::Host for CallState {}

/// Links every interface of the contract; what a plugin really imports, its release shows.
pub(crate) fn link(linker: &mut Linker<CallState>) -> wasmtime::Result<()> {
    bindings::Service::add_to_linker::<_, HasSelf<CallState>>(linker, |state| state)
}
