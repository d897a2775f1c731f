//! Texts in the encoding and the widths of the printers' standard font.

/// Windows-1252 beyond Latin-1.
const SPECIAL: [(char, u8); 27] = [
    ('€', 0x80),
    ('‚', 0x82),
    ('ƒ', 0x83),
    ('„', 0x84),
    ('…', 0x85),
    ('†', 0x86),
    ('‡', 0x87),
    ('ˆ', 0x88),
    ('‰', 0x89),
    ('Š', 0x8A),
    ('‹', 0x8B),
    ('Œ', 0x8C),
    ('Ž', 0x8E),
    ('‘', 0x91),
    ('’', 0x92),
    ('“', 0x93),
    ('”', 0x94),
    ('•', 0x95),
    ('–', 0x96),
    ('—', 0x97),
    ('˜', 0x98),
    ('™', 0x99),
    ('š', 0x9A),
    ('›', 0x9B),
    ('œ', 0x9C),
    ('ž', 0x9E),
    ('Ÿ', 0x9F),
];

/// Letters of European languages that the font lacks, with those that stand for them on an envelope.
const FOLDED: [(&str, &str); 44] = [
    ("ĀĂĄǍ", "A"),
    ("āăąǎ", "a"),
    ("ĆĈĊČ", "C"),
    ("ćĉċč", "c"),
    ("ĎĐ", "D"),
    ("ďđ", "d"),
    ("ĒĔĖĘĚ", "E"),
    ("ēĕėęě", "e"),
    ("ĜĞĠĢ", "G"),
    ("ĝğġģ", "g"),
    ("ĤĦ", "H"),
    ("ĥħ", "h"),
    ("ĨĪĬĮİ", "I"),
    ("ĩīĭįı", "i"),
    ("Ĵ", "J"),
    ("ĵ", "j"),
    ("Ķ", "K"),
    ("ķĸ", "k"),
    ("ĹĻĽĿŁ", "L"),
    ("ĺļľŀł", "l"),
    ("ŃŅŇŊ", "N"),
    ("ńņňŉŋ", "n"),
    ("ŌŎŐ", "O"),
    ("ōŏő", "o"),
    ("ŔŖŘ", "R"),
    ("ŕŗř", "r"),
    ("ŚŜŞȘ", "S"),
    ("śŝşș", "s"),
    ("ŢŤŦȚ", "T"),
    ("ţťŧț", "t"),
    ("ŨŪŬŮŰŲ", "U"),
    ("ũūŭůűų", "u"),
    ("Ŵ", "W"),
    ("ŵ", "w"),
    ("Ŷ", "Y"),
    ("ŷ", "y"),
    ("ŹŻ", "Z"),
    ("źż", "z"),
    ("ẞ", "SS"),
    ("ſ", "s"),
    ("\u{a0}\u{202f}\u{2009}\t", " "),
    ("\u{200b}\u{200e}\u{200f}\u{feff}\u{ad}\r", ""),
    ("‐‑", "-"),
    ("№", "No"),
];

/// Widths of Helvetica in thousandths of its size, from the space on.
const WIDTHS: [u16; 95] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556,
    556, 556, 556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833,
    722, 778, 667, 778, 722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556,
    556, 278, 556, 556, 222, 222, 500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334,
    260, 334, 584,
];

/// A line in the font's encoding; nothing if it has letters that the font cannot write.
pub fn encode(line: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    for letter in line.chars() {
        let code = u32::from(letter);
        if let Some((_, byte)) = SPECIAL.iter().find(|(special, _)| *special == letter) {
            bytes.push(*byte);
        } else if let Some((_, instead)) = FOLDED.iter().find(|(letters, _)| letters.contains(letter)) {
            bytes.extend(instead.bytes());
        } else if (0x20..0x7F).contains(&code) || (0xA1..=0xFF).contains(&code) {
            bytes.push(u8::try_from(code).ok()?);
        } else {
            return None;
        }
    }
    Some(bytes)
}

/// Width of an encoded line in thousandths of the font's size; letters beyond ASCII are taken for wide ones.
pub fn width(line: &[u8]) -> u32 {
    let of = |byte: &u8| {
        byte.checked_sub(32).and_then(|place| WIDTHS.get(usize::from(place))).map_or(722, |width| u32::from(*width))
    };
    line.iter().map(of).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn european_names_can_be_written_and_others_cannot() {
        for (name, expected) in [
            ("Bob", &b"Bob"[..]),
            ("Müller", b"M\xFCller"),
            ("Łukasz Żółć", b"Lukasz Z\xF3lc"),
            ("Œuvres – 5 €", b"\x8Cuvres \x96 5 \x80"),
            ("a\u{a0}b\u{200b}", b"a b"),
        ] {
            assert_eq!(encode(name).as_deref(), Some(expected), "{name}");
        }
        for name in ["Ωmega", "Иван", "東京", "a\u{1}b"] {
            assert_eq!(encode(name), None, "{name}");
        }
    }

    #[test]
    fn widths_are_those_of_the_font() {
        assert_eq!(width(b"il"), 444);
        assert_eq!(width(b"W~"), 944 + 584);
        assert_eq!(width(b"\xFC"), 722);
    }
}
