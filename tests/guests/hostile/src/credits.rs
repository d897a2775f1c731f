//! Credits that are not its own.

use iap_sdk::prelude::*;
use serde_json::{Value, json};

use crate::{Seen, code, cpu_and_memory, saw, units};

pub(crate) fn wrong_line(_call: &Call, _: Value) -> Seen {
    Ok(saw(&billing::authorize(&[Line::new("gold", 1)])))
}

/// One unit more than `max_per_call`.
pub(crate) fn over_max(_call: &Call, _: Value) -> Seen {
    Ok(saw(&billing::authorize(&units(101))))
}

/// Authorizes and releases, again and again.
pub(crate) fn many_holds(_call: &Call, _: Value) -> Seen {
    for obtained in 0..1000 {
        match billing::authorize(&units(1)) {
            Ok(hold) => hold.release(),
            refused => return Ok(json!({ "obtained": obtained, "code": code(&refused) })),
        }
    }
    Ok(json!({ "obtained": 1000, "code": "ok" }))
}

/// Keeps 10,000 holds, or as many as the host gives.
pub(crate) fn handle_leak(_call: &Call, _: Value) -> Seen {
    let mut kept = Vec::new();
    for _ in 0..10_000 {
        match billing::authorize(&units(1)) {
            Ok(hold) => kept.push(hold),
            refused => return Ok(json!({ "obtained": kept.len(), "code": code(&refused) })),
        }
    }
    Ok(json!({ "obtained": kept.len(), "code": "ok" }))
}

pub(crate) fn double_capture(_call: &Call, _: Value) -> Seen {
    let hold = billing::authorize(&units(1))?;
    let first = hold.capture();
    Ok(json!({ "first": code(&first), "second": code(&hold.capture()) }))
}

/// Ten times what was set aside.
pub(crate) fn capture_too_much(_call: &Call, _: Value) -> Seen {
    let hold = billing::authorize(&units(1))?;
    Ok(saw(&hold.capture_lines(&units(10))))
}

pub(crate) fn capture_then_panic(_call: &Call, _: Value) -> Seen {
    billing::authorize(&units(1))?.capture()?;
    panic!("after the capture")
}

pub(crate) fn authorize_then_panic(_call: &Call, _: Value) -> Seen {
    let _hold = billing::authorize(&units(1))?;
    panic!("while credits are held")
}

pub(crate) fn authorize_then_loop(_call: &Call, _: Value) -> Seen {
    let _hold = billing::authorize(&units(1))?;
    cpu_and_memory::spin()
}

/// Nothing bad: one unit with a key, for prices in a table.
pub(crate) fn keyed(_call: &Call, _: Value) -> Seen {
    billing::authorize(&[Line::new("unit", 1).key("BE")])?.capture()?;
    Ok(json!({ "code": "ok" }))
}
