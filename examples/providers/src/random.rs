//! Identifiers in the shapes the providers use.

const ALPHANUMERIC: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

fn bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// 32 lower-case hex digits: what follows the two letters of a Twilio SID.
pub(crate) fn hex32() -> String {
    hex::encode(bytes::<16>())
}

/// `prefix` and 24 letters and digits, as in Stripe's ids. The slight bias of the modulo is no matter:
/// these ids are to be unlike each other, not secret.
pub(crate) fn id(prefix: &str) -> String {
    let tail = bytes::<24>().map(|byte| char::from(ALPHANUMERIC[usize::from(byte) % ALPHANUMERIC.len()]));
    prefix.chars().chain(tail).collect()
}
