//! Calling codes of the world: which country, and how long its national numbers are.
//!
//! Lengths are those that a message can be sent to, without service numbers. They catch typing errors;
//! the carrier has the last word on whether a number exists.

use std::ops::RangeInclusive;

use super::nanp;

/// Numbers below one calling code.
pub(super) struct Plan {
    /// Calling code, without plus sign.
    code: &'static str,
    /// ISO 3166-1 alpha-2 of the country with most of the numbers; empty where no country has them.
    country: &'static str,
    /// Digits after the calling code.
    pub(super) lengths: RangeInclusive<usize>,
    /// Whether national numbers may begin with 0; elsewhere a 0 is the trunk prefix, written by mistake.
    pub(super) zero_led: bool,
}

/// Whom a well-formed number belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Country {
    /// ISO 3166-1 alpha-2.
    Is(&'static str),
    /// Satellite, toll-free, premium: no country.
    None,
    /// The numbering plan has no such number.
    Invalid,
}

const fn plan(code: &'static str, country: &'static str, lengths: RangeInclusive<usize>) -> Plan {
    Plan { code, country, lengths, zero_led: false }
}

const fn zero_led(code: &'static str, country: &'static str, lengths: RangeInclusive<usize>) -> Plan {
    Plan { code, country, lengths, zero_led: true }
}

/// Codes of networks above all countries, of any length.
const fn global(code: &'static str) -> Plan {
    Plan { code, country: "", lengths: 1..=14, zero_led: true }
}

/// Calling code of the North American Numbering Plan.
const NANP: &str = "1";

