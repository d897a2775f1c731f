//! A document as it stands in a request: a text in base64.

use axum::body::Bytes;
use base64::{
    Engine as _,
    alphabet::STANDARD,
    engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig},
};
use sha2::{Digest as _, Sha256};

use super::{seal::CHUNK, sniff};

/// Characters of base64 of one chunk.
const CHARACTERS: usize = CHUNK / 3 * 4;

const fn engine(padding: DecodePaddingMode) -> GeneralPurpose {
    GeneralPurpose::new(&STANDARD, GeneralPurposeConfig::new().with_decode_padding_mode(padding))
}
/// The end of a text may be padded or not.
const END: GeneralPurpose = engine(DecodePaddingMode::Indifferent);
/// Nothing before the end is.
const MIDDLE: GeneralPurpose = engine(DecodePaddingMode::RequireNone);

/// A document that was looked at, and can be decoded again chunk by chunk.
pub(super) struct Measured {
    text: Bytes,
    /// Bytes.
    pub(super) size: usize,
    /// In hexadecimal.
    pub(super) sha256: String,
    /// By its first bytes.
    pub(super) content_type: &'static str,
}

/// A text that is no base64, with its characters.
pub(super) struct NoBase64(pub(super) usize);

impl Measured {
    /// Decodes a JSON string once, without keeping what comes out.
    pub(super) fn of(raw: &Bytes) -> Result<Self, NoBase64> {
        let text = unquoted(raw);
        let wrong = || NoBase64(characters(raw));
        let (mut size, mut hash, mut start) = (0, Sha256::new(), Vec::new());
        let pieces = text.len().div_ceil(CHARACTERS);
        for number in 0..pieces {
            let plain = decoded(&text, number).ok_or_else(wrong)?;
            if number == 0 {
                start = plain[..plain.len().min(sniff::LOOKED_AT)].to_vec();
            }
            size += plain.len();
            hash.update(&plain);
        }
        let (sha256, content_type) = (hex::encode(hash.finalize()), sniff::content_type(&start));
        Ok(Self { text, size, sha256, content_type })
    }

    /// Its bytes from `number` times [`CHUNK`].
    pub(super) fn chunk(&self, number: usize) -> Vec<u8> {
        decoded(&self.text, number).unwrap_or_default()
    }
}

fn decoded(text: &Bytes, number: usize) -> Option<Vec<u8>> {
    let start = number.checked_mul(CHARACTERS)?;
    let end = start.checked_add(CHARACTERS)?.min(text.len());
    let engine = if end == text.len() { END } else { MIDDLE };
    engine.decode(text.get(start..end)?).ok()
}

/// How many characters a JSON string has. Without a copy of it, unless something is escaped.
fn characters(raw: &[u8]) -> usize {
    if raw.contains(&b'\\') {
        return serde_json::from_slice::<String>(raw).map_or(raw.len(), |text| text.chars().count());
    }
    std::str::from_utf8(raw).map_or(raw.len(), |text| text.chars().count()).saturating_sub(2)
}

/// The characters of a JSON string, without blanks: some encoders break their lines. The request's own bytes wherever
/// nothing is escaped.
fn unquoted(raw: &Bytes) -> Bytes {
    let inner = raw.slice(1.min(raw.len())..raw.len().saturating_sub(1).max(1.min(raw.len())));
    let plain = |byte: &u8| !matches!(byte, b'\\' | b' ' | b'\t' | b'\r' | b'\n');
    if inner.iter().all(plain) {
        return inner;
    }
    match serde_json::from_slice::<String>(raw) {
        Ok(mut text) => {
            text.retain(|c| !matches!(c, ' ' | '\t' | '\r' | '\n'));
            Bytes::from(text)
        }
        Err(_) => inner,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(json: &str) -> Result<(usize, String, Vec<u8>), usize> {
        let measured = Measured::of(&Bytes::from(json.to_owned())).map_err(|NoBase64(characters)| characters)?;
        let chunks = measured.size.div_ceil(CHUNK);
        Ok((measured.size, measured.sha256.clone(), (0..chunks).flat_map(|n| measured.chunk(n)).collect()))
    }

    #[test]
    fn what_is_no_base64_is_told_by_its_characters() {
        for (text, characters) in [("\"a b!\"", 4), ("\"é\"", 1), ("\"a\"", 1), ("\"ab=c\"", 4), ("\"YQ=\\u0000\"", 4)]
        {
            assert_eq!(measured(text), Err(characters), "{text}");
        }
    }

    #[test]
    fn padding_line_breaks_and_escapes_are_taken() {
        for text in ["\"aGVsbG8=\"", "\"aGVsbG8\"", "\"aGVs\\nbG8=\\n\"", "\"aGVs\\u0062G8=\""] {
            let (size, sha256, bytes) = measured(text).expect("it is base64");
            assert_eq!((size, bytes.as_slice()), (5, &b"hello"[..]), "{text}");
            assert_eq!(sha256, "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
        }
        assert_eq!(measured("\"Lw==\"").unwrap().2, b"/");
        assert_eq!(measured("\"\\/\\/\\/\\/\"").unwrap().2, [0xff; 3], "PHP escapes slashes");
        assert_eq!(measured("\"\"").unwrap().0, 0);
    }

    #[test]
    fn long_documents_come_chunk_by_chunk() {
        let bytes: Vec<u8> = (0..CHUNK * 2 + 5).map(|n| u8::try_from(n % 251).unwrap()).collect();
        let text = base64::engine::general_purpose::STANDARD.encode(&bytes);
        let (size, sha256, again) = measured(&format!("\"{text}\"")).unwrap();
        assert_eq!((size, again), (bytes.len(), bytes.clone()));
        assert_eq!(sha256, hex::encode(Sha256::digest(&bytes)));
        // Padding in the middle is no end.
        let broken = format!("\"{}=={}\"", &text[..CHARACTERS - 2], &text[CHARACTERS..]);
        assert_eq!(measured(&broken), Err(text.len()));
    }
}
