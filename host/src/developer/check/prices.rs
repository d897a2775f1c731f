//! Prices that are allowed but can hardly be meant.

use iap_core::{
    Credits, Money,
    manifest::{Manifest, Operation, Pack, Price, Rate},
};

use super::{Finding, Severity};
use crate::developer::lines::{Places, Step};

/// Rows of one table that are told.
const MOST_ROWS: usize = 5;

/// Looks at packs, trial and price tables.
pub(super) fn look(manifest: &Manifest, places: &Places<'_>) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut warn = |path: &[Step<'_>], message: String| {
        findings.push(Finding::at(Severity::Warning, places, path, message));
    };
    let charged = manifest.operations.iter().any(|operation| !operation.prices.is_empty());
    if charged && manifest.packs.is_empty() {
        warn(
            &[Step::Member("service")],
            "operations cost credits, but there are no [[packs]]: nobody can buy any; add one".to_owned(),
        );
    }
    for (smaller, larger) in manifest.packs.iter().zip(manifest.packs.iter().skip(1)) {
        if let Some(currency) = dearer(smaller, larger) {
            warn(
                &[Step::Member("packs"), Step::Called(&larger.name), Step::Member("price")],
                format!(
                    "a credit of {:?} costs more {currency} than one of {:?}, which is smaller; nobody would buy it",
                    larger.name, smaller.name
                ),
            );
        }
    }
    for operation in &manifest.operations {
        for price in &operation.prices {
            unreachable_rows(operation, price, &mut warn);
        }
    }
    let cheapest = manifest.operations.iter().flat_map(|operation| &operation.prices).filter_map(cheapest).min();
    if let (Some(trial), Some(cheapest)) = (manifest.trial, cheapest)
        && trial < cheapest
    {
        warn(
            &[Step::Member("trial"), Step::Member("credits")],
            format!("the trial of {trial} credits pays for nothing: the cheapest unit costs {cheapest}; raise it"),
        );
    }
    findings
}

/// Rows that cost more than a call may hold.
fn unreachable_rows(operation: &Operation, price: &Price, warn: &mut impl FnMut(&[Step<'_>], String)) {
    let Rate::Table { file, rows } = &price.rate else { return };
    let max = operation.max_per_call;
    let over: Vec<_> = rows.iter().filter(|(_, credits)| **credits > max).map(|(key, _)| key.as_str()).collect();
    if over.is_empty() {
        return;
    }
    let more = if MOST_ROWS < over.len() { format!(" and {} more", over.len() - MOST_ROWS) } else { String::new() };
    let path = [
        Step::Member("operations"),
        Step::Called(&operation.name),
        Step::Member("prices"),
        Step::Called(&price.item),
        Step::Member("table"),
    ];
    warn(
        &path,
        format!(
            "in {file} one unit of {}{more} costs more than the {max} credits of max_per_call: no call can use it; raise \
             max_per_call",
            over[..over.len().min(MOST_ROWS)].join(", ")
        ),
    );
}

fn cheapest(price: &Price) -> Option<Credits> {
    match &price.rate {
        Rate::Fixed(credits) => Some(*credits),
        Rate::Table { rows, .. } => rows.values().min().copied(),
        Rate::Variable => None,
    }
}

/// A currency in which a credit of the larger pack costs more.
fn dearer(smaller: &Pack, larger: &Pack) -> Option<String> {
    let price = |pack: &Pack, like: &Money| {
        pack.prices.iter().find(|price| price.currency == like.currency).map(|price| i128::from(price.minor))
    };
    larger.prices.iter().find_map(|of_larger| {
        let of_smaller = price(smaller, of_larger)?;
        let (small, large) = (i128::from(smaller.credits.micros()), i128::from(larger.credits.micros()));
        (of_smaller * large < i128::from(of_larger.minor) * small).then(|| of_larger.currency.as_str().to_owned())
    })
}

#[cfg(test)]
mod tests {
    use iap_core::release::ReleaseFiles;

    use super::*;

    const TEXT: &str = "[service]\nname = \"x\"\ntitle = \"X\"\nvendor = \"acme\"\nversion = \"1.0.0\"\napi = \"1.0\"\nsummary = \"X.\"\ncategory = \"Other\"\n\
        [trial]\ncredits = \"2\"\n\
        [[packs]]\nname = \"S\"\ncredits = \"10\"\nprice = { EUR = \"1.00\" }\n\
        [[packs]]\nname = \"L\"\ncredits = \"100\"\nprice = { EUR = \"9.00\" }\n\
        [[operations]]\nname = \"go\"\ntitle = \"Go\"\nmax_per_call = \"5\"\n\
        [[operations.prices]]\nitem = \"part\"\ntable = \"prices/part.csv\"\n";

    fn told(text: &str, table: &str) -> Vec<String> {
        let files = ReleaseFiles::default().with("plugin.toml", text).unwrap().with("prices/part.csv", table).unwrap();
        look(&Manifest::parse(&files).unwrap(), &Places::of(text)).iter().map(Finding::to_string).collect()
    }

    #[test]
    fn sound_prices_are_silent() {
        assert_eq!(told(TEXT, "key,credits\nBE,1\nFR,5\n"), Vec::<String>::new());
    }

    #[test]
    fn what_nobody_could_use_is_told() {
        assert_eq!(
            told(TEXT, "key,credits\nBE,1\nFR,5.5\n"),
            [
                "plugin.toml:25:9: warning: in prices/part.csv one unit of FR costs more than the 5 credits of max_per_call: \
              no call can use it; raise max_per_call"
            ]
        );
        assert_eq!(
            told(TEXT, "key,credits\nBE,3\n"),
            [
                "plugin.toml:10:11: warning: the trial of 2 credits pays for nothing: the cheapest unit costs 3; raise it"
            ]
        );
        assert_eq!(
            told(&TEXT.replace("9.00", "11.00"), "key,credits\nBE,1\n"),
            [
                "plugin.toml:18:9: warning: a credit of \"L\" costs more EUR than one of \"S\", which is smaller; nobody would \
              buy it"
            ]
        );
        let unsold = TEXT.replace("[[packs]]\nname = \"S\"\ncredits = \"10\"\nprice = { EUR = \"1.00\" }\n", "");
        let unsold = unsold.replace("[[packs]]\nname = \"L\"\ncredits = \"100\"\nprice = { EUR = \"9.00\" }\n", "");
        assert!(
            told(&unsold, "key,credits\nBE,1\n")[0].starts_with("plugin.toml:1:1: warning: operations cost credits")
        );
    }
}
