//! Config and secrets of services: set by REST, sealed, applied at once, never shown, also not by a provider that echoes them.

mod config;
mod echo;
mod rotate;
mod secrets;
mod support;
