//! International bank account numbers (ISO 13616).

use std::{fmt, str::FromStr};

/// Characters of an IBAN by country (SWIFT's register, release 101).
const LENGTHS: [(&str, usize); 89] = [
    ("AD", 24),
    ("AE", 23),
    ("AL", 28),
    ("AT", 20),
    ("AZ", 28),
    ("BA", 20),
    ("BE", 16),
    ("BG", 22),
    ("BH", 22),
    ("BI", 27),
    ("BR", 29),
    ("BY", 28),
    ("CH", 21),
    ("CR", 22),
    ("CY", 28),
    ("CZ", 24),
    ("DE", 22),
    ("DJ", 27),
    ("DK", 18),
    ("DO", 28),
    ("EE", 20),
    ("EG", 29),
    ("ES", 24),
    ("FI", 18),
    ("FK", 18),
    ("FO", 18),
    ("FR", 27),
    ("GB", 22),
    ("GE", 22),
    ("GI", 23),
    ("GL", 18),
    ("GR", 27),
    ("GT", 28),
    ("HN", 28),
    ("HR", 21),
    ("HU", 28),
    ("IE", 22),
    ("IL", 23),
    ("IQ", 23),
    ("IS", 26),
    ("IT", 27),
    ("JO", 30),
    ("KW", 30),
    ("KZ", 20),
    ("LB", 28),
    ("LC", 32),
    ("LI", 21),
    ("LT", 20),
    ("LU", 20),
    ("LV", 21),
    ("LY", 25),
    ("MC", 27),
    ("MD", 24),
    ("ME", 22),
    ("MK", 19),
    ("MN", 20),
    ("MR", 27),
    ("MT", 31),
    ("MU", 30),
    ("NI", 28),
    ("NL", 18),
    ("NO", 15),
    ("OM", 23),
    ("PK", 24),
    ("PL", 28),
    ("PS", 29),
    ("PT", 25),
    ("QA", 29),
    ("RO", 24),
    ("RS", 22),
    ("RU", 33),
    ("SA", 24),
    ("SC", 31),
    ("SD", 18),
    ("SE", 24),
    ("SI", 19),
    ("SK", 24),
    ("SM", 27),
    ("SO", 23),
    ("ST", 25),
    ("SV", 28),
    ("TL", 23),
    ("TN", 24),
    ("TR", 26),
    ("UA", 29),
    ("VA", 22),
    ("VG", 24),
    ("XK", 20),
    ("YE", 30),
];

/// An account number with a right check number, in capitals and without blanks. Shown in groups of four.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Iban(String);

/// Why a text is no IBAN. The number itself is not repeated: messages end up in logs.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IbanError {
    /// Neither letter, digit nor blank.
    #[error("an IBAN has letters and digits only, not {0:?}; remove it")]
    Character(char),
    /// No two letters and two digits at its beginning.
    #[error("an IBAN begins with the two letters of its country and two digits, as \"BE71\"")]
    Beginning,
    /// A country without IBANs.
    #[error("{0:?} is no country with IBANs; begin with the two letters of the account's country, as \"BE\"")]
    Country(String),
    /// Too short or too long.
    #[error("an IBAN of {country} has {expected} characters, this one has {found}; check that it is whole")]
    Length {
        /// Its country.
        country: &'static str,
        /// Characters it should have.
        expected: usize,
        /// Characters it has.
        found: usize,
    },
    /// The check number is wrong.
    #[error("the check digits of this IBAN do not fit; look for a mistyped character")]
    Check,
}

impl Iban {
    /// Reads an IBAN, with or without blanks between, in small letters or capitals.
    pub fn parse(text: &str) -> Result<Self, IbanError> {
        let number: String = text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_uppercase();
        if let Some(other) = number.chars().find(|c| !c.is_ascii_alphanumeric()) {
            return Err(IbanError::Character(other));
        }
        let bytes = number.as_bytes();
        let begins = bytes.len() > 4
            && bytes[..2].iter().all(u8::is_ascii_uppercase)
            && bytes[2..4].iter().all(u8::is_ascii_digit);
        if !begins {
            return Err(IbanError::Beginning);
        }
        let known = LENGTHS.iter().find(|(country, _)| number.starts_with(country));
        let (country, expected) = *known.ok_or_else(|| IbanError::Country(number[..2].to_owned()))?;
        if number.len() != expected {
            return Err(IbanError::Length { country, expected, found: number.len() });
        }
        // 00, 01 and 99 have the remainder of 97, 98 and 02.
        if !(2..=98).contains(&((bytes[2] - b'0') * 10 + bytes[3] - b'0')) || remainder(bytes) != 1 {
            return Err(IbanError::Check);
        }
        Ok(Self(number))
    }

