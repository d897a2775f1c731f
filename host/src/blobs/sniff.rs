//! What a document is, by its first bytes.

/// Bytes that [`content_type`] looks at.
pub(super) const LOOKED_AT: usize = 1024;

/// Media type of a document that begins so; `application/octet-stream` if nothing is known.
pub(crate) fn content_type(start: &[u8]) -> &'static str {
    const KNOWN: [(&[u8], &str); 9] = [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"GIF8", "image/gif"),
        (b"II*\0", "image/tiff"),
        (b"MM\0*", "image/tiff"),
        (b"PK\x03\x04", "application/zip"),
        (b"\x1f\x8b", "application/gzip"),
        (b"<?xml", "application/xml"),
        (b"{\\rtf", "application/rtf"),
    ];
    if let Some((_, known)) = KNOWN.iter().find(|(magic, _)| start.starts_with(magic)) {
        return known;
    }
    if start.starts_with(b"RIFF") && start.get(8..12) == Some(b"WEBP") {
        return "image/webp";
    }
    // Readers of PDF take a header anywhere in the first 1,024 bytes.
    if start.windows(5).any(|window| window == b"%PDF-") {
        return "application/pdf";
    }
    "application/octet-stream"
}

#[cfg(test)]
mod tests {
    use super::content_type;

    #[test]
    fn common_documents_are_known() {
        for (start, expected) in [
            (&b"%PDF-1.7\n"[..], "application/pdf"),
            (b"\xef\xbb\xbf\n%PDF-1.4", "application/pdf"),
            (b"\x89PNG\r\n\x1a\n..", "image/png"),
            (b"\xff\xd8\xff\xe0", "image/jpeg"),
            (b"RIFF1234WEBPVP8", "image/webp"),
            (b"RIFF1234WAVE", "application/octet-stream"),
            (b"<?xml version", "application/xml"),
            (b"", "application/octet-stream"),
            (b"hello", "application/octet-stream"),
        ] {
            assert_eq!(content_type(start), expected, "{start:?}");
        }
    }
}
