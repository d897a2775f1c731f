//! The bank's reference rates: one document for the whole world, kept in the store for all subscriptions.

use std::collections::BTreeMap;

use iap_sdk::prelude::*;
use serde::{Deserialize, Serialize};

const DOCUMENT: &str = "/eurofxref-daily.xml";
const KEY: &str = "rates";

/// What one euro is worth, by currency, as decimals in the bank's own digits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rates {
    /// `YYYY-MM-DD`
    pub date: String,
    /// By ISO 4217 code.
    pub rates: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    v: u32,
    /// When the bank was last asked: Unix milliseconds.
    asked_at: u64,
    rates: Rates,
}

/// Seconds between two looks at the bank's rates.
pub fn look_every() -> u32 {
    config::get("look-every").and_then(|text| text.trim().parse().ok()).unwrap_or(3_600).max(1)
}

/// The rates that were last had, if ever.
///
/// # Errors
///
/// Of the store.
pub fn stored() -> Result<Option<Rates>, store::Error> {
    Ok(store::get_json::<Stored>(Scope::Service, KEY)?.map(|stored| stored.rates))
}

/// The bank's rates, asked for only if nobody's subscription did within the time between two looks.
///
/// # Errors
///
/// [`Failure::ProviderUnavailable`] if the bank does not answer with rates.
pub fn current() -> Result<Rates, Failure> {
    let now = clock::now_ms();
    let known: Option<Stored> = store::get_json(Scope::Service, KEY)?;
    if let Some(known) = &known
        && now.saturating_sub(known.asked_at) < u64::from(look_every()) * 1_000
    {
        return Ok(known.rates.clone());
    }
    let response = http::Request::get("ecb", DOCUMENT).send()?;
    let read = if response.is_success() { parse(&response.text()) } else { None };
    let Some(mut rates) = read else {
        log::warn!("the bank answered {} with {} bytes that are no rates", response.status, response.body.len());
        return Err(Failure::ProviderUnavailable { retry_after: Some(look_every()) });
    };
    // One of the bank's servers may be behind.
    if let Some(newer) = known.map(|known| known.rates).filter(|known| known.date > rates.date) {
        rates = newer;
    }
    store::set_json(Scope::Service, KEY, &Stored { v: 1, asked_at: now, rates: rates.clone() }, None)?;
    Ok(rates)
}

/// Reads the bank's document. Nothing, if it is not whole or not as the bank describes it.
fn parse(document: &str) -> Option<Rates> {
    if !document.trim_end().ends_with("Envelope>") {
        return None;
    }
    let (mut date, mut rates) = (None, BTreeMap::new());
    for tag in document.split("<Cube").skip(1) {
        let (tag, _) = tag.split_once('>')?;
        if let Some(time) = attribute(tag, "time") {
            let is_second = date.replace(time).is_some();
            if is_second || !is_date(time) {
                return None;
            }
        }
        if let Some(currency) = attribute(tag, "currency") {
            let rate = attribute(tag, "rate").filter(|rate| is_rate(rate))?;
            if !is_currency(currency) {
                return None;
            }
            rates.insert(currency.to_owned(), rate.to_owned());
        }
    }
    let date = date?.to_owned();
    (!rates.is_empty()).then_some(Rates { date, rates })
}

/// The value of an attribute, in either kind of quotes.
fn attribute<'a>(tag: &'a str, name: &str) -> Option<&'a str> {
    let rest = tag.split_once(&format!(" {name}="))?.1;
    let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
    rest.get(1..)?.split_once(quote).map(|(value, _)| value)
}

/// Whether it has the form of an ISO 4217 code.
pub fn is_currency(text: &str) -> bool {
    text.len() == 3 && text.bytes().all(|b| b.is_ascii_uppercase())
}

fn is_date(text: &str) -> bool {
    let digits = |b: u8, at: usize| if matches!(at, 4 | 7) { b == b'-' } else { b.is_ascii_digit() };
    text.len() == 10 && text.bytes().enumerate().all(|(at, b)| digits(b, at))
}

/// A positive decimal.
fn is_rate(text: &str) -> bool {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |text: &str| (1..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    digits(whole) && digits(part) && text.bytes().any(|b| (b'1'..=b'9').contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the bank writes it.
    const SAMPLE: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
	<gesmes:subject>Reference rates</gesmes:subject>
	<gesmes:Sender>
		<gesmes:name>European Central Bank</gesmes:name>
	</gesmes:Sender>
	<Cube>
		<Cube time='2026-01-05'>
			<Cube currency='USD' rate='1.1734'/>
			<Cube currency='JPY' rate='183.52'/>
			<Cube currency="IDR" rate="19631"/>
		</Cube>
	</Cube>
</gesmes:Envelope>"#;

    #[test]
    fn rates_are_read_digit_by_digit() {
        let rates = parse(SAMPLE).expect("the bank's own document");
        let pairs: Vec<_> = rates.rates.iter().map(|(name, rate)| (name.as_str(), rate.as_str())).collect();
        assert_eq!(
            (rates.date.as_str(), pairs),
            ("2026-01-05", vec![("IDR", "19631"), ("JPY", "183.52"), ("USD", "1.1734")])
        );
    }

    #[test]
    fn what_is_not_whole_or_strange_is_no_rates() {
        assert_eq!(parse(""), None);
        assert_eq!(parse("<html>Sorry</html>"), None);
        for end in [SAMPLE.len() / 2, SAMPLE.len() - 10] {
            assert_eq!(parse(&SAMPLE[..end]), None, "cut at {end}");
        }
        for (from, to) in [
            ("1.1734", "-1.1734"),
            ("1.1734", "1,1734"),
            ("1.1734", "0.0000"),
            ("1.1734", "1.17.34"),
            ("1.1734", "N/A"),
            ("1.1734", ""),
            ("USD", "usd"),
            ("USD", "DOLLAR"),
            ("2026-01-05", "yesterday"),
            ("2026-01-05", "05/01/2026"),
            ("rate='1.1734'", ""),
            ("time='2026-01-05'", ""),
            ("'1.1734'", "1.1734"),
            ("<Cube>", "<Cube time='2026-01-04'>"),
        ] {
            assert_eq!(parse(&SAMPLE.replacen(from, to, 1)), None, "{from} became {to}");
        }
    }
}
