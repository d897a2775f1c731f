//! VAT numbers of the EU, Northern Ireland, Great Britain, Switzerland and Norway: how they are written, and check
//! digits where countries publish the rule. Whether a number is in use is known to registers alone.

use std::{fmt, str::FromStr};

use crate::country::Country;

/// A VAT number with its country's letters, in capitals and without blanks: `BE0477472701`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VatNumber(String);

/// Why a text is no VAT number.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VatError {
    /// Not a number of a country that is known here.
    #[error(
        "{0:?} begins no VAT number of Europe; write the two letters of the country before it, as \"BE0477472701\""
    )]
    Country(String),
    /// Another form.
    #[error("{text:?} is no VAT number of {country}; write {form}, as {example:?}")]
    Form {
        /// As it was written, shortened.
        text: String,
        /// Letters of its country.
        country: &'static str,
        /// What it should be like.
        form: &'static str,
        /// One that is right.
        example: &'static str,
    },
    /// The check digits are wrong.
    #[error("the check digits of {text:?} do not fit; look for a mistyped character")]
    Check {
        /// As it was written.
        text: String,
    },
}

/// How numbers of a country are written.
struct Rule {
    /// Before the number.
    prefix: &'static str,
    /// Its country in ISO 3166-1.
    country: &'static str,
    /// Alternatives by character, without the prefix: `#` a digit, `@` a letter, `*` either, `+` either or one of
    /// `+` and `*`, others themselves.
    patterns: &'static [&'static str],
    /// In words.
    form: &'static str,
    example: &'static str,
    check: fn(&str) -> bool,
}

const fn rule(
    prefix: &'static str,
    country: &'static str,
    patterns: &'static [&'static str],
    form: &'static str,
    example: &'static str,
    check: fn(&str) -> bool,
) -> Rule {
    Rule { prefix, country, patterns, form, example, check }
}

const ROMANIAN: &[&str] = &["##", "###", "####", "#####", "######", "#######", "########", "#########", "##########"];
const BRITISH: &[&str] = &["#########", "############", "GD###", "HA###"];
const BRITISH_FORM: &str = "9 or 12 digits, or GD or HA and 3 digits";
const SWISS: &[&str] = &["E#########", "E#########MWST", "E#########TVA", "E#########IVA"];

const RULES: [Rule; 31] = [
    rule("AT", "AT", &["U########"], "U and 8 digits", "ATU12345678", any),
    rule("BE", "BE", &["0#########", "1#########"], "10 digits that begin with 0 or 1", "BE0477472701", belgian),
    rule("BG", "BG", &["#########", "##########"], "9 or 10 digits", "BG123456789", any),
    rule("CHE", "CH", SWISS, "9 digits, and MWST, TVA or IVA if you like", "CHE116281710", swiss),
    rule("CY", "CY", &["########@"], "8 digits and a letter", "CY12345678X", any),
    rule("CZ", "CZ", &["########", "#########", "##########"], "8 to 10 digits", "CZ12345678", any),
    rule("DE", "DE", &["#########"], "9 digits", "DE136695976", german),
    rule("DK", "DK", &["########"], "8 digits", "DK12345678", any),
    rule("EE", "EE", &["#########"], "9 digits", "EE123456789", any),
    rule("EL", "GR", &["#########"], "9 digits", "EL123456789", any),
    rule("ES", "ES", &["*#######*"], "9 characters, the first or last a letter", "ESB58378431", spanish),
    rule("FI", "FI", &["########"], "8 digits", "FI12345678", any),
    rule("FR", "FR", &["**#########"], "2 characters and 9 digits", "FR40303265045", french),
    rule("GB", "GB", BRITISH, BRITISH_FORM, "GB123456789", any),
    rule("HR", "HR", &["###########"], "11 digits", "HR12345678901", any),
    rule("HU", "HU", &["########"], "8 digits", "HU12345678", any),
    rule("IE", "IE", &["#######@", "#######@@", "#+#####@"], "7 digits and 1 or 2 letters", "IE1234567WA", any),
    rule("IT", "IT", &["###########"], "11 digits", "IT00743110157", luhn),
    rule("LT", "LT", &["#########", "############"], "9 or 12 digits", "LT123456789", any),
    rule("LU", "LU", &["########"], "8 digits", "LU15027442", luxembourgian),
    rule("LV", "LV", &["###########"], "11 digits", "LV12345678901", any),
    rule("MT", "MT", &["########"], "8 digits", "MT12345678", any),
    rule("NL", "NL", &["#########B##"], "9 digits, B and 2 digits", "NL004495445B01", dutch),
    rule("NO", "NO", &["#########", "#########MVA"], "9 digits, and MVA if you like", "NO995525828", norwegian),
    rule("PL", "PL", &["##########"], "10 digits", "PL1234567890", any),
    rule("PT", "PT", &["#########"], "9 digits", "PT123456789", any),
    rule("RO", "RO", ROMANIAN, "2 to 10 digits", "RO1234567897", any),
    rule("SE", "SE", &["############"], "12 digits", "SE123456789701", any),
    rule("SI", "SI", &["########"], "8 digits", "SI12345678", any),
    rule("SK", "SK", &["##########"], "10 digits", "SK1234567890", any),
    rule("XI", "GB", BRITISH, BRITISH_FORM, "XI123456789", any),
];

