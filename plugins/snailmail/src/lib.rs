//! Snailmail: letters from a database, printed and posted through Pingen.
//!
//! A request becomes [`print::Letter`]s, which are priced, handed to the printer, and followed until they are posted:
//! only then are they charged.

mod address;
mod desk;
mod follow;
mod news;
mod pdf;
mod prices;
mod print;
mod provider;
mod records;
mod wire;

use iap_sdk::prelude::*;

/// The service `snailmail`.
pub struct Snailmail;

impl Service for Snailmail {
    fn operations() -> Operations {
        Operations::new()
            .on("print", print::print)
            .quote("print", print::quote)
            .on("cancel", desk::cancel)
            .on("status", desk::status)
            .job("follow", follow::run)
            .job("reconcile", follow::reconcile)
            .hook("status", news::answer)
    }
}

iap_sdk::register_service!(Snailmail);
