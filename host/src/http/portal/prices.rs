//! The price table of a release, for people.

use iap_core::{
    Credits,
    manifest::{Manifest, Operation, Rate},
};
use maud::{Markup, html};

use crate::payments::counted;

/// What each operation costs; long tables folded.
pub(super) fn table(manifest: &Manifest) -> Markup {
    let unit = &manifest.service.unit;
    let (paid, free): (Vec<&Operation>, Vec<&Operation>) =
        manifest.operations.iter().partition(|operation| !operation.prices.is_empty());
    html! {
        div.scroll {
            table {
                thead { tr { th { "Operation" } th { "Item" } th { "Price" } th { "At most per call" } } }
                tbody {
                    @for operation in &paid {
                        @for price in &operation.prices {
                            tr {
                                td { (operation.title) }
                                td { (price.item) }
                                td { (rate(&price.rate, unit)) }
                                td { (counted(operation.max_per_call, unit)) }
                            }
                        }
                    }
                }
            }
        }
        @for (file, rows) in files(&paid) {
            details {
                summary { "All prices of " (file) }
                div.scroll {
                    table.slim {
                        thead { tr { th { "Key" } th.number { "Price" } } }
                        tbody { @for (key, credits) in rows { tr { td { (key) } td.number { (counted(*credits, unit)) } } } }
                    }
                }
            }
        }
        @if !free.is_empty() {
            p.soft.small { "Free: " (free.iter().map(|operation| operation.title.as_str()).collect::<Vec<_>>().join(", ")) "." }
        }
    }
}

fn rate(rate: &Rate, unit: &str) -> String {
    match rate {
        Rate::Fixed(credits) => counted(*credits, unit),
        Rate::Variable => "price varies".to_owned(),
        Rate::Table { rows, .. } => match (rows.values().min(), rows.values().max()) {
            (Some(least), Some(most)) if least == most => counted(*least, unit),
            (Some(least), Some(most)) => format!("{least} to {}", counted(*most, unit)),
            _ => "no price".to_owned(),
        },
    }
}

type Rows<'a> = &'a std::collections::BTreeMap<String, Credits>;

/// Each table once, however many operations use it.
fn files<'a>(operations: &[&'a Operation]) -> std::collections::BTreeMap<&'a str, Rows<'a>> {
    let prices = operations.iter().flat_map(|operation| &operation.prices);
    let tables = prices.filter_map(|price| match &price.rate {
        Rate::Table { file, rows } => Some((file.as_str(), &**rows)),
        Rate::Fixed(_) | Rate::Variable => None,
    });
    tables.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_told_in_few_words() {
        let rows = |prices: &[(&str, i64)]| {
            let rows = prices.iter().map(|(key, micros)| ((*key).to_owned(), Credits::from_micros(*micros))).collect();
            Rate::Table { file: "prices.csv".into(), rows: std::sync::Arc::new(rows) }
        };
        for (price, text) in [
            (Rate::Fixed(Credits::whole(1)), "1 credit"),
            (Rate::Variable, "price varies"),
            (rows(&[("BE", 750_000), ("US", 100_000), ("FR", 800_000)]), "0.1 to 0.8 credits"),
            (rows(&[("BE", 2_000_000)]), "2 credits"),
        ] {
            assert_eq!(rate(&price, "credit"), text);
        }
    }
}