impl VatNumber {
    /// Reads a number with the letters of its country, in small letters or capitals, with blanks, dots, dashes or
    /// slashes between.
    pub fn parse(text: &str) -> Result<Self, VatError> {
        let separates = |c: char| c.is_whitespace() || matches!(c, '.' | '-' | '/');
        let number: String = text.chars().filter(|c| !separates(*c)).collect::<String>().to_ascii_uppercase();
        // Greece's letters are not those of ISO 3166-1, which people write as well.
        let number = number.strip_prefix("GR").map_or(number.clone(), |rest| format!("EL{rest}"));
        let shown = || text.trim().chars().take(30).collect::<String>();
        let rule = rule_of(&number).ok_or_else(|| VatError::Country(shown()))?;
        let rest = &number[rule.prefix.len().min(2)..];
        if !rule.patterns.iter().any(|pattern| fits(rest, pattern)) {
            return Err(VatError::Form {
                text: shown(),
                country: rule.country,
                form: rule.form,
                example: rule.example,
            });
        }
        if !(rule.check)(rest) {
            return Err(VatError::Check { text: shown() });
        }
        Ok(Self(number))
    }

    /// Whether companies of a country have numbers that are known here.
    pub fn is_known_for(country: Country) -> bool {
        RULES.iter().any(|rule| rule.country == country.as_str())
    }

    /// Its country; Greece for `EL`, the United Kingdom for `XI`.
    pub fn country(&self) -> Country {
        let rule = rule_of(&self.0).expect("it was read by a rule");
        Country::parse(rule.country).expect("rules name countries")
    }

    /// In capitals, without separators.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for VatNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for VatNumber {
    type Err = VatError;

    fn from_str(text: &str) -> Result<Self, VatError> {
        Self::parse(text)
    }
}

/// By the first two letters: Switzerland's third is a part of the pattern.
fn rule_of(number: &str) -> Option<&'static Rule> {
    let letters = number.get(..2)?;
    RULES.iter().find(|rule| rule.prefix.starts_with(letters))
}

fn fits(number: &str, pattern: &str) -> bool {
    number.len() == pattern.len()
        && number.bytes().zip(pattern.bytes()).all(|(byte, expected)| match expected {
            b'#' => byte.is_ascii_digit(),
            b'@' => byte.is_ascii_uppercase(),
            b'*' => byte.is_ascii_alphanumeric(),
            b'+' => byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'*'),
            other => byte == other,
        })
}

/// Where no rule is known well enough to refuse a number.
fn any(_: &str) -> bool {
    true
}

