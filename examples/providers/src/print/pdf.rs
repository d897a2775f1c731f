//! Whether bytes are a document, and how many pages it has.

use miniz_oxide::inflate::decompress_to_vec_zlib_with_limit;

/// Most bytes that a stream of a document may inflate to.
const MAX_INFLATED: usize = 8 << 20;

/// Pages of a document; nothing if it is none. Counts page objects, also packed ones; the last writing of an object
/// that was changed is not told from the ones before.
pub(super) fn pages(bytes: &[u8]) -> Option<usize> {
    let tail = bytes.get(bytes.len().saturating_sub(2_048)..)?;
    if !bytes.starts_with(b"%PDF-") || !contains(tail, b"%%EOF") || !contains(tail, b"startxref") {
        return None;
    }
    let packed = streams(bytes).filter_map(|stream| decompress_to_vec_zlib_with_limit(stream, MAX_INFLATED).ok());
    let pages = count(bytes) + packed.map(|stream| count(&stream)).sum::<usize>();
    (pages > 0).then_some(pages)
}

fn contains(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|part| part == word)
}

/// Page objects: `/Type /Page`, with or without the space, and not `/Pages`.
fn count(bytes: &[u8]) -> usize {
    bytes
        .windows(5)
        .enumerate()
        .filter(|(at, word)| {
            let Some(rest) = bytes.get(at + 5..).filter(|_| *word == b"/Type") else { return false };
            let rest = rest.strip_prefix(b" ").unwrap_or(rest);
            rest.strip_prefix(b"/Page").is_some_and(|rest| rest.first().is_none_or(|byte| !byte.is_ascii_alphabetic()))
        })
        .count()
}

fn streams(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.windows(7).enumerate().filter(|(_, word)| word == b"stream\n" || word == b"stream\r").filter_map(|(at, _)| {
        let rest = bytes.get(at + 7..)?;
        let rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        // A stream of zlib begins so.
        rest.starts_with(&[0x78]).then_some(rest)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_counted() {
        let document = |body: &str| format!("%PDF-1.4\n{body}\nstartxref\n1\n%%EOF\n").into_bytes();
        assert_eq!(pages(&document("<</Type/Pages>> <</Type/Page/X 1>> <</Type /Page>>")), Some(2));
        assert_eq!(pages(&document("<</Type/Pages>>")), None);
        assert_eq!(pages(b"GIF89a"), None);
        assert_eq!(pages(b"%PDF-1.4\n<</Type/Page>>"), None, "it has no end");
    }
}
