//! +1, the North American Numbering Plan: the area code says which country.

use super::plans::Country;

/// Area codes of Canada.
const CANADA: [&str; 57] = [
    "204", "226", "236", "249", "250", "257", "263", "289", "306", "343", "354", "365", "367", "368", "382", "403",
    "416", "418", "428", "431", "437", "438", "450", "460", "468", "474", "506", "514", "519", "537", "548", "579",
    "581", "584", "587", "604", "613", "639", "647", "672", "683", "705", "709", "742", "753", "778", "780", "782",
    "807", "819", "825", "867", "873", "879", "902", "905", "942",
];

/// Area codes of the other countries and territories of the plan.
const ISLANDS: [(&str, &str); 29] = [
    ("242", "BS"),
    ("246", "BB"),
    ("264", "AI"),
    ("268", "AG"),
    ("284", "VG"),
    ("340", "VI"),
    ("345", "KY"),
    ("441", "BM"),
    ("473", "GD"),
    ("649", "TC"),
    ("658", "JM"),
    ("664", "MS"),
    ("670", "MP"),
    ("671", "GU"),
    ("684", "AS"),
    ("721", "SX"),
    ("758", "LC"),
    ("767", "DM"),
    ("784", "VC"),
    ("787", "PR"),
    ("809", "DO"),
    ("829", "DO"),
    ("849", "DO"),
    ("868", "TT"),
    ("869", "KN"),
    ("876", "JM"),
    ("939", "PR"),
    // Non-geographic numbers that Canada alone assigns.
    ("600", "CA"),
    ("622", "CA"),
];

/// Toll-free, premium and personal numbers: they belong to no country and take no messages.
const SERVICES: [&str; 15] =
    ["500", "521", "522", "523", "524", "525", "526", "533", "544", "566", "577", "588", "700", "710", "900"];

/// Country of the ten digits after +1.
pub(super) fn country(national: &str) -> Country {
    let digits = national.as_bytes();
    let (Some(area), [a, b, c, exchange, ..]) = (national.get(..3), digits) else {
        return Country::Invalid;
    };
    // Neither area codes nor exchanges begin with 0 or 1; N9X is kept for a longer plan, N11 for services.
    if *a < b'2' || *exchange < b'2' || *b == b'9' || (*b == b'1' && *c == b'1') {
        return Country::Invalid;
    }
    if let Some((_, country)) = ISLANDS.iter().find(|(code, _)| *code == area) {
        return Country::Is(country);
    }
    if CANADA.contains(&area) {
        return Country::Is("CA");
    }
    let toll_free = *a == b'8' && b == c;
    if toll_free || SERVICES.contains(&area) {
        return Country::None;
    }
    Country::Is("US")
}

/// Every country and territory of the plan.
#[cfg(test)]
pub(super) fn countries() -> impl Iterator<Item = &'static str> {
    ISLANDS.iter().map(|(_, country)| *country).chain(["CA", "US"])
}
