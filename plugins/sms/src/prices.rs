//! The price table of this release, as the plugin reads it.
//!
//! The host alone sets prices. The plugin reads the same file to know which countries it serves, and to
//! tell a database beforehand what a message will cost.

use std::collections::BTreeMap;

use iap_sdk::Credits;

/// The file that the manifest names as the table of "message part".
const TABLE: &str = include_str!("../prices/sms.csv");

/// Price of one message part by country.
pub struct Prices(BTreeMap<&'static str, Credits>);

impl Prices {
    /// Reads the table of this release.
    pub fn of_release() -> Self {
        Self(rows().filter_map(|(key, credits)| Some((key, Credits::from_decimal(credits)?))).collect())
    }

    /// Price of one part to `country`, if it is served.
    pub fn part(&self, country: &str) -> Option<Credits> {
        self.0.get(country).copied()
    }
}

fn rows() -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLE.lines().skip(1).filter_map(|line| line.trim_end().split_once(','))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_row_is_a_price_between_a_tenth_and_four_credits() {
        assert_eq!(TABLE.lines().next(), Some("key,credits"));
        assert_eq!(rows().count(), TABLE.lines().count() - 1, "each line has two columns");
        for (key, credits) in rows() {
            let price = Credits::from_decimal(credits).unwrap_or_else(|| panic!("{key}: {credits} is no price"));
            let (least, most) = (Credits::from_millionths(100_000), Credits::from_millionths(4_000_000));
            assert!(least <= price && price <= most, "{key}: {credits}");
        }
    }

    #[test]
    fn the_table_has_exactly_the_countries_that_numbers_can_have() {
        let keys: Vec<&str> = rows().map(|(key, _)| key).collect();
        let unique: BTreeSet<&str> = keys.iter().copied().collect();
        assert_eq!(keys.len(), unique.len(), "no country twice");
        assert_eq!(unique, crate::numbers::countries());
    }
}
