//! A message's text as the network carries it: which alphabet, and how many parts.

mod gsm7;

/// Alphabet in which a text travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// GSM 03.38 default alphabet with its extension table: units are septets.
    Gsm7,
    /// UTF-16 code units.
    Ucs2,
}

impl Encoding {
    /// Name for people.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gsm7 => "GSM-7",
            Self::Ucs2 => "UCS-2",
        }
    }

    /// Units that fit into a message of one part.
    const fn single(self) -> u32 {
        match self {
            Self::Gsm7 => 160,
            Self::Ucs2 => 70,
        }
    }

    /// Units that fit into each part of a longer message, whose parts begin with a header.
    const fn joined(self) -> u32 {
        match self {
            Self::Gsm7 => 153,
            Self::Ucs2 => 67,
        }
    }

    /// Units of a character; a character is never split between parts.
    fn units(self, c: char) -> u32 {
        match self {
            Self::Gsm7 => gsm7::septets(c).unwrap_or(1),
            Self::Ucs2 => {
                if c.len_utf16() == 1 {
                    1
                } else {
                    2
                }
            }
        }
    }
}

/// How a text travels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segments {
    /// Alphabet.
    pub encoding: Encoding,
    /// Parts, each of which is paid for; 0 for an empty text.
    pub parts: u32,
}

/// Counts the parts of a text.
pub fn segments(text: &str) -> Segments {
    let all_gsm7 = text.chars().all(|c| gsm7::septets(c).is_some());
    let encoding = if all_gsm7 { Encoding::Gsm7 } else { Encoding::Ucs2 };
    Segments { encoding, parts: count_parts(encoding, text) }
}

fn count_parts(encoding: Encoding, text: &str) -> u32 {
    if text.is_empty() {
        return 0;
    }
    let total = text.chars().fold(0u32, |sum, c| sum.saturating_add(encoding.units(c)));
    if total <= encoding.single() {
        return 1;
    }
    let (mut parts, mut used) = (1u32, 0);
    for c in text.chars() {
        let units = encoding.units(c);
        if used + units > encoding.joined() {
            parts = parts.saturating_add(1);
            used = 0;
        }
        used += units;
    }
    parts
}

#[cfg(test)]
mod tests;
