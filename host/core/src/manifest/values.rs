//! Texts that have a form: names, sizes, durations, addresses, prices.

use std::{ops::RangeInclusive, time::Duration};

use crate::Credits;

/// A name in an alphabet of `a-z`, `0-9`, `_` (and `-` where allowed), beginning with a letter.
fn name(text: &str, longest: usize, with_hyphen: bool) -> Result<String, String> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || (with_hyphen && b == b'-');
    let fits = |text: &str| {
        text.bytes().all(allowed) && text.len() <= longest && text.starts_with(|c: char| c.is_ascii_lowercase())
    };
    if fits(text) {
        return Ok(text.to_owned());
    }
    let alphabet = if with_hyphen { "a-z, 0-9, \"_\" and \"-\"" } else { "a-z, 0-9 and \"_\"" };
    let corrected = text.to_lowercase().replace(if with_hyphen { [' ', '.'] } else { [' ', '-'] }, "_");
    let remedy = if fits(&corrected) { format!("write {corrected:?}") } else { "write another".to_owned() };
    Err(format!("{text:?} must be 1 to {longest} of {alphabet}, beginning with a letter; {remedy}"))
}

/// Name of a service on the wire: 1 to 40 of `a-z`, `0-9`, `_`.
pub(super) fn service_name(text: &str) -> Result<String, String> {
    name(text, 40, false)
}

/// Name of an operation: 1 to 60 of `a-z`, `0-9`, `_`.
pub(super) fn operation_name(text: &str) -> Result<String, String> {
    name(text, 60, false)
}

/// Name of a vendor, endpoint, config value or secret: 1 to 60 of `a-z`, `0-9`, `_`, `-`.
pub(super) fn plain_name(text: &str) -> Result<String, String> {
    name(text, 60, true)
}

/// The same, of a vendor that signs up.
pub fn vendor_name(text: &str) -> Result<String, String> {
    plain_name(text)
}

/// Name of a member of JSON: 1 to 60 letters, digits and `_`, not beginning with a digit.
pub(super) fn is_member(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
    (1..=60).contains(&text.len()) && text.bytes().all(allowed) && !text.starts_with(|c: char| c.is_ascii_digit())
}

/// See [`is_member`].
pub(super) fn member(text: &str) -> Result<String, String> {
    if is_member(text) {
        return Ok(text.to_owned());
    }
    Err(format!("{text:?} is no name of a member; write letters, digits and \"_\", as \"account_token\""))
}

/// A shown text of 1 to `longest` characters, in one line, without blanks around it.
pub(super) fn shown(longest: usize) -> impl Fn(&str) -> Result<String, String> {
    move |text| {
        if text.trim().is_empty() {
            return Err("the text is empty; write one".to_owned());
        }
        if text.trim() != text || text.chars().any(char::is_control) {
            return Err("the text must be one line without blanks around it".to_owned());
        }
        match text.chars().count() {
            length if length > longest => Err(format!("the text has {length} characters; write at most {longest}")),
            _ => Ok(text.to_owned()),
        }
    }
}

/// Splits `32 MiB` into its number and unit.
fn quantity(text: &str) -> Option<(u64, &str)> {
    let (number, unit) = text.split_once(' ')?;
    let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| number.parse().ok().map(|number| (number, unit))).flatten()
}

/// Bytes from `64 KiB`; the error says what to write instead.
pub fn size(text: &str) -> Result<u64, String> {
    let bytes = quantity(text).and_then(|(number, unit)| {
        let unit = match unit {
            "B" => 1,
            "KiB" => 1 << 10,
            "MiB" => 1 << 20,
            "GiB" => 1 << 30,
            _ => return None,
        };
        // Storage counts in signed 64 bits.
        number.checked_mul(unit).filter(|bytes| i64::try_from(*bytes).is_ok())
    });
    bytes.ok_or_else(|| format!("{text:?} is no size; write a whole number and B, KiB, MiB or GiB, as \"64 KiB\""))
}

/// Body of a request where nothing else is said, in bytes.
pub(super) const USUAL_BODY: u64 = 1 << 20;
const LARGEST_BODY: u64 = 32 << 20;

