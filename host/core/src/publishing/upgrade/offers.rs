//! `[service]`, `[trial]` and `[account_information]`.

use super::{Bump, Found, Kind};
use crate::{
    Credits,
    ledger::Breakage,
    manifest::{Manifest, Service, show_span},
};

const PLACE: &str = "[service]";

pub(super) fn service(found: &mut Found, bump: Bump, old: &Service, new: &Service) {
    if bump == Bump::NotNewer {
        let text = format!("version {} is not higher than {}, which is published; raise it", new.version, old.version);
        found.breaks(Kind::Version, PLACE, text);
    }
    for (kind, name, old, new) in
        [(Kind::Service, "name", &old.name, &new.name), (Kind::Vendor, "vendor", &old.vendor, &new.vendor)]
    {
        if old != new {
            found.breaks(kind, PLACE, format!("{name} changes from {old:?} to {new:?}; publish another service"));
        }
    }
    if old.unit != new.unit {
        found.breaks(Kind::Unit, PLACE, format!("unit changes from {:?} to {:?}", old.unit, new.unit));
    }
    if old.breakage != new.breakage {
        let text = format!("breakage goes from the {} to the {}", old.breakage, new.breakage);
        found.tell(Kind::Expiry, new.breakage == Breakage::Vendor, PLACE, text);
    }
    if old.credits_expire != new.credits_expire {
        let shown =
            |time: Option<std::time::Duration>| time.map_or("never".to_owned(), |time| show_span(time.as_secs()));
        let is_shorter = match (old.credits_expire, new.credits_expire) {
            (_, None) => false,
            (None, Some(_)) => true,
            (Some(old), Some(new)) => new < old,
        };
        let text = format!("credits_expire goes from {} to {}", shown(old.credits_expire), shown(new.credits_expire));
        found.tell(Kind::Expiry, is_shorter, PLACE, text);
    }
    texts(found, old, new);
}

fn texts(found: &mut Found, old: &Service, new: &Service) {
    let required = [
        ("title", &old.title, &new.title),
        ("api", &old.api, &new.api),
        ("summary", &old.summary, &new.summary),
        ("category", &old.category, &new.category),
    ];
    let required = required.map(|(name, old, new)| (name, Some(old), Some(new)));
    let optional = [
        ("support", old.support.as_ref(), new.support.as_ref()),
        ("privacy", old.privacy.as_ref(), new.privacy.as_ref()),
        ("terms", old.terms.as_ref(), new.terms.as_ref()),
        ("data_retention", old.data_retention.as_ref(), new.data_retention.as_ref()),
    ];
    for (name, old, new) in required.into_iter().chain(optional).filter(|(_, old, new)| old != new) {
        let shown = |text: Option<&String>| text.map_or("nothing".to_owned(), |text| format!("{text:?}"));
        found.notes(Kind::Text, PLACE, format!("{name} changes from {} to {}", shown(old), shown(new)));
    }
}

/// A trial is no promise: who had one keeps it.
pub(super) fn trial(found: &mut Found, old: Option<Credits>, new: Option<Credits>) {
    if old != new {
        let [old, new] = [old, new].map(|credits| credits.unwrap_or(Credits::ZERO));
        found.notes(Kind::Trial, "[trial]", format!("goes from {old} to {new} credits"));
    }
}

pub(super) fn information(found: &mut Found, old: &Manifest, new: &Manifest) {
    let (old, new) = (&old.account_information, &new.account_information);
    for (name, source) in old {
        match new.get(name) {
            None => found.notes(Kind::Information, "[account_information]", format!("{name:?} is gone")),
            Some(other) if other != source => {
                found.notes(Kind::Information, "[account_information]", format!("{name:?} comes from elsewhere"));
            }
            Some(_) => {}
        }
    }
    for name in new.keys().filter(|name| !old.contains_key(*name)) {
        found.notes(Kind::Information, "[account_information]", format!("{name:?} is new"));
    }
}
