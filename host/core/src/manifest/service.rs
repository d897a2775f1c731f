//! `[service]`, `[trial]` and `[[packs]]`: what the catalog shows and sells.

use std::{collections::BTreeSet, ops::RangeInclusive};

use super::{
    Pack, Service, Table, suggest,
    values::{https, is_host, plain_name, positive_credits, service_name, shown, span, support},
};
use crate::{Credits, Money, ledger::Breakage, money::Currency};

/// The only version of the contract that this host speaks.
const API: &str = "1.0";
/// How long bought credits may be used at least and at most, in seconds: a day to 10 years.
const EXPIRY: RangeInclusive<u64> = 86_400..=3650 * 86_400;

/// Reads `[service]`.
pub(super) fn service(mut table: Table<'_, '_>) -> Option<Service> {
    let name = table.required("name", "my_service", service_name);
    let title = table.required("title", "My service", shown(100));
    let vendor = table.required("vendor", "my-company", plain_name);
    let version = table.required("version", "1.0.0", |text| {
        semver::Version::parse(text)
            .map_err(|error| format!("{text:?} is no semantic version: {error}; write one as \"1.2.0\""))
    });
    let api = table.required("api", API, |text| match text {
        API => Ok(text.to_owned()),
        _ => Err(format!("{text:?} is no contract version of this host; write {API:?}")),
    });
    let summary = table.required("summary", "What it does for whom, in one sentence.", shown(200));
    let category = table.required("category", "Communication", shown(60));
    let unit = table.optional("unit", shown(30));
    let support = table.optional("support", support);
    let privacy = table.optional("privacy", https);
    let terms = table.optional("terms", https);
    let data_retention = table.optional("data_retention", shown(500));
    let data_hosts = table.texts("data_hosts").iter().filter_map(|host| host.read(data_host)).collect();
    let breakage = table.optional("breakage", breakage).unwrap_or(Breakage::Host);
    let credits_expire = table.optional("credits_expire", span(EXPIRY));
    table.finish();
    Some(Service {
        name: name?,
        title: title?,
        vendor: vendor?,
        version: version?,
        api: api?,
        summary: summary?,
        category: category?,
        unit: unit.unwrap_or_else(|| "credit".to_owned()),
        support,
        privacy,
        terms,
        data_retention,
        data_hosts,
        breakage,
        credits_expire,
    })
}

fn breakage(text: &str) -> Result<Breakage, String> {
    text.parse().map_err(|_| {
        format!("{text:?} has no breakage; {}", suggest::remedy(text, Breakage::ALL.iter().map(|party| party.as_str())))
    })
}

fn data_host(text: &str) -> Result<String, String> {
    if is_host(text) {
        Ok(text.to_owned())
    } else {
        Err(format!("{text:?} is no host name; write one as \"api.example.com\""))
    }
}

/// Reads `[trial]`.
pub(super) fn trial(mut table: Table<'_, '_>) -> Option<Credits> {
    let credits = table.required("credits", "10", positive_credits);
    table.finish();
    credits
}

/// Reads `[[packs]]`, by rising credits.
pub(super) fn packs(tables: Vec<Table<'_, '_>>) -> Vec<Pack> {
    let mut names = BTreeSet::new();
    let mut packs: Vec<Pack> = tables.into_iter().filter_map(|table| pack(table, &mut names)).collect();
    packs.sort_by_key(|pack| pack.credits);
    packs
}

fn pack(table: Table<'_, '_>, names: &mut BTreeSet<String>) -> Option<Pack> {
    let mut table = table.named_by("name");
    let name = table.unique("name", "Starter Pack", shown(100), names);
    let credits = table.required("credits", "100", positive_credits);
    let prices: Vec<Money> = table.table("price").map(prices).unwrap_or_default();
    if !table.has("price") {
        table.error("\"price\" is missing; add price = { EUR = \"0.90\" }");
    }
    table.finish();
    Some(Pack { name: name?, credits: credits?, prices })
}

fn prices(table: Table<'_, '_>) -> Vec<Money> {
    let place = table.place();
    let entries = table.entries();
    if entries.is_empty() {
        place.error("has no price; add one, as EUR = \"0.90\"");
    }
    let price = |text: &str, currency: Currency| match Money::parse(text, currency) {
        Ok(money) if money.minor > 0 => Ok(money),
        Ok(_) => Err(format!("{text:?} must be above zero")),
        Err(error) => Err(error.to_string()),
    };
    let read = |(name, value): &(super::Value<'_, '_, &str>, Option<&str>)| {
        let currency = name.read(|code| Currency::try_from(code.to_owned()).map_err(|error| error.to_string()))?;
        let text = (*value)?;
        name.read(|_| price(text, currency))
    };
    entries.iter().filter_map(read).collect()
}
