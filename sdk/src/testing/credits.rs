//! Credits as the contract writes them: decimals of at most 6 digits after the
//! point, here in millionths.

const MILLION: i64 = 1_000_000;

/// Reads `12.5`.
///
/// # Panics
///
/// If a test writes something else.
pub(super) fn parse(text: &str) -> i64 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    assert!(
        !whole.is_empty() && digits(whole) && digits(fraction) && fraction.len() <= 6,
        "`{text}` is no amount of credits: write a decimal such as \"12.5\""
    );
    let whole: i64 = whole.parse().expect("digits that fit");
    let fraction: i64 = format!("{fraction:0<6}").parse().expect("six digits");
    whole.checked_mul(MILLION).and_then(|millionths| millionths.checked_add(fraction)).expect("an amount that fits")
}

/// Writes `12.5`.
pub(super) fn write(millionths: i64) -> String {
    let fraction = format!("{:06}", millionths % MILLION);
    match fraction.trim_end_matches('0') {
        "" => (millionths / MILLION).to_string(),
        fraction => format!("{}.{fraction}", millionths / MILLION),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_as_they_were_read() {
        for text in ["0", "1", "0.02", "12.5", "0.000001"] {
            assert_eq!(write(parse(text)), text);
        }
    }
}
