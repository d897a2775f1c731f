//! Prices of operations: no number rises, no row goes, and none begins to vary.

use std::collections::{BTreeMap, BTreeSet};

use super::{Difference, Found, Kind};
use crate::{
    Credits,
    manifest::{Manifest, Operation, Price, Rate},
};

/// Most rows of one table that are named for each kind of change; the rest is counted.
const MAX_ROWS: usize = 20;

type Rows = BTreeMap<String, Credits>;

/// See [`check_price_edit`](crate::publishing::protected::check_price_edit).
pub(in crate::publishing) fn price_edit(old: &Manifest, new: &Manifest) -> Vec<Difference> {
    let mut found = Found::default();
    let mut tables = Tables::default();
    for operation in &old.operations {
        match new.operation(&operation.name) {
            Some(edited) => prices(&mut found, &mut tables, operation, edited),
            None => found.breaks(Kind::Operation, &format!("[[operations]] {:?}", operation.name), "is gone"),
        }
    }
    found.differences
}

/// Pairs of files that were compared: operations share tables, and these may be long.
#[derive(Default)]
pub(super) struct Tables(BTreeSet<(String, String)>);

/// What changes in the prices of an operation.
pub(super) fn prices(found: &mut Found, tables: &mut Tables, old: &Operation, new: &Operation) {
    let place = |item: &str| place(new, item);
    for price in &old.prices {
        let place = place(&price.item);
        let Some(changed) = new.prices.iter().find(|other| other.item == price.item) else {
            found.breaks(Kind::Item, &place, "is gone");
            continue;
        };
        match (&price.rate, &changed.rate) {
            (Rate::Fixed(old), Rate::Fixed(new)) => number(found, &place, "the price", *old, *new),
            (Rate::Table { file: old_file, rows: old }, Rate::Table { file, rows: new }) => {
                if tables.0.insert((old_file.clone(), file.clone())) {
                    table(found, file, old, new);
                }
            }
            (Rate::Fixed(old), Rate::Table { file, rows }) => match rows.iter().max_by_key(|(_, credits)| **credits) {
                Some((key, highest)) if highest > old => {
                    let text = format!("the price rises from {old} to {highest} credits, which {key} costs in {file}");
                    found.breaks(Kind::Price, &place, text);
                }
                _ => found.notes(Kind::Price, &place, format!("was {old} credits for all, and is no more by {file}")),
            },
            (Rate::Table { rows, .. }, Rate::Fixed(new)) => match rows.iter().min_by_key(|(_, credits)| **credits) {
                Some((key, lowest)) if lowest < new => {
                    let text =
                        format!("the price of {key} rises from {lowest} to {new} credits, which all keys cost now");
                    found.breaks(Kind::Price, &place, text);
                }
                _ => {
                    found.notes(Kind::Price, &place, format!("is {new} credits for all keys, and was no less for any"))
                }
            },
            (Rate::Variable, Rate::Variable) => {}
            (_, Rate::Variable) => found.breaks(Kind::Item, &place, "the price begins to vary"),
            (Rate::Variable, _) => found.notes(Kind::Item, &place, "the price no longer varies"),
        }
    }
    for price in new.prices.iter().filter(|price| old.prices.iter().all(|other| other.item != price.item)) {
        added(found, &place(&price.item), price);
    }
}

/// The prices of an operation that is new: none of them may vary, as in the old ones.
pub(super) fn of_new_operation(found: &mut Found, operation: &Operation) {
    for price in &operation.prices {
        added(found, &place(operation, &price.item), price);
    }
}

fn place(operation: &Operation, item: &str) -> String {
    format!("[[operations]] {:?}, item {item:?}", operation.name)
}

fn added(found: &mut Found, place: &str, price: &Price) {
    match &price.rate {
        Rate::Fixed(credits) => found.notes(Kind::Item, place, format!("is new, at {credits} credits")),
        Rate::Table { file, .. } => found.notes(Kind::Item, place, format!("is new, by {file}")),
        Rate::Variable => found.breaks(Kind::Item, place, "is new, and its price varies"),
    }
}

fn number(found: &mut Found, place: &str, subject: &str, old: Credits, new: Credits) {
    match new.cmp(&old) {
        std::cmp::Ordering::Greater => {
            found.breaks(Kind::Price, place, format!("{subject} rises from {old} to {new} credits"));
        }
        std::cmp::Ordering::Less => {
            found.notes(Kind::Price, place, format!("{subject} falls from {old} to {new} credits"));
        }
        std::cmp::Ordering::Equal => {}
    }
}

fn table(found: &mut Found, file: &str, old: &Rows, new: &Rows) {
    let both = || old.iter().filter_map(|(key, was)| Some((key, was, new.get(key)?)));
    let rises: Vec<_> = both().filter(|(_, was, is)| is > was).collect();
    let falls: Vec<_> = both().filter(|(_, was, is)| is < was).collect();
    for changed in [&rises, &falls] {
        changed.iter().take(MAX_ROWS).for_each(|(key, was, is)| number(found, file, key, **was, **is));
    }
    let gone: Vec<&String> = old.keys().filter(|key| !new.contains_key(*key)).collect();
    for key in gone.iter().take(MAX_ROWS) {
        found.breaks(Kind::Item, file, format!("{key} has no price any more"));
    }
    let added: Vec<(&String, &Credits)> = new.iter().filter(|(key, _)| !old.contains_key(*key)).collect();
    for (key, credits) in added.iter().take(MAX_ROWS) {
        found.notes(Kind::Item, file, format!("{key} is new, at {credits} credits"));
    }
    for (kind, breaks, rows, text) in [
        (Kind::Price, true, rises.len(), "more rows rise"),
        (Kind::Price, false, falls.len(), "more rows fall"),
        (Kind::Item, true, gone.len(), "more rows have no price any more"),
        (Kind::Item, false, added.len(), "more rows are new"),
    ] {
        if rows > MAX_ROWS {
            found.tell(kind, breaks, file, format!("{} {text}", rows - MAX_ROWS));
        }
    }
}
