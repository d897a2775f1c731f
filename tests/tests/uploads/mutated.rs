//! Garbage, and real components with damage.

use std::collections::BTreeMap;

use iap_tests::guests;

use crate::support::{Dice, append, assemble, echo, inspector, judge, refused, rounds, sections};

#[tokio::test(flavor = "multi_thread")]
async fn garbage_is_refused() {
    let (inspector, mut dice) = (inspector(), Dice(1));
    for round in 0..rounds(60, 300) {
        let size = [0, 1, 7, 8, 9, 100, 4_096, 1 << 20][round % 8];
        let mut upload = dice.bytes(size);
        // Every other one begins as a component would, or as a module.
        let header: &[u8] = [&[][..], b"\0asm\x0d\0\x01\0", b"\0asm\x01\0\0\0"][round % 3];
        for (byte, given) in upload.iter_mut().zip(header) {
            *byte = *given;
        }
        assert!(judge(&inspector, &upload).await.is_err(), "garbage of {size} bytes was accepted");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_webassembly_is_refused() {
    let inspector = inspector();
    refused(&inspector, "nothing", b"", "not valid here").await;
    refused(&inspector, "zeros", &vec![0; 16 << 20], "not valid here").await;
    refused(&inspector, "one byte too much", &vec![0; (16 << 20) + 1], "at most 16 MiB").await;
    refused(&inspector, "a web page", b"<!doctype html><title>404</title>", "not valid here").await;
    refused(&inspector, "an archive", b"PK\x03\x04\x14\0\0\0\x08\0", "not valid here").await;
    refused(&inspector, "a program", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0", "not valid here").await;
    refused(&inspector, "a core module", b"\0asm\x01\0\0\0", "iap plugin build").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cut_off_components_are_refused() {
    let (inspector, mut dice) = (inspector(), Dice(2));
    let whole = echo();
    for _ in 0..rounds(40, 200) {
        let cut = &whole[..dice.below(whole.len())];
        assert!(judge(&inspector, cut).await.is_err(), "{} of {} bytes were accepted", cut.len(), whole.len());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn flipped_bits_are_refused_or_do_no_harm() {
    let (inspector, mut dice) = (inspector(), Dice(3));
    let wholes = ["iap-example-echo", "iap-plugin-sms"].map(guests::component);
    let mut outcomes = BTreeMap::new();
    for round in 0..rounds(30, 300) {
        let mut upload = wholes[round % wholes.len()].to_vec();
        for _ in 0..=dice.below(4) {
            let at = dice.below(upload.len());
            upload[at] ^= 1 << dice.below(8);
        }
        // A bit of a constant may be flipped and leave a good component: what counts is that somebody can tell.
        let good = judge(&inspector, &upload).await.is_ok();
        *outcomes.entry(good).or_insert(0) += 1;
    }
    assert!(outcomes.contains_key(&false), "no flipped bit was ever noticed: {outcomes:?}");
    assert!(judge(&inspector, &echo()).await.is_ok(), "good uploads go on being accepted");
}

#[tokio::test(flavor = "multi_thread")]
async fn shuffled_doubled_and_missing_sections_are_refused_or_do_no_harm() {
    let (inspector, mut dice) = (inspector(), Dice(4));
    let mut refusals = 0;
    for round in 0..rounds(24, 200) {
        let mut parts = sections(&echo());
        let (one, other) = (dice.below(parts.len()), dice.below(parts.len()));
        match round % 4 {
            0 => parts.swap(one, other),
            1 => parts.insert(other, parts[one].clone()),
            2 => drop(parts.remove(one)),
            _ => parts[one].1 = parts[other].1.clone(),
        }
        refusals += usize::from(judge(&inspector, &assemble(&parts)).await.is_err());
    }
    assert!(5 < refusals, "{refusals}");
}

#[tokio::test(flavor = "multi_thread")]
async fn sections_that_lie_about_their_size_are_refused() {
    let inspector = inspector();
    for id in 0..=12 {
        for size in [&[0xff, 0xff, 0xff, 0xff, 0x0f][..], &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80][..], &[0x05][..]] {
            let mut upload = echo();
            upload.push(id);
            upload.extend(size);
            assert!(judge(&inspector, &upload).await.is_err(), "section {id} of {size:02x?} was accepted");
        }
    }
    let mut unknown = echo();
    append(&mut unknown, 0x7e, b"what is this");
    refused(&inspector, "an unknown section", &unknown, "not valid here").await;
}
