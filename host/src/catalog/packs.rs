//! Packs as the API and the tables write them.

use iap_core::{Credits, Money, manifest::Pack, money::Currency};
use serde::{Deserialize, Serialize};

/// A pack as the API writes it: `{"name", "credits": "10", "price": {"EUR": "0.90"}}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PackText {
    /// Shown name.
    pub name: String,
    /// Credits in it, as a decimal.
    #[schema(value_type = String, example = "10")]
    pub credits: Credits,
    /// Amount by ISO 4217 code.
    pub price: std::collections::BTreeMap<String, String>,
}

impl From<&Pack> for PackText {
    fn from(pack: &Pack) -> Self {
        let price = pack.prices.iter().map(|price| (price.currency.as_str().to_owned(), price.amount())).collect();
        Self { name: pack.name.clone(), credits: pack.credits, price }
    }
}

impl TryFrom<PackText> for Pack {
    type Error = String;

    fn try_from(text: PackText) -> Result<Self, String> {
        let prices = text.price.into_iter().map(|(code, amount)| {
            let currency = Currency::try_from(code).map_err(|error| error.to_string())?;
            Money::parse(&amount, currency).map_err(|error| error.to_string())
        });
        let pack = Self { name: text.name, credits: text.credits, prices: prices.collect::<Result<_, _>>()? };
        if !pack.credits.is_positive() || pack.prices.is_empty() || pack.prices.iter().any(|price| price.minor <= 0) {
            return Err(format!("pack {:?} needs credits and at least one price, all above zero", pack.name));
        }
        Ok(pack)
    }
}

/// Packs of a remote service, as stored.
pub fn packs_from_json(text: &str) -> anyhow::Result<Vec<Pack>> {
    packs_of(serde_json::from_str(text)?)
}

/// Packs that were sent, the smallest first.
pub fn packs_of(texts: Vec<PackText>) -> anyhow::Result<Vec<Pack>> {
    let mut packs: Vec<Pack> =
        texts.into_iter().map(Pack::try_from).collect::<Result<_, _>>().map_err(anyhow::Error::msg)?;
    packs.sort_by_key(|pack| pack.credits);
    Ok(packs)
}
