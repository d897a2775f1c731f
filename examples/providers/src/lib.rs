//! Simulators of the outside world, for the demo, for tests and for load.
//!
//! - [`carrier`] sends no text messages, but speaks Twilio's Programmable Messaging API as if it did.
//! - [`card`] takes no money, but speaks Stripe's Checkout API as if it did.
//! - [`mail`] delivers no mail, but takes it by SMTP as if it did.
//! - [`print`] posts no letters, but speaks Pingen's API as if it did.
//! - [`vat`] registers no VAT numbers, but speaks the REST API of the European Union's register as if it did.
//! - [`rates`] is no bank, but publishes exchange rates as the European Central Bank does.
//!
//! All are servers of their own over real sockets, so that whoever calls them goes through real
//! HTTP, real credentials, real signatures and real failures. They know nothing of IAP: what they
//! check and answer is what the documented provider checks and answers. What they can be made to do
//! wrong (numbers, cards, faults) is listed on their front page, in the README, and nowhere else.
//!
//! Their admin pages ask for no credentials. Listen on loopback only.

pub mod card;
pub mod carrier;
pub mod mail;
pub mod print;
pub mod rates;
pub mod vat;

mod faults;
mod form;
mod line;
mod outbound;
mod page;
mod random;
mod sync;
