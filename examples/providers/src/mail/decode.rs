//! Encoded words (RFC 2047) and encoded bodies (RFC 2045).

use base64::{Engine as _, prelude::BASE64_STANDARD};

/// A header's value as people read it.
pub(super) fn words(value: &str) -> String {
    let mut text = String::new();
    let mut rest = value;
    let mut after_word = false;
    while let Some(start) = rest.find("=?") {
        let Some((word, length)) = word(&rest[start..]) else { break };
        let between = &rest[..start];
        // Blanks between two encoded words are not part of the text.
        if !(after_word && between.trim().is_empty()) {
            text.push_str(between);
        }
        text.push_str(&word);
        rest = &rest[start + length..];
        after_word = true;
    }
    text + rest
}

/// The encoded word at the start, and its length.
fn word(text: &str) -> Option<(String, usize)> {
    let mut parts = text.strip_prefix("=?")?.splitn(4, '?');
    let (charset, encoding, encoded) = (parts.next()?, parts.next()?, parts.next()?);
    parts.next()?.strip_prefix('=')?;
    if !charset.eq_ignore_ascii_case("utf-8") {
        return None;
    }
    let bytes = match encoding {
        "B" | "b" => BASE64_STANDARD.decode(encoded).ok()?,
        "Q" | "q" => quoted(&encoded.replace('_', " "))?,
        _ => return None,
    };
    let length = "=?".len() + charset.len() + 1 + encoding.len() + 1 + encoded.len() + "?=".len();
    Some((String::from_utf8(bytes).ok()?, length))
}

/// A body in the clear, with LF as line end.
pub(super) fn body(encoding: &str, body: &[u8]) -> Option<String> {
    let bytes = match encoding.to_ascii_lowercase().as_str() {
        "" | "7bit" if body.is_ascii() => body.to_vec(),
        "8bit" => body.to_vec(),
        "base64" => {
            let text: Vec<u8> = body.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
            BASE64_STANDARD.decode(text).ok()?
        }
        "quoted-printable" => quoted(std::str::from_utf8(body).ok()?)?,
        _ => return None,
    };
    Some(String::from_utf8(bytes).ok()?.replace("\r\n", "\n"))
}

/// Quoted-printable.
fn quoted(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'=' {
            bytes.push(*first);
        } else if let Some(after) = after.strip_prefix(b"\r\n") {
            rest = after;
        } else {
            let digits = std::str::from_utf8(after.get(..2)?).ok()?;
            bytes.push(u8::from_str_radix(digits, 16).ok()?);
            rest = &after[2..];
        }
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_bodies_are_decoded() {
        assert_eq!(words("plain"), "plain");
        assert_eq!(words("=?utf-8?b?w6k=?= =?UTF-8?Q?=C3=A9_x?= y"), "éé x y");
        assert_eq!(words("=?latin1?b?w6k=?="), "=?latin1?b?w6k=?=");
        assert_eq!(body("quoted-printable", b"caf=C3=A9 =\r\nau lait=\r\n").as_deref(), Some("café au lait"));
        assert_eq!(body("base64", b"w6kK\r\n").as_deref(), Some("é\n"));
        assert_eq!(body("7bit", "é".as_bytes()), None);
        assert_eq!(body("quoted-printable", b"=G1"), None);
    }
}