/// Largest body of a request, in bytes.
pub(super) fn max_body(text: &str) -> Result<u64, String> {
    match size(text)? {
        bytes if bytes == 0 || bytes > LARGEST_BODY => {
            Err(format!("{text:?} is out of range; write at most {}", show_size(LARGEST_BODY)))
        }
        bytes => Ok(bytes),
    }
}

/// A JSON Pointer in which `*` stands for every element of a list, as in `example`.
pub(super) fn pointer(example: &str) -> impl Fn(&str) -> Result<String, String> {
    let well_escaped = |segment: &str| segment.split('~').skip(1).all(|after| after.starts_with(['0', '1']));
    let segment = move |segment: &str| !segment.is_empty() && well_escaped(segment);
    move |text| match text.strip_prefix('/') {
        Some(rest) if text.len() <= 200 && rest.split('/').all(segment) => Ok(text.to_owned()),
        _ => Err(format!("{text:?} is no JSON Pointer; write one with \"*\" for every element, as {example:?}")),
    }
}

/// A size as people write it, in the largest unit that divides it.
pub(crate) fn show_size(bytes: u64) -> String {
    let unit = [(30, "GiB"), (20, "MiB"), (10, "KiB")].into_iter().find(|(bits, _)| bytes >> bits << bits == bytes);
    match unit {
        Some((bits, unit)) if bytes > 0 => format!("{} {unit}", bytes >> bits),
        _ => format!("{bytes} B"),
    }
}

/// Time from `10 s`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let duration = quantity(text).and_then(|(number, unit)| match unit {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "min" => number.checked_mul(60).map(Duration::from_secs),
        _ => None,
    });
    duration.ok_or_else(|| format!("{text:?} is no duration; write a whole number and ms, s or min, as \"10 s\""))
}

/// Time from `5 s` to `730 days`, within a range of seconds.
pub(super) fn span(range: RangeInclusive<u64>) -> impl Fn(&str) -> Result<Duration, String> {
    move |text| {
        let seconds = quantity(text).and_then(|(number, unit)| {
            let unit = match unit {
                "s" => 1,
                "min" => 60,
                "h" => 3_600,
                "day" | "days" => 86_400,
                _ => return None,
            };
            number.checked_mul(unit)
        });
        match seconds {
            None => Err(format!("{text:?} is no time; write a whole number and s, min, h or days, as \"30 days\"")),
            Some(seconds) if range.contains(&seconds) => Ok(Duration::from_secs(seconds)),
            Some(_) => Err(format!(
                "{text:?} is out of range; write {} to {}",
                show_span(*range.start()),
                show_span(*range.end())
            )),
        }
    }
}

/// Time as people write it: in days where it has whole days.
pub(crate) fn show_span(seconds: u64) -> String {
    if seconds.is_multiple_of(86_400) { format!("{} days", seconds / 86_400) } else { format!("{seconds} s") }
}

/// Credits above zero.
pub(super) fn positive_credits(text: &str) -> Result<Credits, String> {
    match text.parse::<Credits>() {
        Ok(credits) if credits.is_positive() => Ok(credits),
        Ok(_) => Err(format!("{text:?} must be above zero")),
        Err(error) => Err(format!("{text:?} {error}")),
    }
}

/// An `https:` address of a page.
pub(super) fn https(text: &str) -> Result<String, String> {
    let rest =
        text.strip_prefix("https://").filter(|rest| is_host(rest.split(['/', '?', '#', ':']).next().unwrap_or("")));
    match rest {
        Some(_) if text.bytes().all(|b| b.is_ascii_graphic()) => Ok(text.to_owned()),
        _ => Err(format!("{text:?} is no https: address; write one as \"https://example.com/privacy\"")),
    }
}

