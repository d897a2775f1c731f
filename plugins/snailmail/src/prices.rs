//! The prices of this release, as the plugin reads them.
//!
//! The host alone sets prices. The plugin reads the same file to know which countries it serves, how many of
//! several letters the credits are enough for, and what to tell a database that a letter costs.

use std::collections::BTreeMap;

use iap_sdk::{Credits, Line};

/// The file that the manifest names as the table of "letter".
const TABLE: &str = include_str!("../prices/letter.csv");

/// As in the manifest: a page in black, a page in colour, a sheet of paper.
const PAGE_BLACK: Credits = Credits::from_millionths(100_000);
const PAGE_COLOUR: Credits = Credits::from_millionths(300_000);
const SHEET: Credits = Credits::from_millionths(100_000);

/// What of a letter makes its price.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Job {
    /// ISO 3166-1 alpha-2.
    pub country: String,
    /// All pages, with those that were added.
    pub pages: u64,
    /// In colour.
    pub colour: bool,
    /// On both sides.
    pub duplex: bool,
}

impl Job {
    /// Sheets of paper.
    pub fn sheets(&self) -> u64 {
        if self.duplex { self.pages.div_ceil(2) } else { self.pages }
    }

    /// Its lines on the bill.
    pub fn lines(&self) -> Vec<Line> {
        let page = if self.colour { "page, colour" } else { "page, black" };
        let sides = if self.duplex { "both sides" } else { "one side" };
        vec![
            Line::new("letter", 1).key(self.country.as_str()).note(format!("to {}", self.country)),
            Line::new(page, self.pages),
            Line::new("sheet", self.sheets()).note(sides),
        ]
    }

    /// Its price.
    pub fn price(&self) -> Option<Credits> {
        let page = if self.colour { PAGE_COLOUR } else { PAGE_BLACK };
        Some([letter(&self.country)?, page.times(self.pages), SHEET.times(self.sheets())].into_iter().sum())
    }
}

/// Price of a letter to a country without its pages, if it is served.
pub fn letter(country: &str) -> Option<Credits> {
    thread_local!(static ROWS: BTreeMap<&'static str, Credits> = rows().collect());
    ROWS.with(|rows| rows.get(country).copied())
}

fn rows() -> impl Iterator<Item = (&'static str, Credits)> {
    let row = |line: &'static str| {
        let (key, credits) = line.trim_end().split_once(',')?;
        Some((key, Credits::from_decimal(credits)?))
    };
    TABLE.lines().skip(1).filter_map(row)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(country: &str, pages: u64, colour: bool, duplex: bool) -> Option<String> {
        Job { country: country.into(), pages, colour, duplex }.price().map(|credits| credits.to_string())
    }

    #[test]
    fn every_row_is_a_country_with_a_price() {
        assert_eq!(TABLE.lines().next(), Some("key,credits"));
        assert_eq!(rows().count(), TABLE.lines().count() - 1);
        let mut before = "";
        for (country, credits) in rows() {
            assert!(before < country, "{country} is in its place, once");
            assert!(country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_uppercase()), "{country}");
            let (least, most) = (Credits::from_millionths(500_000), Credits::from_millionths(3_000_000));
            assert!(least <= credits && credits <= most, "{country}");
            before = country;
        }
    }

    #[test]
    fn a_letter_costs_by_country_pages_colour_and_paper() {
        for (country, pages, colour, duplex, expected) in [
            ("BE", 1, false, false, "1"),
            ("BE", 1, true, true, "1.2"),
            ("BE", 4, false, false, "1.6"),
            ("BE", 4, false, true, "1.4"),
            ("BE", 5, true, true, "2.6"),
            ("US", 1, false, false, "2"),
        ] {
            assert_eq!(
                price(country, pages, colour, duplex).as_deref(),
                Some(expected),
                "{country} {pages} {colour} {duplex}"
            );
        }
        for country in ["KP", "AQ", "XX", "be", ""] {
            assert_eq!(price(country, 1, false, false), None, "{country}");
        }
    }

    #[test]
    fn the_manifest_has_the_same_prices() {
        let manifest = include_str!("../plugin.toml");
        for (item, price) in [("page, black", PAGE_BLACK), ("page, colour", PAGE_COLOUR), ("sheet", SHEET)] {
            let text = format!("item = \"{item}\"\ncredits = \"{price}\"\n");
            assert!(manifest.contains(&text), "{text}");
        }
    }
}
