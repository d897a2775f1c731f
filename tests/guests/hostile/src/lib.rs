//! A guest that misbehaves on request: each operation is one way to harm a host,
//! and answers what it saw where it returns at all.

mod cpu_and_memory;
mod credits;
mod volume;

use iap_sdk::prelude::*;
use serde_json::{Value, json};

struct Hostile;

impl Service for Hostile {
    fn operations() -> Operations {
        Operations::new()
            .on("loop_forever", cpu_and_memory::loop_forever)
            .on("panic", cpu_and_memory::panic)
            .on("allocate", cpu_and_memory::allocate)
            .on("deep_recursion", cpu_and_memory::deep_recursion)
            .on("memory_copy_storm", cpu_and_memory::memory_copy_storm)
            .on("spin_ms", cpu_and_memory::spin_ms)
            .on("huge_output", volume::huge_output)
            .on("flood_log", volume::flood_log)
            .on("big_store", volume::big_store)
            .on("note", volume::note)
            .on("no_hold_http", volume::no_hold_http)
            .on("undeclared_endpoint", volume::undeclared_endpoint)
            .on("hold_and_http", volume::hold_and_http)
            .on("careless", volume::careless)
            .on("wrong_line", credits::wrong_line)
            .on("over_max", credits::over_max)
            .on("many_holds", credits::many_holds)
            .on("handle_leak", credits::handle_leak)
            .on("double_capture", credits::double_capture)
            .on("capture_too_much", credits::capture_too_much)
            .on("capture_then_panic", credits::capture_then_panic)
            .on("authorize_then_panic", credits::authorize_then_panic)
            .on("authorize_then_loop", credits::authorize_then_loop)
            .on("keyed", credits::keyed)
    }
}

iap_sdk::register_service!(Hostile);

/// What most operations answer, when they do.
type Seen = Result<Value, Failure>;

/// Lines of the only item that has a price.
fn units(units: u64) -> [Line; 1] {
    [Line::new("unit", units)]
}

/// `ok`, or the code of the refusal or error.
fn code<T>(outcome: &Result<T, impl ToString>) -> String {
    match outcome {
        Ok(_) => "ok".into(),
        Err(error) => error.to_string().split(':').next().unwrap_or_default().to_owned(),
    }
}

/// An answer with only a code.
fn saw<T>(outcome: &Result<T, impl ToString>) -> Value {
    json!({ "code": code(outcome) })
}

#[cfg(test)]
mod tests;
