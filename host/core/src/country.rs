//! Countries: ISO 3166-1 alpha-2.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// All codes that are assigned (ISO 3166-1, 2025), in order.
const CODES: &str = "AD AE AF AG AI AL AM AO AQ AR AS AT AU AW AX AZ BA BB BD BE BF BG BH BI BJ BL BM BN BO BQ BR BS BT \
    BV BW BY BZ CA CC CD CF CG CH CI CK CL CM CN CO CR CU CV CW CX CY CZ DE DJ DK DM DO DZ EC EE EG EH ER ES ET FI FJ \
    FK FM FO FR GA GB GD GE GF GG GH GI GL GM GN GP GQ GR GS GT GU GW GY HK HM HN HR HT HU ID IE IL IM IN IO IQ IR IS \
    IT JE JM JO JP KE KG KH KI KM KN KP KR KW KY KZ LA LB LC LI LK LR LS LT LU LV LY MA MC MD ME MF MG MH MK ML MM MN \
    MO MP MQ MR MS MT MU MV MW MX MY MZ NA NC NE NF NG NI NL NO NP NR NU NZ OM PA PE PF PG PH PK PL PM PN PR PS PT PW \
    PY QA RE RO RS RU RW SA SB SC SD SE SG SH SI SJ SK SL SM SN SO SR SS ST SV SX SY SZ TC TD TF TG TH TJ TK TL TM TN \
    TO TR TT TV TW TZ UA UG UM US UY UZ VA VC VE VG VI VN VU WF WS YE YT ZA ZM ZW";

/// What people write for a country that has another code.
const OTHERS: [(&str, &str); 2] = [("UK", "GB"), ("EL", "GR")];

/// A country by its code, as `BE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Country([u8; 2]);

/// A text that is no code of a country.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no country of ISO 3166-1; write {remedy}")]
pub struct CountryError {
    text: String,
    remedy: String,
}

impl Country {
    /// Reads a code of two letters, small or capital.
    pub fn parse(text: &str) -> Result<Self, CountryError> {
        let code = text.trim().to_ascii_uppercase();
        let known = CODES.split_ascii_whitespace().find(|known| *known == code);
        match known.and_then(|known| known.as_bytes().try_into().ok()) {
            Some(code) => Ok(Self(code)),
            None => {
                let other = OTHERS.iter().find(|(other, _)| *other == code);
                let remedy = other.map_or("its two letters, as \"BE\"".to_owned(), |(_, code)| format!("{code:?}"));
                Err(CountryError { text: text.chars().take(20).collect(), remedy })
            }
        }
    }

    /// Every country.
    pub fn all() -> impl Iterator<Item = Self> {
        CODES.split_ascii_whitespace().filter_map(|code| code.as_bytes().try_into().ok().map(Self))
    }

    /// The code in capitals.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("two capital letters are UTF-8")
    }
}

impl FromStr for Country {
    type Err = CountryError;

    fn from_str(text: &str) -> Result<Self, CountryError> {
        Self::parse(text)
    }
}

impl TryFrom<String> for Country {
    type Error = CountryError;

    fn try_from(text: String) -> Result<Self, CountryError> {
        Self::parse(&text)
    }
}

impl From<Country> for String {
    fn from(country: Country) -> Self {
        country.as_str().to_owned()
    }
}

impl fmt::Display for Country {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_codes_are_there_once_and_in_order() {
        let all: Vec<Country> = Country::all().collect();
        assert_eq!(all.len(), 249);
        assert!(all.is_sorted_by(|a, b| a < b), "{all:?}");
        for country in all {
            assert_eq!(Country::parse(country.as_str()), Ok(country));
        }
    }

    #[test]
    fn codes_are_read_leniently_and_others_refused_with_a_remedy() {
        assert_eq!(Country::parse(" be ").map(|country| country.to_string()).as_deref(), Ok("BE"));
        for (text, message) in [
            ("UK", "\"UK\" is no country of ISO 3166-1; write \"GB\""),
            ("EL", "\"EL\" is no country of ISO 3166-1; write \"GR\""),
            ("ZZ", "\"ZZ\" is no country of ISO 3166-1; write its two letters, as \"BE\""),
            ("XK", "\"XK\" is no country of ISO 3166-1; write its two letters, as \"BE\""),
            ("BEL", "\"BEL\" is no country of ISO 3166-1; write its two letters, as \"BE\""),
            ("", "\"\" is no country of ISO 3166-1; write its two letters, as \"BE\""),
            ("BE BF", "\"BE BF\" is no country of ISO 3166-1; write its two letters, as \"BE\""),
        ] {
            assert_eq!(Country::parse(text).unwrap_err().to_string(), message);
        }
        assert_eq!(serde_json::from_str::<Country>("\"lu\"").unwrap().as_str(), "LU");
        assert!(serde_json::from_str::<Country>("\"LUX\"").is_err());
    }
}
