//! `[[operations]]` and their prices.

use std::{collections::BTreeSet, ops::RangeInclusive, time::Duration};

use super::{
    NaturalKey, OnUnknown, Operation, Price, Rate, Table,
    price_table::PriceTables,
    routes, schemas, suggest,
    values::{USUAL_BODY, max_body, member, operation_name, pointer, positive_credits, shown, span},
};
use crate::{Credits, release::ReleaseFiles};

/// Most operations of a service.
const MAX_OPERATIONS: usize = 200;

/// How long an unknown outcome is asked for at least and at most, in seconds: up to 30 days.
const ASK_FOR: RangeInclusive<u64> = 1..=30 * 86_400;
const USUAL_ASK_FOR: Duration = Duration::from_secs(86_400);

/// Reads `[[operations]]`; also the names of those that have mistakes, for the routes that name them.
pub(super) fn operations(
    tables: Vec<Table<'_, '_>>,
    files: &ReleaseFiles,
    may_keep_blobs: bool,
) -> (Vec<Operation>, BTreeSet<String>) {
    if let Some(table) = tables.get(MAX_OPERATIONS) {
        table.error(format_args!("is one operation too many; a service has at most {MAX_OPERATIONS}"));
    }
    let mut names = BTreeSet::new();
    let mut price_tables = PriceTables::new(files);
    let operations = tables
        .into_iter()
        .take(MAX_OPERATIONS)
        .filter_map(|table| operation(table, &mut names, &mut price_tables, files, may_keep_blobs))
        .collect();
    (operations, names)
}

fn operation(
    table: Table<'_, '_>,
    names: &mut BTreeSet<String>,
    price_tables: &mut PriceTables<'_>,
    files: &ReleaseFiles,
    may_keep_blobs: bool,
) -> Option<Operation> {
    let mut table = table.named_by("name");
    let name = table.unique("name", "send", operation_name, names);
    let title = table.required("title", "Send text messages", shown(100));
    let input = table.text("input").and_then(|path| schemas::schema(&path, files));
    let output = table.text("output").and_then(|path| schemas::schema(&path, files));
    let free = table.flag("free");
    let max_per_call = table.optional("max_per_call", positive_credits);
    let natural_key = natural_key(&mut table);
    let blobs = routes::blobs(&mut table, may_keep_blobs);
    let max_body = table.optional("max_body", max_body).unwrap_or(USUAL_BODY);
    let on_unknown = table.optional("on_unknown", on_unknown).unwrap_or_default();
    let ask_for = table.optional("ask_for", span(ASK_FOR));
    if ask_for.is_some() && on_unknown != OnUnknown::Ask {
        table.error("\"ask_for\" is for on_unknown = \"ask\"; write that too, or remove it");
    }
    let ask_for = ask_for.unwrap_or(USUAL_ASK_FOR);
    let mut items = BTreeSet::new();
    let prices = table
        .tables("prices")
        .into_iter()
        .filter_map(|table| price(table, &mut items, max_per_call, price_tables))
        .collect();
    if !table.has("prices") && !free {
        table.error("has no price; add an [[operations.prices]] table, or write free = true");
    }
    if !table.has("max_per_call") && (!free || table.has("prices")) {
        table.error("\"max_per_call\" is missing; add max_per_call = \"100\", the most credits that one call may hold");
    }
    table.finish();
    let max_per_call = max_per_call.unwrap_or(Credits::ZERO);
    Some(Operation {
        name: name?,
        title: title?,
        input,
        output,
        max_per_call,
        free,
        natural_key,
        blobs,
        max_body,
        on_unknown,
        ask_for,
        prices,
    })
}

fn on_unknown(text: &str) -> Result<OnUnknown, String> {
    match text {
        "release" => Ok(OnUnknown::Release),
        "capture" => Ok(OnUnknown::Capture),
        "ask" => Ok(OnUnknown::Ask),
        _ => Err(format!(
            "{text:?} is no answer to an unknown outcome; {}",
            suggest::remedy(text, ["release", "capture", "ask"])
        )),
    }
}

/// `"/messages/*/uuid"`, or `{ each = "/documents/*", members = ["id", "pdf"] }`.
fn natural_key(table: &mut Table<'_, '_>) -> Option<NaturalKey> {
    if !table.has_table("natural_key") {
        return table.optional("natural_key", pointer("/messages/*/uuid")).map(NaturalKey::At);
    }
    let mut parts = table.table("natural_key")?;
    let each = parts.required("each", "/documents/*", pointer("/documents/*"));
    let named = parts.texts("members");
    let members: Vec<String> = named.iter().filter_map(|name| name.read(member)).collect();
    if named.is_empty() {
        parts.error("\"members\" is missing; add members = [\"id\", \"pdf\"]");
    }
    parts.finish();
    (members.len() == named.len() && !members.is_empty()).then_some(NaturalKey::Members { each: each?, members })
}

fn price(
    table: Table<'_, '_>,
    items: &mut BTreeSet<String>,
    max_per_call: Option<Credits>,
    price_tables: &mut PriceTables<'_>,
) -> Option<Price> {
    let mut table = table.named_by("item");
    let item = table.unique("item", "message part", shown(100), items);
    let variable = table.flag("variable");
    let fixed = table.text("credits");
    let file = table.text("table");
    let written = usize::from(variable) + usize::from(table.has("credits")) + usize::from(table.has("table"));
    if written != 1 {
        table.error(format_args!(
            "has {written} prices; write exactly one of table = \"prices/….csv\", credits = \"1\" and variable = true"
        ));
    }
    table.finish();
    let rate = if let Some(file) = file {
        let rows = price_tables.rows(&file)?;
        Rate::Table { file: file.value.to_owned(), rows }
    } else if let Some(fixed) = fixed {
        let credits = fixed.read(positive_credits)?;
        if let Some(max) = max_per_call.filter(|max| credits > *max) {
            fixed.error(format_args!(
                "one unit costs {credits} credits, more than the operation's max_per_call of {max}; raise max_per_call"
            ));
        }
        Rate::Fixed(credits)
    } else {
        variable.then_some(Rate::Variable)?
    };
    Some(Price { item: item?, rate })
}
