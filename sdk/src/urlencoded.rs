//! `application/x-www-form-urlencoded`, which providers' forms and queries use.

/// Names and values as a form's body or a query.
pub(crate) fn write<K: AsRef<str>, V: AsRef<str>>(pairs: &[(K, V)]) -> String {
    let mut out = String::new();
    for (name, value) in pairs {
        if !out.is_empty() {
            out.push('&');
        }
        push(&mut out, name.as_ref());
        out.push('=');
        push(&mut out, value.as_ref());
    }
    out
}

fn push(out: &mut String, text: &str) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'*' => out.push(char::from(byte)),
            b' ' => out.push('+'),
            _ => {
                out.push('%');
                out.push(char::from(HEX[usize::from(byte >> 4)]));
                out.push(char::from(HEX[usize::from(byte & 15)]));
            }
        }
    }
}

/// Names and values of a form's body or a query, in their order. Bytes that are
/// not UTF-8 become U+FFFD.
pub(crate) fn read(text: &[u8]) -> Vec<(String, String)> {
    text.split(|byte| *byte == b'&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let mut parts = pair.splitn(2, |byte| *byte == b'=');
            let name = parts.next().unwrap_or_default();
            let value = parts.next().unwrap_or_default();
            (decode(name), decode(value))
        })
        .collect()
}

fn decode(text: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        match (first, tail) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [high, low, after @ ..]) => match (nibble(*high), nibble(*low)) {
                (Some(high), Some(low)) => {
                    bytes.push(high << 4 | low);
                    rest = after;
                }
                _ => bytes.push(b'%'),
            },
            (byte, _) => bytes.push(*byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn nibble(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_survives_the_way_there_and_back() {
        let form = [("To", "+33 6 12"), ("Body", "10 % & été = ☀")];
        let written = write(&form);
        assert_eq!(written, "To=%2B33+6+12&Body=10+%25+%26+%C3%A9t%C3%A9+%3D+%E2%98%80");
        let read = read(written.as_bytes());
        assert_eq!(read, form.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn odd_escapes_are_kept_as_they_are() {
        assert_eq!(
            read(b"a=%zz&b=%4&&c"),
            [("a".into(), "%zz".into()), ("b".into(), "%4".into()), ("c".into(), String::new())]
        );
    }
}
