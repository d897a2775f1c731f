//! The SDK's sources and a new plugin's folder, as `host/build.rs` gathered them.

include!(concat!(env!("OUT_DIR"), "/developer.rs"));
