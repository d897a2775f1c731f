//! The examples for service developers, as published plugins on a real host: what they charge, when they do not, and where
//! they may be used.

mod hosting;
mod javascript;
mod rates;
mod scripts;
mod vat;
mod world;
