//! How many parts a text is sent in.

const BASIC: &str = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà";
const EXTENSION: &str = "\u{c}^{}\\[~]|€";

/// Parts of a body: 160 characters of the GSM 03.38 alphabet (those of its extension count twice),
/// or 70 UTF-16 units when any other character occurs; 153 or 67 in each part of several.
pub(super) fn segments(body: &str) -> usize {
    let gsm = body.chars().try_fold(0_usize, |length, letter| match letter {
        _ if BASIC.contains(letter) => Some(length + 1),
        _ if EXTENSION.contains(letter) => Some(length + 2),
        _ => None,
    });
    let (length, alone, joined) = match gsm {
        Some(septets) => (septets, 160, 153),
        None => (body.encode_utf16().count(), 70, 67),
    };
    if length <= alone { 1 } else { length.div_ceil(joined) }
}

#[cfg(test)]
mod tests {
    use super::segments;

    #[test]
    fn a_text_is_cut_where_its_alphabet_says() {
        for (body, parts) in [
            ("x".repeat(160), 1),
            ("x".repeat(161), 2),
            ("x".repeat(307), 3),
            ("€".repeat(80), 1),
            ("€".repeat(81), 2),
            ("ж".repeat(70), 1),
            ("ж".repeat(71), 2),
            ("😀".repeat(36), 2),
        ] {
            assert_eq!(segments(&body), parts, "{} of {:?}", body.chars().count(), body.chars().next());
        }
    }
}
