use std::marker::PhantomData;
use std::sync::Once;

use super::bindings::exports::iap::service::plugin;
use super::bindings::iap::service::{billing, types};
use super::convert;
use crate::{Service, log};

/// Exports a [`Service`] as the contract's `plugin` interface.
pub struct Adapter<S>(PhantomData<S>);

impl<S: Service> plugin::Guest for Adapter<S> {
    fn handle(call: plugin::Call) -> Result<Vec<u8>, types::Failure> {
        report_panics();
        S::operations().answer(&convert::call(call)).map_err(convert::failure)
    }

    fn quote(call: plugin::Call) -> Result<Vec<billing::Line>, types::Failure> {
        report_panics();
        match S::operations().lines(&convert::call(call)) {
            Ok(lines) => Ok(convert::lines(&lines)),
            Err(failure) => Err(convert::failure(failure)),
        }
    }

    fn run_job(job: plugin::Job) -> Result<(), types::Failure> {
        report_panics();
        S::operations().run(&convert::job(job)).map_err(convert::failure)
    }

    fn on_request(request: plugin::HookRequest) -> plugin::HookResponse {
        report_panics();
        convert::hook_response(S::operations().respond(&convert::hook_request(request)))
    }
}

/// A panic is a trap, which says nothing: log its place and message before.
fn report_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| std::panic::set_hook(Box::new(|panic| log::write(log::Level::Error, &panic.to_string()))));
}
