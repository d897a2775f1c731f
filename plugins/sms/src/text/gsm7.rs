//! GSM 03.38: the 7-bit alphabet of text messages.

/// The basic set beyond what ASCII shares with it, one septet each.
const BASIC: &str = "£¥èéùìòÇØøÅåΔΦΓΛΩΠΨΣΘΞÆæßÉ¤¡ÄÖÑÜ§¿äöñüà";

/// Septets of a character: 1 in the basic set, 2 in the extension table, nothing elsewhere.
pub(super) fn septets(c: char) -> Option<u32> {
    match c {
        '^' | '{' | '}' | '[' | ']' | '~' | '|' | '\\' | '€' | '\u{c}' => Some(2),
        '`' => None,
        '\n' | '\r' | ' '..='~' => Some(1),
        _ => BASIC.contains(c).then_some(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_basic_set_has_127_characters_and_the_extension_table_10() {
        let count = |septets_of: u32| ('\0'..=char::MAX).filter(|c| septets(*c) == Some(septets_of)).count();
        // 128 positions, one of which is the escape to the extension table.
        assert_eq!(count(1), 127);
        assert_eq!(count(2), 10);
    }

    #[test]
    fn lookalikes_are_outside() {
        for c in ['`', 'ç', 'ê', 'á', 'í', 'ó', 'ú', '\t', '\u{a0}', '’', '…', '₤', 'Α'] {
            assert_eq!(septets(c), None, "{c:?}");
        }
    }
}
