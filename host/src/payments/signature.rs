//! `Stripe-Signature`: proof that an event comes from Stripe, and from just now.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// How far the time of a signature may be from ours, in seconds: bounds replay.
pub const TOLERANCE: i64 = 300;

/// Why a signature proves nothing, in the order checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// No `t` or no `v1`.
    #[error("Stripe-Signature must be \"t=<unix seconds>,v1=<hex>\"; is this request from Stripe?")]
    Malformed,
    /// None of the `v1` values fits.
    #[error(
        "Stripe-Signature does not fit the body; set [stripe] webhook_secret to the signing secret (whsec_…) of this webhook endpoint"
    )]
    Mismatch,
    /// Signed too long ago, or in the future.
    #[error("Stripe-Signature is more than 300 s from the time of this host; check its clock")]
    Stale,
}

/// Checks `t=…,v1=…[,v1=…]` over the body as it arrived. `now` is in Unix seconds.
///
/// Several `v1` values come while a secret is being rolled; other schemes are passed over.
pub fn verify(secret: &str, header: &str, body: &[u8], now: i64) -> Result<(), SignatureError> {
    let (mut time, mut signatures) = (None, Vec::new());
    for (name, value) in header.split(',').filter_map(|part| part.trim().split_once('=')) {
        match name {
            "t" => time = Some(value),
            "v1" => signatures.push(value),
            _ => {}
        }
    }
    let time = time.ok_or(SignatureError::Malformed)?;
    let signed_at: i64 = time.parse().map_err(|_| SignatureError::Malformed)?;
    if signatures.is_empty() {
        return Err(SignatureError::Malformed);
    }
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(time.as_bytes());
    mac.update(b".");
    mac.update(body);
    let fits = |hex_text: &&str| hex::decode(hex_text).is_ok_and(|bytes| mac.clone().verify_slice(&bytes).is_ok());
    if !signatures.iter().any(fits) {
        return Err(SignatureError::Mismatch);
    }
    match now.checked_sub(signed_at) {
        Some(age) if age.unsigned_abs() <= TOLERANCE.unsigned_abs() => Ok(()),
        _ => Err(SignatureError::Stale),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "whsec_test";
    const BODY: &[u8] = br#"{"id":"evt_1"}"#;
    /// HMAC-SHA256 of `1700000000.{"id":"evt_1"}` with `whsec_test`, made with openssl.
    const V1: &str = "c89214b5b5da833daed6f0b8c5bb6bd58cea9022bd80ccc78230f3942d632925";

    #[test]
    fn a_signature_fits_within_its_time() {
        let header = format!("t=1700000000,v1={V1}");
        for (now, answer) in [
            (1_700_000_000, Ok(())),
            (1_700_000_300, Ok(())),
            (1_699_999_700, Ok(())),
            (1_700_000_301, Err(SignatureError::Stale)),
            (1_699_999_699, Err(SignatureError::Stale)),
            (i64::MIN, Err(SignatureError::Stale)),
        ] {
            assert_eq!(verify(SECRET, &header, BODY, now), answer, "{now}");
        }
    }

    #[test]
    fn any_of_several_signatures_may_fit() {
        let wrong = "00".repeat(32);
        for header in [
            format!("t=1700000000,v1={wrong},v1={V1}"),
            format!("t=1700000000, v1={V1}, v0=abc, v1={wrong}"),
            format!("v1={V1},t=1700000000"),
        ] {
            assert_eq!(verify(SECRET, &header, BODY, 1_700_000_000), Ok(()), "{header}");
        }
    }

    #[test]
    fn what_is_not_signed_with_the_secret_is_refused() {
        let header = format!("t=1700000000,v1={V1}");
        let at = 1_700_000_000;
        assert_eq!(verify("whsec_other", &header, BODY, at), Err(SignatureError::Mismatch));
        assert_eq!(verify(SECRET, &header, br#"{"id":"evt_2"}"#, at), Err(SignatureError::Mismatch));
        assert_eq!(
            verify(SECRET, &header.replace("1700000000", "1700000001"), BODY, at),
            Err(SignatureError::Mismatch)
        );
        for cut in [&V1[..62], "zz", ""] {
            assert_eq!(
                verify(SECRET, &format!("t=1700000000,v1={cut}"), BODY, at),
                Err(SignatureError::Mismatch),
                "{cut}"
            );
        }
        for header in
            ["", "t=1700000000", &format!("v1={V1}"), &format!("t=now,v1={V1}"), &format!("t=1700000000,v0={V1}")]
        {
            assert_eq!(verify(SECRET, header, BODY, at), Err(SignatureError::Malformed), "{header}");
        }
    }
}
