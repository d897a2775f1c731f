//! Write a paid service for IAP in Rust.
//!
//! A service is a type that names its operations; each is a plain function from
//! typed input to typed output. What it needs from the world comes from the
//! modules here, which the host bounds and meters: [`billing`], [`http`],
//! [`keys`], [`store`], [`blobs`], [`jobs`], [`callback`], [`config`],
//! [`clock`], [`random`] and [`log`].
//!
//! ```
//! use iap_sdk::prelude::*;
//! use serde::{Deserialize, Serialize};
//!
//! struct Echo;
//!
//! impl Service for Echo {
//!     fn operations() -> Operations {
//!         Operations::new().on("say", say)
//!     }
//! }
//!
//! iap_sdk::register_service!(Echo);
//!
//! #[derive(Deserialize)]
//! struct Say {
//!     text: String,
//! }
//!
//! #[derive(Serialize)]
//! struct Said {
//!     text: String,
//! }
//!
//! fn say(_call: &Call, input: Say) -> Result<Said, Failure> {
//!     let hold = billing::authorize(&[Line::new("message", 1)])?;
//!     hold.capture()?;
//!     Ok(Said { text: input.text })
//! }
//!
//! let host = iap_sdk::testing::Host::new();
//! host.credits("5").price("message", "1");
//! let said = host.call::<Echo>("say", serde_json::json!({ "text": "hi" })).expect("answers");
//! assert_eq!(said["text"], "hi");
//! assert_eq!(host.available(), "4");
//! ```
//!
//! **No hold, no effect.** Until [`billing::authorize`] has succeeded, the host
//! refuses [`http`], [`callback`] and [`jobs`], unless the operation is declared
//! `free`. The host sets the price, from the release's price table; the plugin
//! only counts.
//!
//! On `wasm32` the capability functions go to the host. On every other target
//! they go to the [`testing::Host`] of the running test, so that a plugin has
//! ordinary unit tests.

// The generated bindings name this crate as plugins do.
#[cfg(target_arch = "wasm32")]
extern crate self as iap_sdk;

#[cfg(target_arch = "wasm32")]
mod arena;
pub mod billing;
pub mod blobs;
mod call;
pub mod callback;
pub mod clock;
pub mod config;
mod credits;
mod error;
mod failure;
pub mod falsy;
mod headers;
mod hook;
pub mod http;
mod imports;
pub mod jobs;
mod json;
pub mod keys;
pub mod log;
mod operations;
pub mod random;
pub mod store;
mod urlencoded;

#[cfg(target_arch = "wasm32")]
#[doc(hidden)]
pub mod guest;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;

pub use billing::{Hold, Line, Outcome, Refusal, Remembered};
pub use call::{Call, Context, Job};
pub use credits::Credits;
pub use error::Error;
pub use failure::Failure;
pub use hook::{HookRequest, HookResponse};
pub use operations::{Operations, Service};

/// Everything a plugin usually needs: `use iap_sdk::prelude::*;`.
pub mod prelude {
    pub use crate::billing::{Authorize, Capture};
    pub use crate::store::Scope;
    pub use crate::{
        Call, Context, Failure, Hold, HookRequest, HookResponse, Job, Line, Operations, Outcome, Refusal, Remembered,
        Service, billing, blobs, callback, clock, config, http, jobs, keys, log, random, store,
    };
}

/// Makes a type that implements [`Service`] the service of this component.
///
/// Write it once in the plugin's crate. On targets other than `wasm32` it only
/// checks that the type is a service: several plugins may then be linked into
/// one test binary.
#[macro_export]
macro_rules! register_service {
    ($service:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            type RegisteredService = $crate::guest::Adapter<$service>;
    $crate::guest::bindings::export!(RegisteredService with_types_in $crate::guest::bindings);
        };
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn() -> $crate::Operations = <$service as $crate::Service>::operations;
    };
}
