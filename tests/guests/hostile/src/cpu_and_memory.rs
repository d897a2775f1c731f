//! Too long, too deep, too large.

use std::hint::black_box;

use iap_sdk::prelude::*;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::Seen;

/// Never returns, never asks the host for anything.
pub(crate) fn spin() -> ! {
    let mut turns: u64 = 0;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

pub(crate) fn loop_forever(_call: &Call, _: Value) -> Seen {
    spin()
}

pub(crate) fn panic(_call: &Call, _: Value) -> Seen {
    panic!("on purpose")
}

pub(crate) fn allocate(_call: &Call, _: Value) -> Seen {
    let mut kept = Vec::new();
    loop {
        kept.push(black_box(vec![1_u8; 1 << 20]));
    }
}

pub(crate) fn deep_recursion(_call: &Call, _: Value) -> Seen {
    Ok(json!({ "depth": descend(1, u64::MAX) }))
}

fn descend(depth: u64, most: u64) -> u64 {
    let frame = black_box([depth; 64]);
    if depth == most { frame[0] } else { descend(depth + 1, most).max(frame[63]) }
}

pub(crate) fn memory_copy_storm(_call: &Call, _: Value) -> Seen {
    // One copy of this size cannot be interrupted while it runs.
    const SIZE: usize = 12 << 20;
    let mut buffer = vec![1_u8; SIZE];
    loop {
        buffer.copy_within(0..SIZE - 1, 1);
        black_box(&buffer);
    }
}

#[derive(Deserialize)]
pub(crate) struct Spin {
    /// Milliseconds.
    ms: u64,
}

pub(crate) fn spin_ms(_call: &Call, input: Spin) -> Seen {
    let began = clock::now_ms();
    let mut turns: u64 = 0;
    while clock::now_ms().saturating_sub(began) < input.ms {
        for _ in 0..1000 {
            turns = black_box(turns + 1);
        }
    }
    Ok(json!({ "turns": turns, "ms": clock::now_ms().saturating_sub(began) }))
}
