//! Secrets, and how bytes are searched for them.

use std::{
    cmp::Reverse,
    fmt::{self, Write as _},
};

use base64::{
    Engine as _,
    engine::general_purpose::{STANDARD, URL_SAFE},
};
use memchr::memmem;

/// A value that no guest, log or error text may show.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Shorter values would be found in innocent bytes.
const SHORTEST: usize = 6;

/// The byte strings that betray a secret: as it is, and as it is usually written where it is echoed.
#[derive(Clone, Default)]
pub(crate) struct Needles(Vec<memmem::Finder<'static>>);

impl Needles {
    pub(crate) fn add(&mut self, value: &str) {
        if value.len() < SHORTEST {
            return;
        }
        let mut forms = vec![value.to_owned(), hex::encode(value), hex::encode_upper(value)];
        forms.extend(in_urls(value));
        forms.extend(in_base64(value.as_bytes()));
        forms.extend(escaped(value));
        for form in forms.iter().filter(|form| SHORTEST <= form.len()) {
            if self.0.iter().all(|known| known.needle() != form.as_bytes()) {
                self.0.push(memmem::Finder::new(form).into_owned());
            }
        }
        // The longest first, so that of two that overlap more is overwritten.
        self.0.sort_by_key(|needle| Reverse(needle.needle().len()));
    }

    /// Whether a secret is in `bytes`.
    pub(crate) fn are_in(&self, bytes: &[u8]) -> bool {
        self.0.iter().any(|needle| needle.find(bytes).is_some())
    }

    /// Overwrites secrets with as many asterisks, so that JSON stays JSON.
    pub(crate) fn redact(&self, bytes: &mut [u8]) {
        for needle in &self.0 {
            let mut from = 0;
            while let Some(at) = bytes.get(from..).and_then(|rest| needle.find(rest)) {
                let end = from + at + needle.needle().len();
                bytes[from + at..end].fill(b'*');
                from = end;
            }
        }
    }

    /// Like [`Needles::redact`], for a text.
    pub(crate) fn redact_text(&self, text: String) -> String {
        if !self.are_in(text.as_bytes()) {
            return text;
        }
        let mut bytes = text.into_bytes();
        self.redact(&mut bytes);
        // A needle is a whole text, so asterisks never split a character.
        String::from_utf8(bytes).unwrap_or_default()
    }
}

/// Percent-encoded, as the usual encoders do: they differ in what they keep, in blanks and in the case of digits.
fn in_urls(value: &str) -> Vec<String> {
    let mut forms = Vec::new();
    for kept in ["-._~", "-._*", "-._~!'()*", "-._~/", "-._~$&+=:@", "-._~!*'();/?:@&=+$,#"] {
        for blank in ["+", "%20"] {
            let (mut upper, mut lower) = (String::new(), String::new());
            for byte in value.bytes() {
                // Writing to a String cannot fail.
                _ = match byte {
                    b' ' => write!(upper, "{blank}").and(write!(lower, "{blank}")),
                    _ if byte.is_ascii_alphanumeric() || kept.as_bytes().contains(&byte) => {
                        write!(upper, "{}", char::from(byte)).and(write!(lower, "{}", char::from(byte)))
                    }
                    _ => write!(upper, "%{byte:02X}").and(write!(lower, "%{byte:02x}")),
                };
            }
            forms.extend([upper, lower]);
        }
    }
    forms
}

/// The characters of base64 that are the same wherever in a longer text the secret stands.
fn in_base64(secret: &[u8]) -> Vec<String> {
    let mut forms = Vec::new();
    for engine in [&STANDARD, &URL_SAFE] {
        for before in 0..3 {
            let encoded = engine.encode([&[0; 2][..before], secret].concat());
            // A character stands for six bits: those with bits of what is before or behind do not count.
            let (from, to) = ((8 * before).div_ceil(6), 8 * (before + secret.len()) / 6);
            forms.extend(encoded.get(from..to).map(str::to_owned));
        }
    }
    forms
}

/// In JSON and in HTML.
fn escaped(value: &str) -> Vec<String> {
    let mut forms = in_json(value);
    forms.extend(in_html(value));
    forms
}

/// In JSON: encoders differ in slashes, and in whether `&`, `<` and `>` are written as they are or as numbers.
fn in_json(value: &str) -> Vec<String> {
    let plain = with(value, &[("\\", "\\\\"), ("\"", "\\\""), ("\n", "\\n"), ("\r", "\\r")]);
    let lower = with(&plain, &[("&", "\\u0026"), ("<", "\\u003c"), (">", "\\u003e")]);
    let upper = with(&plain, &[("&", "\\u0026"), ("<", "\\u003C"), (">", "\\u003E")]);
    [plain, lower, upper].into_iter().flat_map(|form| [form.replace('/', "\\/"), form]).collect()
}

/// In HTML: encoders differ in quotes, and some write a plus as a number.
fn in_html(value: &str) -> Vec<String> {
    let plain = with(value, &[("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")]);
    let mut forms = Vec::new();
    for quote in ["\"", "&quot;", "&#34;"] {
        for apostrophe in ["'", "&#39;", "&#039;", "&#x27;"] {
            for plus in ["+", "&#43;"] {
                forms.push(with(&plain, &[("\"", quote), ("'", apostrophe), ("+", plus)]));
            }
        }
    }
    forms
}

/// A text with others in place of some, one after the other.
fn with(text: &str, places: &[(&str, &str)]) -> String {
    places.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_wherever_it_stands() {
        let mut needles = Needles::default();
        needles.add("s3cret/key");
        for text in ["s3cret/key", "xs3cret/keyx", "ss3cret/key", "a=s3cret%2Fkey"] {
            assert!(needles.are_in(text.as_bytes()), "{text}");
        }
        for text in ["", "s3cret", "s3cret/ke", "s3cret-key"] {
            assert!(!needles.are_in(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn a_secret_is_found_however_it_is_written() {
        let secret = "pa\"ss&w/or d+=é\nx";
        let mut needles = Needles::default();
        needles.add(secret);
        let mut ways: Vec<String> = vec![
            serde_json::to_string(&secret).unwrap(),
            serde_json::to_string(&secret).unwrap().replace('/', "\\/"),
            "pa&quot;ss&amp;w/or d+=é\nx".to_owned(),
            "x=pa%22ss%26w%2For+d%2B%3D%C3%A9%0Ax&y".to_owned(),
            "x=pa%22ss%26w%2For%20d%2B%3D%C3%A9%0Ax&y".to_owned(),
            "/pa%22ss%26w/or%20d%2b%3d%c3%a9%0ax/y".to_owned(),
            hex::encode_upper(secret),
        ];
        for before in 0..5 {
            for after in 0..4 {
                let text = format!("{}{secret}{}", "b".repeat(before), "a".repeat(after));
                ways.extend([
                    STANDARD.encode(&text),
                    URL_SAFE.encode(&text),
                    STANDARD.encode(&text).trim_end_matches('=').to_owned(),
                ]);
            }
        }
        for way in ways {
            assert!(needles.are_in(way.as_bytes()), "{way}");
            let redacted = needles.redact_text(way.clone());
            assert!(redacted.contains("******") && !needles.are_in(redacted.as_bytes()), "{way}: {redacted}");
            assert_eq!(redacted.len(), way.len());
        }
        for innocent in ["", "pa\"ss&w/or", "cGEi", &STANDARD.encode("something else altogether, and longer")] {
            assert!(!needles.are_in(innocent.as_bytes()), "{innocent}");
        }
    }

    #[test]
    fn a_secret_is_found_however_json_and_html_escape_it() {
        let mut needles = Needles::default();
        needles.add("a<b>&c+'d\"/e");
        for way in [
            r#"a<b>&c+'d\"/e"#,
            r#"a\u003cb\u003e\u0026c+'d\"/e"#,
            r#"a\u003Cb\u003E\u0026c+'d\"\/e"#,
            "a&lt;b&gt;&amp;c+'d\"/e",
            "a&lt;b&gt;&amp;c&#43;&#39;d&#34;/e",
            "a&lt;b&gt;&amp;c+&#39;d&#34;/e",
            "a&lt;b&gt;&amp;c+&#x27;d&quot;/e",
            "a&lt;b&gt;&amp;c+&#039;d&quot;/e",
        ] {
            let redacted = needles.redact_text(format!("[{way}]"));
            assert_eq!(redacted, format!("[{}]", "*".repeat(way.len())), "{way}");
        }
    }

    #[test]
    fn redaction_keeps_the_length() {
        let mut needles = Needles::default();
        needles.add("hunter22");
        let text = needles.redact_text("a hunter22 b hunter22é".to_owned());
        assert_eq!(text, "a ******** b ********é");
    }

    #[test]
    fn a_secret_is_not_shown_by_debug() {
        assert_eq!(format!("{:?}", Secret::new("hunter22")), "Secret(…)");
    }
}
