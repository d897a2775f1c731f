//! Packs: a credit never gets dearer for those who buy as much as before.

use std::cmp::Ordering;

use super::{Difference, Found, Kind};
use crate::{Money, manifest::Pack};

/// What an edit of packs does without a release; differences with `breaks` are refused.
pub fn pack_edit(old: &[Pack], new: &[Pack]) -> Vec<Difference> {
    let mut found = Found::default();
    packs(&mut found, old, new);
    found.differences
}

/// For each old pack and currency there must be a new pack with no more credits whose price per credit in that
/// currency is no higher; names do not matter for that. So a pack may be dropped where a smaller one is as cheap,
/// and nobody has to buy more at once to pay as little as before.
pub(super) fn packs(found: &mut Found, old: &[Pack], new: &[Pack]) {
    for pack in old {
        let place = format!("[[packs]] {:?}", pack.name);
        let successor = new.iter().find(|other| other.name == pack.name);
        if successor.is_none() {
            found.notes(Kind::Pack, &place, "is no longer sold");
        }
        for price in &pack.prices {
            let same = successor.and_then(|other| Some((other, price_in(other, *price)?)));
            let is_covered = new.iter().any(|other| {
                let is_small = other.credits <= pack.credits;
                is_small && price_in(other, *price).is_some_and(|new| per_credit((pack, *price), (other, new)).is_ge())
            });
            let was = format!("{price} for {} credits", pack.credits);
            match same {
                _ if is_covered => {}
                None => {
                    let currency = price.currency;
                    let text = format!(
                        "is no longer sold in {currency}, and no pack as small costs as little a credit; it was {was}"
                    );
                    found.breaks(Kind::Pack, &place, text);
                }
                Some((other, new)) => {
                    let what = match per_credit((pack, *price), (other, new)) {
                        Ordering::Less => "a credit gets dearer",
                        _ => "a credit costs as little only in a larger pack",
                    };
                    found.breaks(
                        Kind::Pack,
                        &place,
                        format!("{what}: {was} becomes {new} for {} credits", other.credits),
                    );
                }
            }
            if let Some((other, new)) =
                same.filter(|(other, new)| is_covered && (other.credits, *new) != (pack.credits, *price))
            {
                found.notes(Kind::Pack, &place, format!("{was} becomes {new} for {} credits", other.credits));
            }
        }
    }
    for pack in new {
        let place = format!("[[packs]] {:?}", pack.name);
        match old.iter().find(|other| other.name == pack.name) {
            None => {
                let prices = pack.prices.iter().map(Money::to_string).collect::<Vec<_>>().join(", ");
                found.notes(Kind::Pack, &place, format!("is new: {} credits for {prices}", pack.credits));
            }
            Some(other) => {
                for price in pack.prices.iter().filter(|price| price_in(other, **price).is_none()) {
                    found.notes(Kind::Pack, &place, format!("is now sold in {} too, for {price}", price.currency));
                }
            }
        }
    }
}

fn price_in(pack: &Pack, like: Money) -> Option<Money> {
    pack.prices.iter().copied().find(|price| price.currency == like.currency)
}

/// How the price of a credit in one pack compares with another's, exactly.
fn per_credit((a, price_a): (&Pack, Money), (b, price_b): (&Pack, Money)) -> Ordering {
    let product = |price: Money, other: &Pack| i128::from(price.minor) * i128::from(other.credits.micros());
    product(price_a, b).cmp(&product(price_b, a))
}
