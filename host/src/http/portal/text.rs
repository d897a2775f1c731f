//! Words for people.

use iap_core::Time;

/// A refusal of the rules as a sentence: capital letter, full stop.
pub(super) fn sentence(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    let stop = if text.ends_with(['.', '!', '?']) { "" } else { "." };
    format!("{first}{}{stop}", chars.as_str())
}

/// A moment as `2026-03-01 14:30 UTC`.
pub(super) fn moment(time: Time) -> String {
    jiff::Timestamp::from_millisecond(time.millis())
        .map_or_else(|_| "never".to_owned(), |time| time.strftime("%Y-%m-%d %H:%M UTC").to_string())
}

/// Bytes as the manifest writes them: `256 MiB`.
pub(super) fn size(bytes: u64) -> String {
    const KIB: u64 = 1024;
    for (unit, name) in [(KIB * KIB * KIB, "GiB"), (KIB * KIB, "MiB"), (KIB, "KiB")] {
        if unit <= bytes && bytes.is_multiple_of(unit) {
            return format!("{} {name}", bytes / unit);
        }
    }
    format!("{bytes} bytes")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_become_sentences() {
        assert_eq!(sentence("the account is empty; buy a pack"), "The account is empty; buy a pack.");
        assert_eq!(sentence("Done."), "Done.");
        assert_eq!(sentence(""), ".");
    }

    #[test]
    fn moments_and_sizes_are_readable() {
        assert_eq!(moment(Time(1_700_000_000_000)), "2023-11-14 22:13 UTC");
        assert_eq!(moment(Time::NEVER), "never");
        assert_eq!([0, 1500, 1024, 268_435_456].map(size), ["0 bytes", "1500 bytes", "1 KiB", "256 MiB"]);
    }
}