/// No calling code begins with another one, so that the first that fits is the one.
const PLANS: &[Plan] = &[
    plan(NANP, "US", 10..=10),
    plan("20", "EG", 8..=10),
    plan("211", "SS", 9..=9),
    plan("212", "MA", 9..=9),
    plan("213", "DZ", 8..=9),
    plan("216", "TN", 8..=8),
    plan("218", "LY", 8..=9),
    plan("220", "GM", 7..=7),
    plan("221", "SN", 9..=9),
    plan("222", "MR", 8..=8),
    plan("223", "ML", 8..=8),
    plan("224", "GN", 8..=9),
    zero_led("225", "CI", 10..=10),
    zero_led("226", "BF", 8..=8),
    plan("227", "NE", 8..=8),
    plan("228", "TG", 8..=8),
    zero_led("229", "BJ", 8..=10),
    plan("230", "MU", 7..=8),
    plan("231", "LR", 7..=9),
    plan("232", "SL", 8..=8),
    plan("233", "GH", 9..=9),
    plan("234", "NG", 8..=10),
    plan("235", "TD", 8..=8),
    plan("236", "CF", 8..=8),
    plan("237", "CM", 8..=9),
    plan("238", "CV", 7..=7),
    plan("239", "ST", 7..=7),
    plan("240", "GQ", 9..=9),
    zero_led("241", "GA", 7..=8),
    zero_led("242", "CG", 9..=9),
    plan("243", "CD", 7..=9),
    plan("244", "AO", 9..=9),
    plan("245", "GW", 7..=9),
    plan("246", "IO", 7..=7),
    plan("247", "SH", 5..=6),
    plan("248", "SC", 7..=7),
    plan("249", "SD", 9..=9),
    plan("250", "RW", 8..=9),
    plan("251", "ET", 9..=9),
    plan("252", "SO", 6..=9),
    plan("253", "DJ", 8..=8),
    plan("254", "KE", 9..=10),
    plan("255", "TZ", 9..=9),
    plan("256", "UG", 9..=9),
    plan("257", "BI", 8..=8),
    plan("258", "MZ", 8..=9),
    plan("260", "ZM", 9..=9),
    plan("261", "MG", 9..=9),
    plan("262", "RE", 9..=9),
    plan("263", "ZW", 6..=10),
    plan("264", "NA", 8..=9),
    plan("265", "MW", 7..=9),
    plan("266", "LS", 8..=8),
    plan("267", "BW", 7..=8),
    plan("268", "SZ", 8..=9),
    plan("269", "KM", 7..=7),
    plan("27", "ZA", 9..=9),
    plan("290", "SH", 4..=5),
    plan("291", "ER", 7..=7),
    plan("297", "AW", 7..=7),
    plan("298", "FO", 6..=6),
    plan("299", "GL", 6..=6),
    plan("30", "GR", 10..=10),
    plan("31", "NL", 9..=11),
    plan("32", "BE", 8..=9),
    plan("33", "FR", 9..=9),
    plan("34", "ES", 9..=9),
    plan("350", "GI", 8..=8),
    plan("351", "PT", 9..=9),
    plan("352", "LU", 6..=11),
    plan("353", "IE", 7..=10),
    plan("354", "IS", 7..=9),
    plan("355", "AL", 8..=9),
    plan("356", "MT", 8..=8),
    plan("357", "CY", 8..=8),
    plan("358", "FI", 5..=12),
    plan("359", "BG", 7..=9),
    plan("36", "HU", 8..=9),
    plan("370", "LT", 8..=8),
    plan("371", "LV", 8..=8),
    plan("372", "EE", 7..=8),
    plan("373", "MD", 8..=8),
    plan("374", "AM", 8..=8),
    plan("375", "BY", 9..=9),
    plan("376", "AD", 6..=9),
    plan("377", "MC", 8..=9),
    zero_led("378", "SM", 6..=10),
    plan("380", "UA", 9..=9),
    plan("381", "RS", 8..=10),
    plan("382", "ME", 8..=9),
    plan("383", "XK", 8..=9),
    plan("385", "HR", 8..=9),
    plan("386", "SI", 8..=8),
    plan("387", "BA", 8..=9),
    plan("389", "MK", 8..=8),
    zero_led("39", "IT", 6..=12),
    plan("40", "RO", 9..=9),
    plan("41", "CH", 9..=9),
    plan("420", "CZ", 9..=9),
    plan("421", "SK", 9..=9),
    plan("423", "LI", 7..=9),
    plan("43", "AT", 7..=13),
    plan("44", "GB", 9..=10),
    plan("45", "DK", 8..=8),
    plan("46", "SE", 7..=13),
    plan("47", "NO", 8..=8),
    plan("48", "PL", 9..=9),
    plan("49", "DE", 6..=13),
    plan("500", "FK", 5..=5),
    plan("501", "BZ", 7..=7),
    plan("502", "GT", 8..=8),
    plan("503", "SV", 8..=8),
    plan("504", "HN", 8..=8),
    plan("505", "NI", 8..=8),
    plan("506", "CR", 8..=8),
    plan("507", "PA", 7..=8),
    plan("508", "PM", 6..=9),
    plan("509", "HT", 8..=8),
    plan("51", "PE", 8..=9),
    plan("52", "MX", 10..=11),
    plan("53", "CU", 8..=8),
    plan("54", "AR", 10..=11),
    plan("55", "BR", 10..=11),
    plan("56", "CL", 9..=9),
    plan("57", "CO", 8..=10),
    plan("58", "VE", 10..=10),
    plan("590", "GP", 9..=9),
    plan("591", "BO", 8..=8),
    plan("592", "GY", 7..=7),
    plan("593", "EC", 8..=9),
    plan("594", "GF", 9..=9),
    plan("595", "PY", 7..=9),
    plan("596", "MQ", 9..=9),
    plan("597", "SR", 6..=7),
    plan("598", "UY", 8..=8),
    plan("599", "CW", 7..=8),
    plan("60", "MY", 8..=10),
    plan("61", "AU", 9..=9),
    plan("62", "ID", 8..=12),
    plan("63", "PH", 8..=10),
    plan("64", "NZ", 8..=10),
    plan("65", "SG", 8..=8),
    plan("66", "TH", 8..=9),
    plan("670", "TL", 7..=8),
    plan("672", "NF", 6..=6),
    plan("673", "BN", 7..=7),
    plan("674", "NR", 7..=7),
    plan("675", "PG", 7..=8),
    plan("676", "TO", 5..=7),
    plan("677", "SB", 5..=7),
    plan("678", "VU", 5..=7),
    plan("679", "FJ", 7..=7),
    plan("680", "PW", 7..=7),
    plan("681", "WF", 6..=9),
    plan("682", "CK", 5..=5),
    plan("683", "NU", 4..=7),
    plan("685", "WS", 5..=7),
    plan("686", "KI", 5..=8),
    plan("687", "NC", 6..=6),
    plan("688", "TV", 5..=7),
    plan("689", "PF", 8..=8),
    plan("690", "TK", 4..=7),
    plan("691", "FM", 7..=7),
    plan("692", "MH", 7..=7),
    plan("7", "RU", 10..=10),
    plan("81", "JP", 9..=10),
    plan("82", "KR", 8..=10),
    plan("84", "VN", 9..=10),
    plan("850", "KP", 8..=10),
    plan("852", "HK", 8..=8),
    plan("853", "MO", 8..=8),
    plan("855", "KH", 8..=9),
    plan("856", "LA", 8..=10),
    plan("86", "CN", 9..=11),
    plan("880", "BD", 8..=10),
    plan("886", "TW", 8..=9),
    plan("90", "TR", 10..=10),
    plan("91", "IN", 10..=10),
    plan("92", "PK", 9..=10),
    plan("93", "AF", 9..=9),
    plan("94", "LK", 9..=9),
    plan("95", "MM", 7..=10),
    plan("960", "MV", 7..=7),
    plan("961", "LB", 7..=8),
    plan("962", "JO", 8..=9),
    plan("963", "SY", 8..=9),
    plan("964", "IQ", 8..=10),
    plan("965", "KW", 8..=8),
    plan("966", "SA", 9..=9),
    plan("967", "YE", 7..=9),
    plan("968", "OM", 8..=8),
    plan("970", "PS", 8..=9),
    plan("971", "AE", 8..=9),
    plan("972", "IL", 8..=9),
    plan("973", "BH", 8..=8),
    plan("974", "QA", 8..=8),
    plan("975", "BT", 7..=8),
    plan("976", "MN", 8..=8),
    plan("977", "NP", 8..=10),
    plan("98", "IR", 10..=10),
    plan("992", "TJ", 9..=9),
    plan("993", "TM", 8..=8),
    plan("994", "AZ", 9..=9),
    plan("995", "GE", 9..=9),
    plan("996", "KG", 9..=9),
    plan("998", "UZ", 9..=9),
    // Satellites, networks without a country, and international toll-free, shared-cost and premium numbers.
    global("800"),
    global("808"),
    global("870"),
    global("878"),
    global("881"),
    global("882"),
    global("883"),
    global("888"),
    global("979"),
];