/// A `mailto:` or `https:` address.
pub(super) fn support(text: &str) -> Result<String, String> {
    let mailbox = text.strip_prefix("mailto:").and_then(|mailbox| mailbox.split_once('@'));
    match mailbox {
        Some((user, host)) if !user.is_empty() && is_host(host) && text.bytes().all(|b| b.is_ascii_graphic()) => {
            Ok(text.to_owned())
        }
        _ => https(text)
            .map_err(|_| format!("{text:?} must be a mailto: or https: address, as \"mailto:help@example.com\"")),
    }
}

/// A host name or IPv4 address in small letters.
pub(super) fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        (1..=63).contains(&label.len())
            && label.bytes().all(allowed)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_an_alphabet_and_a_correction() {
        assert_eq!(service_name("partner_autocomplete"), Ok("partner_autocomplete".to_owned()));
        assert_eq!(
            service_name("Partner-Autocomplete").unwrap_err(),
            "\"Partner-Autocomplete\" must be 1 to 40 of a-z, 0-9 and \"_\", beginning with a letter; write \"partner_autocomplete\""
        );
        assert_eq!(
            plain_name("9 lives").unwrap_err(),
            "\"9 lives\" must be 1 to 60 of a-z, 0-9, \"_\" and \"-\", beginning with a letter; write another"
        );
        assert!(
            plain_name("twilio-account-sid").is_ok()
                && service_name("").is_err()
                && service_name(&"a".repeat(41)).is_err()
        );
        assert!(is_member("webhook_url") && !is_member("a.b") && !is_member("1a") && !is_member(""));
    }

    #[test]
    fn sizes_and_durations_have_units() {
        for (text, bytes) in [("0 B", 0), ("64 KiB", 65_536), ("1 MiB", 1_048_576), ("2 GiB", 2_147_483_648)] {
            assert_eq!((size(text), show_size(bytes).as_str()), (Ok(bytes), text));
        }
        for text in ["1MiB", "1 MB", "1.5 MiB", "-1 B", "", "9999999999 GiB", "1  MiB"] {
            assert_eq!(
                size(text).unwrap_err(),
                format!("{text:?} is no size; write a whole number and B, KiB, MiB or GiB, as \"64 KiB\"")
            );
        }
        for (text, millis) in [("500 ms", 500), ("10 s", 10_000), ("2 min", 120_000)] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["10", "10s", "1 h", "1.5 s", "18446744073709551615 min"] {
            assert_eq!(
                duration(text).unwrap_err(),
                format!("{text:?} is no duration; write a whole number and ms, s or min, as \"10 s\"")
            );
        }
    }

    #[test]
    fn credits_are_above_zero() {
        assert_eq!(positive_credits("0.5"), Ok(Credits::from_micros(500_000)));
        assert_eq!(positive_credits("0").unwrap_err(), "\"0\" must be above zero");
        assert_eq!(positive_credits("-1").unwrap_err(), "\"-1\" must be above zero");
        assert_eq!(positive_credits("0.0000001").unwrap_err(), "\"0.0000001\" has more than 6 decimals");
        assert_eq!(positive_credits("").unwrap_err(), "\"\" is not a decimal number such as \"12.5\"");
    }

    #[test]
    fn addresses_are_mail_or_https() {
        for text in ["mailto:help@example.com", "https://example.com/help?x=1"] {
            assert_eq!(support(text), Ok(text.to_owned()));
        }
        for text in [
            "help@example.com",
            "mailto:help",
            "http://example.com",
            "https://",
            "https://exa mple.com",
            "javascript:alert(1)",
        ] {
            assert_eq!(
                support(text).unwrap_err(),
                format!("{text:?} must be a mailto: or https: address, as \"mailto:help@example.com\"")
            );
        }
        assert!(https("mailto:help@example.com").is_err());
    }

    #[test]
    fn shown_texts_are_short_lines() {
        let check = |text: &str| shown(5)(text);
        assert_eq!(check("Größe"), Ok("Größe".to_owned()));
        assert_eq!(check("abcdef").unwrap_err(), "the text has 6 characters; write at most 5");
        assert_eq!(check(" ").unwrap_err(), "the text is empty; write one");
        for text in ["a\nb", " a", "a "] {
            assert_eq!(check(text).unwrap_err(), "the text must be one line without blanks around it");
        }
    }
}
