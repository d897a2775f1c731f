//! A guest that works later: jobs, documents, callbacks and hooks, as tests ask.

mod documents;
mod hooks;
mod later;

use iap_sdk::prelude::*;

struct Worker;

impl Service for Worker {
    fn operations() -> Operations {
        Operations::new()
            .on("later", later::later)
            .on("paid_later", later::paid_later)
            .on("call_back", later::call_back)
            .on("marks", later::marks)
            .on("documents", documents::documents)
            .on("read", documents::read)
            .on("put", documents::put)
            .job("mark", later::mark)
            .job("visit", later::visit)
            .job("fail", later::fail)
            .job("chain", later::chain)
            .job("deliver", later::deliver)
            .hook("event", hooks::event)
            .hook("plain", hooks::event)
    }
}

iap_sdk::register_service!(Worker);