/// Territories within the plan of another country, by the first digits of the whole number.
/// Where a territory shares its mobile numbers with the country, these count as the country's.
const TERRITORIES: &[(&str, &str)] = &[
    ("212528", "EH"),
    ("262269", "YT"),
    ("262639", "YT"),
    ("2627093", "YT"),
    ("35818", "AX"),
    ("3906698", "VA"),
    ("441481", "GG"),
    ("447781", "GG"),
    ("447839", "GG"),
    ("4479111", "GG"),
    ("4479117", "GG"),
    ("441534", "JE"),
    ("447509", "JE"),
    ("4477003", "JE"),
    ("4477007", "JE"),
    ("4477008", "JE"),
    ("447797", "JE"),
    ("447829", "JE"),
    ("447937", "JE"),
    ("441624", "IM"),
    ("4474576", "IM"),
    ("447524", "IM"),
    ("447624", "IM"),
    ("447924", "IM"),
    ("4779", "SJ"),
    ("59059027", "BL"),
    ("59059051", "MF"),
    ("59059087", "MF"),
    ("5993", "BQ"),
    ("5994", "BQ"),
    ("5997", "BQ"),
    ("6189162", "CC"),
    ("6189164", "CX"),
    ("76", "KZ"),
    ("77", "KZ"),
];

/// The plan of an international number's digits, and the digits after its calling code.
pub(super) fn plan_of(digits: &str) -> Option<(&'static Plan, &str)> {
    PLANS.iter().find_map(|plan| digits.strip_prefix(plan.code).map(|national| (plan, national)))
}

impl Plan {
    /// Whom a national number of this plan belongs to.
    pub(super) fn country(&self, national: &str) -> Country {
        if self.code == NANP {
            return nanp::country(national);
        }
        if self.country.is_empty() {
            return Country::None;
        }
        let territory = TERRITORIES
            .iter()
            .find(|(prefix, _)| prefix.strip_prefix(self.code).is_some_and(|digits| national.starts_with(digits)));
        Country::Is(territory.map_or(self.country, |(_, territory)| territory))
    }
}

/// Every country and territory of the table.
#[cfg(test)]
pub(super) fn countries() -> std::collections::BTreeSet<&'static str> {
    let plans = PLANS.iter().map(|plan| plan.country).filter(|country| !country.is_empty());
    plans.chain(TERRITORIES.iter().map(|(_, country)| *country)).chain(nanp::countries()).collect()
}
