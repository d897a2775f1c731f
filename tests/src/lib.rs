//! Stories that drive the real binary over real sockets, with clients that speak as people do.
//!
//! [`TestHost`] starts `iap serve` with its simulators, each a process of its own, and stops them when it
//! goes; [`Odoo`] is a database, [`Operator`] runs the host. Tests that need no process (the sandbox's) find
//! components in [`guests`].

pub mod between;
pub mod cluster;
pub mod guests;
pub mod host;
pub mod http;
pub mod odoo;
pub mod operator;
pub mod provider;
pub mod releases;
pub mod simulator;
pub mod small_disk;
pub mod webhook;

pub use host::{Settings, TestHost};
pub use http::Reply;
pub use odoo::Odoo;
pub use operator::Operator;
pub use simulator::Simulator;
pub use webhook::Webhook;
