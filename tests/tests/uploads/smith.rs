//! Modules and components that wasm-smith makes up.

use arbitrary::Unstructured;
use wasm_smith::{Component, Config, Module};

use crate::support::{Dice, inspector, judge, release_with, rounds};

/// Everything that wasm-smith knows.
fn wild() -> Config {
    Config { max_memories: 4, max_tables: 8, generate_custom_sections: true, ..Config::default() }
}

/// What this host runs, so that the compiler sees it; it imports nothing.
fn tame(dice: &mut Dice) -> Config {
    Config {
        max_imports: 0,
        min_funcs: 1,
        max_funcs: 50,
        max_instructions: 1_000,
        max_memory32_bytes: 1 << (20 + dice.below(12)),
        max_table_elements: 20_000,
        gc_enabled: false,
        exceptions_enabled: false,
        threads_enabled: false,
        memory64_enabled: false,
        relaxed_simd_enabled: false,
        tail_call_enabled: false,
        wide_arithmetic_enabled: false,
        compact_imports_enabled: false,
        custom_page_sizes_enabled: false,
        ..Config::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn made_up_modules_and_components_are_refused() {
    let (inspector, mut dice) = (inspector(), Dice(5));
    for round in 0..rounds(60, 300) {
        let seed = dice.bytes(8_192);
        let mut random = Unstructured::new(&seed);
        let upload = if round % 2 == 0 {
            Module::new(wild(), &mut random).map(|module| module.to_bytes())
        } else {
            Component::new(wild(), &mut random).map(|component| component.to_bytes())
        };
        let upload = upload.expect("8 KiB of randomness are enough");
        assert!(judge(&inspector, &upload).await.is_err(), "a made-up upload is no release");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn good_releases_with_made_up_modules_are_compiled_or_refused() {
    let (inspector, mut dice) = (inspector(), Dice(6));
    let (mut accepted, mut refused) = (0, 0);
    for round in 0..rounds(16, 200) {
        let seed = dice.bytes(16_384);
        let config = if round % 4 == 0 { Config { max_imports: 0, ..wild() } } else { tame(&mut dice) };
        let module = Module::new(config, &mut Unstructured::new(&seed)).expect("16 KiB of randomness are enough");
        match judge(&inspector, &release_with(&module.to_bytes())).await {
            Ok(_) => accepted += 1,
            Err(_) => refused += 1,
        }
    }
    // Both must happen, or this tests less than it says.
    assert!(0 < accepted && 0 < refused, "{accepted} accepted, {refused} refused");
}