/// The digits of a number, others left out.
fn digits(text: &str) -> impl DoubleEndedIterator<Item = u32> {
    text.bytes().filter(u8::is_ascii_digit).map(|byte| u32::from(byte - b'0'))
}

fn value(text: &str) -> u64 {
    digits(text).fold(0, |value, digit| value * 10 + u64::from(digit))
}

/// The last two digits and the remainder of the others by 97 make 97.
fn belgian(number: &str) -> bool {
    let (body, check) = number.split_at(8);
    97 - value(body) % 97 == value(check)
}

/// ISO 7064, modulus 11, 10.
fn german(number: &str) -> bool {
    let product = digits(&number[..8]).fold(10, |product, digit| match (digit + product) % 10 {
        0 => 20 % 11,
        sum => 2 * sum % 11,
    });
    !number.starts_with('0') && u64::from((11 - product) % 10) == value(&number[8..])
}

/// The key of a company's number; keys with letters follow no rule that is public.
fn french(number: &str) -> bool {
    let (key, company) = number.split_at(2);
    match key.bytes().all(|byte| byte.is_ascii_digit()) {
        true => (12 + 3 * (value(company) % 97)) % 97 == value(key),
        false => !key.contains(['I', 'O']),
    }
}

/// The last two digits are the remainder of the others by 89.
fn luxembourgian(number: &str) -> bool {
    let (body, check) = number.split_at(6);
    value(body) % 89 == value(check)
}

/// Old numbers by weights of 11; those of sole traders since 2020 by the whole number, as IBANs.
fn dutch(number: &str) -> bool {
    let old = digits(&number[..8]).zip((2..=9).rev()).map(|(digit, weight)| digit * weight).sum::<u32>() % 11;
    let whole = format!("NL{number}").bytes().fold(0, |remainder: u32, byte| match byte {
        b'0'..=b'9' => (remainder * 10 + u32::from(byte - b'0')) % 97,
        letter => (remainder * 100 + u32::from(letter - b'A') + 10) % 97,
    });
    u64::from(old) == value(&number[8..9]) || whole == 1
}

/// Every second digit from the end is doubled; the sum of digits ends with 0.
fn luhn(number: &str) -> bool {
    let doubled = digits(number).rev().enumerate().map(|(index, digit)| match (index % 2, 2 * digit) {
        (0, _) => digit,
        (_, doubled) => doubled / 10 + doubled % 10,
    });
    doubled.sum::<u32>().is_multiple_of(10)
}

/// Persons by the letter of 23; companies by the sum of Luhn, whose check may be a letter.
fn spanish(number: &str) -> bool {
    const LETTERS: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";
    const CHECKS: &[u8; 10] = b"JABCDEFGHI";
    let (first, body, last) = (number.as_bytes()[0], &number[1..8], number.as_bytes()[8]);
    let is_person = |value: u64| usize::try_from(value % 23).is_ok_and(|index| LETTERS[index] == last);
    match first {
        b'0'..=b'9' => is_person(value(&number[..8])),
        b'X' | b'Y' | b'Z' => is_person(u64::from(first - b'X') * 10_000_000 + value(body)),
        b'K' | b'L' | b'M' => is_person(value(body)),
        b'I' | b'O' | b'T' => false,
        _ => {
            let check = (0..10u8).find(|check| luhn(&format!("{body}{check}"))).map_or(0, usize::from);
            last == CHECKS[check] || value(&number[8..]) == u64::try_from(check).unwrap_or(0) && last.is_ascii_digit()
        }
    }
}

/// By weights of 11; a check of 10 is not given out.
fn by_weights(number: &str, weights: [u32; 8]) -> bool {
    let sum: u32 = digits(number).zip(weights).map(|(digit, weight)| digit * weight).sum();
    digits(number).nth(8) == Some((11 - sum % 11) % 11)
}

fn swiss(number: &str) -> bool {
    by_weights(number, [5, 4, 3, 2, 7, 6, 5, 4])
}

