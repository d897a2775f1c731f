//! Plugins embedded into the binary as components, so that one file is a working platform.

/// First-party services: every host serves them.
pub mod first_party {
    include!(concat!(env!("OUT_DIR"), "/first_party.rs"));
}

/// Third-party examples: the demo and the benchmark serve them.
pub mod examples {
    include!(concat!(env!("OUT_DIR"), "/examples.rs"));
}
