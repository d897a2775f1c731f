//! `[account_information]`: what the account form of a database shows beside the balance.

use std::collections::BTreeMap;

use super::{InformationSource, Table, values::member};

/// Members that the host itself answers.
const OF_THE_HOST: [&str; 2] = ["balance", "warning_threshold"];

/// Reads `[account_information]`.
pub(super) fn information(table: Table<'_, '_>) -> BTreeMap<String, InformationSource> {
    let mut information = BTreeMap::new();
    for (name, value) in table.entries() {
        let (Some(key), Some(value)) = (name.read(member), value) else {
            continue;
        };
        if OF_THE_HOST.contains(&key.as_str()) {
            name.error("is answered by the host; remove it");
        } else if let Some(source) = name.read(|_| source(value)) {
            information.insert(key, source);
        }
    }
    information
}

fn source(text: &str) -> Result<InformationSource, String> {
    let Some(key) = text.strip_prefix("store:") else {
        return Ok(InformationSource::Text(text.to_owned()));
    };
    let fixed = key.replace("{account}", "");
    let visible = key.chars().all(|c| !c.is_control());
    if key.is_empty() || key.len() > 200 || !visible || fixed.contains(['{', '}']) {
        return Err(format!("{text:?} names no key of the store; write one as \"store:sender/{{account}}\""));
    }
    Ok(InformationSource::Store(key.to_owned()))
}