fn norwegian(number: &str) -> bool {
    by_weights(number, [3, 2, 7, 6, 5, 4, 3, 2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_known_companies_are_read() {
        for (text, number, country) in [
            ("BE0477472701", "BE0477472701", "BE"),
            ("be 0477.472.701", "BE0477472701", "BE"),
            ("DE 136 695 976", "DE136695976", "DE"),
            ("LU15027442", "LU15027442", "LU"),
            ("FR40303265045", "FR40303265045", "FR"),
            ("FR 83 404 833 048", "FR83404833048", "FR"),
            ("FRK7399859412", "FRK7399859412", "FR"),
            ("NL004495445B01", "NL004495445B01", "NL"),
            ("NL123456789B13", "NL123456789B13", "NL"),
            ("IT00743110157", "IT00743110157", "IT"),
            ("ESB58378431", "ESB58378431", "ES"),
            ("ES54362315K", "ES54362315K", "ES"),
            ("ESX2482300W", "ESX2482300W", "ES"),
            ("ATU12345678", "ATU12345678", "AT"),
            ("EL094259216", "EL094259216", "GR"),
            ("GR 094259216", "EL094259216", "GR"),
            ("XI110305878", "XI110305878", "GB"),
            ("GB GD001", "GBGD001", "GB"),
            ("IE1S12345L", "IE1S12345L", "IE"),
            ("IE1+12345L", "IE1+12345L", "IE"),
            ("CHE-116.281.710 MWST", "CHE116281710MWST", "CH"),
            ("NO 995 525 828 MVA", "NO995525828MVA", "NO"),
            ("RO99", "RO99", "RO"),
        ] {
            let read = VatNumber::parse(text).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!((read.as_str(), read.country().as_str()), (number, country));
        }
    }

    #[test]
    fn every_example_is_right_and_every_country_known() {
        for rule in &RULES {
            let read = VatNumber::parse(rule.example).unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(read.country().as_str(), rule.country);
            assert!(VatNumber::is_known_for(read.country()));
        }
        assert!(!VatNumber::is_known_for(Country::parse("US").expect("a country")));
    }

    #[test]
    fn others_are_refused_with_what_is_wrong() {
        for (text, message) in [
            (
                "",
                "\"\" begins no VAT number of Europe; write the two letters of the country before it, as \"BE0477472701\"",
            ),
            (
                "0477472701",
                "\"0477472701\" begins no VAT number of Europe; write the two letters of the country before it, as \"BE0477472701\"",
            ),
            (
                "US123",
                "\"US123\" begins no VAT number of Europe; write the two letters of the country before it, as \"BE0477472701\"",
            ),
            (
                "é1",
                "\"é1\" begins no VAT number of Europe; write the two letters of the country before it, as \"BE0477472701\"",
            ),
            (
                "BE477472701",
                "\"BE477472701\" is no VAT number of BE; write 10 digits that begin with 0 or 1, as \"BE0477472701\"",
            ),
            ("ATX12345678", "\"ATX12345678\" is no VAT number of AT; write U and 8 digits, as \"ATU12345678\""),
            (
                "CH116281710",
                "\"CH116281710\" is no VAT number of CH; write 9 digits, and MWST, TVA or IVA if you like, as \"CHE116281710\"",
            ),
            (
                "NL004495445A01",
                "\"NL004495445A01\" is no VAT number of NL; write 9 digits, B and 2 digits, as \"NL004495445B01\"",
            ),
            ("BE0477472702", "the check digits of \"BE0477472702\" do not fit; look for a mistyped character"),
        ] {
            assert_eq!(VatNumber::parse(text).unwrap_err().to_string(), message);
        }
        for text in [
            "DE136695978",
            "DE000000000",
            "LU15027443",
            "FR41303265045",
            "FRIO303265045",
            "NL004495446B01",
            "IT00743110158",
            "ESB58378432",
            "ES54362315Z",
            "ESX2482300A",
            "CHE116281711",
            "NO995525829",
        ] {
            assert!(matches!(VatNumber::parse(text), Err(VatError::Check { .. })), "{text}");
        }
    }
}
