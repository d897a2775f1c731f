//! The simulators over real sockets, seen from the caller and from the receiver of callbacks.

mod card;
mod carrier;
mod print;
mod rates;
mod support;
mod vat;
