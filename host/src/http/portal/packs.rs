//! Which packs are offered, in which currency, and which one fits. Pure.

use iap_core::{Credits, Money, credits::MICROS, manifest::Pack};

/// A pack at its price in one currency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Offer<'a> {
    pub(super) pack: &'a Pack,
    pub(super) price: Money,
}

/// Codes of all currencies that packs have a price in, by name.
pub(super) fn currencies(packs: &[Pack]) -> Vec<&str> {
    let mut codes: Vec<&str> =
        packs.iter().flat_map(|pack| &pack.prices).map(|price| price.currency.as_str()).collect();
    codes.sort_unstable();
    codes.dedup();
    codes
}

/// The currency to show: the one asked for if there are prices in it, else the usual, else any.
pub(super) fn currency<'a>(packs: &'a [Pack], asked: Option<&str>, usual: &str) -> Option<&'a str> {
    let known = currencies(packs);
    let find = |code: &str| known.iter().find(|known| known.eq_ignore_ascii_case(code)).copied();
    asked.and_then(find).or_else(|| find(usual)).or_else(|| known.first().copied())
}

/// Packs with a price in a currency, by rising credits.
pub(super) fn offers<'a>(packs: &'a [Pack], currency: &str) -> Vec<Offer<'a>> {
    let offer = |pack: &'a Pack| {
        let price = pack.prices.iter().find(|price| price.currency.as_str() == currency)?;
        Some(Offer { pack, price: *price })
    };
    let mut offers: Vec<_> = packs.iter().filter_map(offer).collect();
    offers.sort_by_key(|offer| offer.pack.credits);
    offers
}

/// A preselected offer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Choice {
    /// Its place in the offers.
    pub(super) index: usize,
    /// How many of it are needed; 1 but where no pack is large enough.
    pub(super) times: i64,
}

/// The smallest pack that covers what is needed, else the largest and how many of it. `sizes` rise and
/// are above zero; `None` if there are none.
pub(super) fn choose(sizes: &[Credits], needed: Credits) -> Option<Choice> {
    if let Some(index) = sizes.iter().position(|size| needed <= *size) {
        return Some(Choice { index, times: 1 });
    }
    let index = sizes.len().checked_sub(1)?;
    let (needed, size) = (needed.micros(), sizes[index].micros().max(1));
    Some(Choice { index, times: needed / size + i64::from(needed % size != 0) })
}

/// What one credit of a pack costs, rounded to a hundredth of the minor unit: `0.085 EUR`.
pub(super) fn price_per_credit(price: Money, credits: Credits) -> String {
    let digits = price.currency.digits();
    let (minor, micros) = (i128::from(price.minor), i128::from(credits.micros().max(1)));
    // Hundredths of the minor unit, half up.
    let hundredths = (minor * 100 * i128::from(MICROS) + micros / 2) / micros;
    let unit = 10_i128.pow(digits + 2);
    let decimals = format!("{:0width$}", hundredths % unit, width = usize::try_from(digits + 2).unwrap_or(2));
    let least = usize::try_from(digits).unwrap_or(0);
    let shown = decimals.trim_end_matches('0').len().max(least);
    let fraction =
        decimals.get(..shown).filter(|text| !text.is_empty()).map(|text| format!(".{text}")).unwrap_or_default();
    format!("{}{fraction} {}", hundredths / unit, price.currency)
}

#[cfg(test)]
mod tests {
    use iap_core::money::Currency;

    use super::*;

    fn money(minor: i64, code: &str) -> Money {
        Money { minor, currency: Currency::try_from(code.to_owned()).unwrap() }
    }

    fn pack(credits: i64, prices: &[(i64, &str)]) -> Pack {
        let prices = prices.iter().map(|(minor, code)| money(*minor, code)).collect();
        Pack { name: format!("Pack of {credits}"), credits: Credits::whole(credits), prices }
    }

    #[test]
    fn the_smallest_pack_that_covers_the_need_is_chosen() {
        let sizes = [10, 100, 500, 1000].map(Credits::whole);
        for (needed, index, times) in [
            ("0", 0, 1),
            ("10", 0, 1),
            ("10.000001", 1, 1),
            ("100", 1, 1),
            ("999.5", 3, 1),
            ("1000", 3, 1),
            ("1000.5", 3, 2),
            ("5000", 3, 5),
            ("-1", 0, 1),
        ] {
            assert_eq!(choose(&sizes, needed.parse().unwrap()), Some(Choice { index, times }), "{needed}");
        }
        assert_eq!(choose(&[], Credits::whole(1)), None);
        assert_eq!(choose(&sizes[..1], Credits::MAX), Some(Choice { index: 0, times: 922_337_203_686 }));
    }

    #[test]
    fn packs_without_a_price_in_the_currency_are_not_offered() {
        let packs = [pack(100, &[(900, "EUR")]), pack(10, &[(100, "USD"), (90, "EUR")])];
        assert_eq!(currencies(&packs), ["EUR", "USD"]);
        let names =
            |currency: &str| offers(&packs, currency).iter().map(|offer| offer.pack.name.clone()).collect::<Vec<_>>();
        assert_eq!(names("EUR"), ["Pack of 10", "Pack of 100"]);
        assert_eq!(names("USD"), ["Pack of 10"]);
    }

    #[test]
    fn the_currency_is_the_one_asked_for_where_there_is_one() {
        let packs = [pack(10, &[(100, "USD"), (90, "EUR")])];
        assert_eq!(currency(&packs, Some("usd"), "EUR"), Some("USD"));
        assert_eq!(currency(&packs, Some("CHF"), "EUR"), Some("EUR"));
        assert_eq!(currency(&packs, None, "CHF"), Some("EUR"));
        assert_eq!(currency(&[], None, "EUR"), None);
    }

    #[test]
    fn the_price_of_a_credit_is_rounded_to_a_hundredth_of_the_minor_unit() {
        for (minor, code, credits, shown) in [
            (90, "EUR", "10", "0.09 EUR"),
            (8500, "EUR", "1000", "0.085 EUR"),
            (100, "EUR", "3", "0.3333 EUR"),
            (200, "EUR", "3", "0.6667 EUR"),
            (500, "EUR", "5", "1.00 EUR"),
            (100, "JPY", "8", "12.5 JPY"),
            (100, "JPY", "100", "1 JPY"),
            (1250, "KWD", "10", "0.125 KWD"),
            (90, "EUR", "0.5", "1.80 EUR"),
        ] {
            assert_eq!(
                price_per_credit(money(minor, code), credits.parse().unwrap()),
                shown,
                "{minor} {code} / {credits}"
            );
        }
    }
}
