use proptest::prelude::*;

use super::*;

fn parts(text: &str) -> (Encoding, u32) {
    let segments = segments(text);
    (segments.encoding, segments.parts)
}

#[test]
fn boundaries() {
    use Encoding::{Gsm7, Ucs2};
    let cases = [
        (String::new(), (Gsm7, 0)),
        ("Hello".into(), (Gsm7, 1)),
        ("a".repeat(160), (Gsm7, 1)),
        ("a".repeat(161), (Gsm7, 2)),
        ("a".repeat(306), (Gsm7, 2)),
        ("a".repeat(307), (Gsm7, 3)),
        ("a".repeat(459), (Gsm7, 3)),
        ("a".repeat(460), (Gsm7, 4)),
        // A newline is one septet, whatever the editor of the database counts.
        ("\n".repeat(160), (Gsm7, 1)),
        // Two septets each.
        ("€".repeat(80), (Gsm7, 1)),
        ("€".repeat(81), (Gsm7, 2)),
        // 153 is odd: an escape pair that would straddle goes to the next part whole, so 76 a part.
        ("€".repeat(152), (Gsm7, 2)),
        ("€".repeat(153), (Gsm7, 3)),
        (format!("{}€{}", "a".repeat(152), "a".repeat(152)), (Gsm7, 3)),
        (format!("{}€{}", "a".repeat(151), "a".repeat(153)), (Gsm7, 2)),
        ("é".repeat(160), (Gsm7, 1)),
        ("ê".repeat(70), (Ucs2, 1)),
        ("ê".repeat(71), (Ucs2, 2)),
        ("ê".repeat(134), (Ucs2, 2)),
        ("ê".repeat(135), (Ucs2, 3)),
        ("😀".repeat(35), (Ucs2, 1)),
        ("😀".repeat(36), (Ucs2, 2)),
        // 67 is odd: 33 whole pairs a part.
        ("😀".repeat(66), (Ucs2, 2)),
        ("😀".repeat(67), (Ucs2, 3)),
        // One character outside the alphabet changes the unit of all: the euro sign is one unit here.
        (format!("{}ê", "€".repeat(69)), (Ucs2, 1)),
        (format!("{}ê", "a".repeat(160)), (Ucs2, 3)),
    ];
    for (text, expected) in cases {
        assert_eq!(parts(&text), expected, "{} characters: {:?}…", text.chars().count(), text.chars().next());
    }
}

proptest! {
    /// The parts are enough for the units, and no more than wasting one unit at each border explains.
    #[test]
    fn parts_hold_the_text_without_waste(text in "[a-z€é\\[\n]{0,700}|[a-z€ê😀\n]{0,400}") {
        let Segments { encoding, parts } = segments(&text);
        let units: u32 = match encoding {
            Encoding::Gsm7 => text.chars().map(|c| gsm7::septets(c).unwrap()).sum(),
            Encoding::Ucs2 => text.encode_utf16().count() as u32,
        };
        let (single, joined) = if encoding == Encoding::Gsm7 { (160, 153) } else { (70, 67) };
        if units == 0 {
            prop_assert_eq!(parts, 0);
        } else if units <= single {
            prop_assert_eq!(parts, 1);
        } else {
            prop_assert!(units <= parts * joined);
            prop_assert!((parts - 1) * (joined - 1) < units);
        }
    }

    /// Longer is never cheaper, within one alphabet.
    #[test]
    fn appending_never_saves_a_part(text in "[a-z€]{0,400}") {
        let longer = format!("{text}€");
        prop_assert!(segments(&text).parts <= segments(&longer).parts);
    }
}
