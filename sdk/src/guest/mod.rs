//! The component's side: bindings of the contract, and what a registered service exports.

mod convert;
mod exports;
pub(crate) mod imports;

pub use exports::Adapter;

/// Generated from `wit/service.wit`.
#[allow(missing_docs, clippy::all, clippy::pedantic)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "wit",
        world: "service",
        pub_export_macro: true,
        default_bindings_module: "iap_sdk::guest::bindings",
        runtime_path: "::iap_sdk::guest::runtime",
    });
}

/// What the generated code calls, found here by plugins that do not depend on it.
pub use wit_bindgen::rt as runtime;