    /// In capitals, without blanks.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The two letters of its country; Kosovo's `XK` is no code of ISO 3166-1.
    pub fn country(&self) -> &str {
        &self.0[..2]
    }

    /// For mails and pages: the country and the last four characters, `BE… 9769`.
    pub fn masked(&self) -> String {
        format!("{}… {}", self.country(), &self.0[self.0.len() - 4..])
    }
}

/// Of the number with its first four characters at the end and letters as 10 to 35, divided by 97 (ISO 7064).
fn remainder(number: &[u8]) -> u32 {
    number[4..].iter().chain(&number[..4]).fold(0, |remainder, character| match character {
        digit @ b'0'..=b'9' => (remainder * 10 + u32::from(digit - b'0')) % 97,
        letter => (remainder * 100 + u32::from(letter - b'A') + 10) % 97,
    })
}

impl fmt::Display for Iban {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, character) in self.0.chars().enumerate() {
            if index > 0 && index % 4 == 0 {
                f.write_str(" ")?;
            }
            write!(f, "{character}")?;
        }
        Ok(())
    }
}

impl FromStr for Iban {
    type Err = IbanError;

    fn from_str(text: &str) -> Result<Self, IbanError> {
        Self::parse(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Examples of the register.
    #[test]
    fn numbers_of_the_register_are_read_and_grouped() {
        for text in [
            "AD12 0001 2030 2003 5910 0100",
            "AT61 1904 3002 3457 3201",
            "BE68 5390 0754 7034",
            "BR18 0036 0305 0000 1000 9795 493C 1",
            "CH93 0076 2011 6238 5295 7",
            "DE89 3704 0044 0532 0130 00",
            "DK50 0040 0440 1162 43",
            "ES91 2100 0418 4502 0005 1332",
            "FI21 1234 5600 0007 85",
            "FR14 2004 1010 0505 0001 3M02 606",
            "GB29 NWBK 6016 1331 9268 19",
            "GR16 0110 1250 0000 0001 2300 695",
            "IT60 X054 2811 1010 0000 0123 456",
            "LC55 HEMM 0001 0001 0012 0012 0002 3015",
            "LU28 0019 4006 4475 0000",
            "MT84 MALT 0110 0001 2345 MTLC AST0 01S",
            "NL91 ABNA 0417 1643 00",
            "NO93 8601 1117 947",
            "PL61 1090 1014 0000 0712 1981 2874",
            "SE45 5000 0000 0583 9825 7466",
            "XK05 1212 0123 4567 8906",
        ] {
            let iban = Iban::parse(text).expect(text);
            assert_eq!(iban.to_string(), text);
            assert_eq!(iban.as_str(), text.replace(' ', ""));
            assert_eq!(Iban::parse(&text.to_lowercase().replace(' ', "")), Ok(iban));
        }
        let iban = Iban::parse("BE68 5390 0754 7034").expect("an example");
        assert_eq!((iban.country(), iban.masked().as_str()), ("BE", "BE… 7034"));
        assert!(LENGTHS.is_sorted_by(|a, b| a.0 < b.0));
    }

    #[test]
    fn others_are_refused_with_what_is_wrong() {
        for (text, message) in [
            ("", "an IBAN begins with the two letters of its country and two digits, as \"BE71\""),
            ("539007547034", "an IBAN begins with the two letters of its country and two digits, as \"BE71\""),
            ("BEBE 5390 0754 7034", "an IBAN begins with the two letters of its country and two digits, as \"BE71\""),
            ("BE68-5390-0754-7034", "an IBAN has letters and digits only, not '-'; remove it"),
            ("BÉ68 5390 0754 7034", "an IBAN has letters and digits only, not 'É'; remove it"),
            (
                "US68 5390 0754 7034",
                "\"US\" is no country with IBANs; begin with the two letters of the account's country, as \"BE\"",
            ),
            ("BE68 5390 0754 703", "an IBAN of BE has 16 characters, this one has 15; check that it is whole"),
            ("BE68 5390 0754 7035", "the check digits of this IBAN do not fit; look for a mistyped character"),
            ("BE68 5390 0745 7034", "the check digits of this IBAN do not fit; look for a mistyped character"),
        ] {
            assert_eq!(Iban::parse(text).unwrap_err().to_string(), message, "{text}");
        }
    }

    #[test]
    fn every_wrong_digit_is_noticed() {
        let right = "DE89370400440532013000";
        for at in 2..right.len() {
            for digit in '0'..='9' {
                let mut wrong: Vec<char> = right.chars().collect();
                wrong[at] = digit;
                let wrong: String = wrong.into_iter().collect();
                assert_eq!(Iban::parse(&wrong).is_ok(), wrong == right, "{wrong}");
            }
        }
    }
}
