//! Amounts in a currency's smallest unit.

/// Currencies without a smaller unit, and those with a thousandth.
const WHOLE: [&str; 16] =
    ["bif", "clp", "djf", "gnf", "jpy", "kmf", "krw", "mga", "pyg", "rwf", "ugx", "vnd", "vuv", "xaf", "xof", "xpf"];
const THOUSANDTHS: [&str; 5] = ["bhd", "jod", "kwd", "omr", "tnd"];

/// The most one session may cost, in the smallest unit, as at Stripe.
pub(super) const MOST: i64 = 99_999_999;

/// The least one session must cost, in the smallest unit.
pub(super) fn least(currency: &str) -> i64 {
    match currency {
        "eur" | "usd" => 50,
        "gbp" => 30,
        _ => 1,
    }
}

/// An amount for people: `0.90 EUR`.
pub(super) fn show(amount: i64, currency: &str) -> String {
    let digits = if WHOLE.contains(&currency) {
        0
    } else if THOUSANDTHS.contains(&currency) {
        3
    } else {
        2
    };
    let name = currency.to_ascii_uppercase();
    if digits == 0 {
        return format!("{amount} {name}");
    }
    let unit = 10_i64.pow(digits);
    let width = usize::from(digits == 3) + 2;
    format!("{}.{:0width$} {name}", amount / unit, amount % unit)
}

#[cfg(test)]
mod tests {
    use super::show;

    #[test]
    fn amounts_are_shown_in_their_currencys_digits() {
        for (amount, currency, shown) in [
            (90, "eur", "0.90 EUR"),
            (123_405, "usd", "1234.05 USD"),
            (500, "jpy", "500 JPY"),
            (1_007, "kwd", "1.007 KWD"),
        ] {
            assert_eq!(show(amount, currency), shown);
        }
    }
}
