//! SMS: text messages from a database, through Twilio.
//!
//! Each operation is one protocol generation; all of them become [`send::Draft`]s and go the same way.

mod account;
mod carrier;
mod numbers;
mod prices;
mod send;
mod status;
mod text;
mod webhook;
mod wire;

use iap_sdk::prelude::*;

/// The service `sms`.
pub struct Sms;

impl Service for Sms {
    fn operations() -> Operations {
        Operations::new()
            .on("message_send", wire::plain::send)
            .quote("message_send", wire::plain::quote)
            .on("send_v1", wire::numbered::send_v1)
            .quote("send_v1", wire::numbered::quote)
            .on("send_v2", wire::numbered::send_v2)
            .quote("send_v2", wire::numbered::quote)
            .on("send_v3", wire::v3::send)
            .quote("send_v3", wire::v3::quote)
            .on("account_create", account::create::create)
            .on("account_verify", account::verify::verify)
            .on("account_update_sender", account::sender_name::update)
            .job("send", send::run_job)
            .hook("status", status::answer)
    }
}

iap_sdk::register_service!(Sms);
