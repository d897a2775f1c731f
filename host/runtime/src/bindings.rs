//! Types and linking of the contract, generated from `sdk/wit`.

wasmtime::component::bindgen!({
    path: "../../sdk/wit",
    world: "iap:service/service",
    // What never waits is called without a trip through the scheduler.
    imports: {
        "iap:service/clock": trappable,
        "iap:service/random": trappable,
        "iap:service/log": trappable,
        "iap:service/config": trappable,
        "iap:service/keys": trappable,
        default: async | trappable,
    },
    exports: { default: async },
    with: { "iap:service/billing.hold": crate::holds::Held },
});

pub use iap::service::{billing, blobs, callback, clock, config, http, jobs, keys, log, random, store, types};
