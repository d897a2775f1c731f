//! Whether an address is one that a letter can be posted to.

use crate::wire::Address;

/// Countries without postal codes, where a letter needs none.
const WITHOUT_ZIP: &[&str] = &[
    "AE", "AG", "AO", "AW", "BF", "BI", "BJ", "BO", "BQ", "BS", "BW", "BZ", "CD", "CF", "CG", "CI", "CK", "CM", "CW",
    "DJ", "DM", "ER", "FJ", "GA", "GD", "GH", "GM", "GN", "GQ", "GY", "HK", "IE", "JM", "KI", "KM", "KN", "LC", "LY",
    "ML", "MO", "MR", "MW", "NR", "NU", "PA", "QA", "RW", "SB", "SC", "SL", "SR", "ST", "SX", "TD", "TG", "TK", "TL",
    "TO", "TT", "TV", "UG", "VU", "WS", "ZW",
];

/// Members that an address lacks, in the words of a form.
pub fn missing(address: &Address) -> Vec<&'static str> {
    let lacks = |value: &Option<String>| value.as_deref().is_none_or(|text| text.trim().is_empty());
    let country = country(address);
    let needs_zip = country.as_deref().is_none_or(|country| !WITHOUT_ZIP.contains(&country));
    [
        ("name", lacks(&address.name)),
        ("street", lacks(&address.street) && lacks(&address.street2)),
        ("zip", needs_zip && lacks(&address.zip)),
        ("city", lacks(&address.city)),
        ("country", country.is_none()),
    ]
    .into_iter()
    .filter_map(|(name, is_missing)| is_missing.then_some(name))
    .collect()
}

/// The country, in capitals.
pub fn country(address: &Address) -> Option<String> {
    let country = address.country_code.as_deref()?.trim().to_ascii_uppercase();
    (!country.is_empty()).then_some(country)
}

/// The most pages that the printer takes for a country (help.pingen.com, "Letter standards").
pub fn most_pages(country: &str) -> usize {
    match country {
        "GB" => 500,
        "AT" | "BE" | "DE" | "FR" => 320,
        "IN" => 16,
        "NL" => 14,
        _ => 120,
    }
}

/// The address line by line, as it goes on a cover page.
pub fn written(contact: Option<&str>, address: &Address) -> String {
    if let Some(contact) = contact.filter(|contact| contact.lines().filter(|line| !line.trim().is_empty()).count() > 1)
    {
        return contact.to_owned();
    }
    let town = [&address.zip, &address.city].into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join(" ");
    let lines = [&address.name, &address.street, &address.street2, &Some(town), &address.country_code];
    lines.into_iter().flatten().map(String::as_str).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bob() -> Address {
        let text = |text: &str| Some(text.to_owned());
        Address {
            name: text("Bob"),
            street: text("Main 1"),
            street2: None,
            zip: text("1000"),
            city: text("Bruxelles"),
            country_code: text("BE"),
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        assert!(missing(&bob()).is_empty());
        assert_eq!(missing(&Address::default()), ["name", "street", "zip", "city", "country"]);
        assert_eq!(missing(&Address { zip: None, ..bob() }), ["zip"]);
        assert_eq!(missing(&Address { city: Some("  ".into()), ..bob() }), ["city"]);
        let hong_kong = Address { zip: None, country_code: Some("hk".into()), ..bob() };
        assert!(missing(&hong_kong).is_empty());
        assert!(missing(&Address { street: None, street2: Some("Dorp 1".into()), ..bob() }).is_empty());
    }

    #[test]
    fn a_cover_page_has_the_address_as_it_is_written() {
        assert_eq!(
            written(Some("Bob\nMain 1\n1000 Bruxelles\nBelgium"), &bob()),
            "Bob\nMain 1\n1000 Bruxelles\nBelgium"
        );
        assert_eq!(written(None, &bob()), "Bob\nMain 1\n1000 Bruxelles\nBE");
        assert_eq!(written(Some("Bob"), &bob()), "Bob\nMain 1\n1000 Bruxelles\nBE");
    }
}
