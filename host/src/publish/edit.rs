//! What of a service changes without a release: packs, texts, icon, price tables. Each change is kept.

use std::collections::{BTreeMap, BTreeSet};

use iap_core::{
    Time,
    manifest::{Manifest, Pack},
    publishing::{
        protected::{NOTICE, check_price_edit},
        upgrade::{Difference, pack_edit},
    },
};
use iap_store::{StoreError, repositories::ServiceRow};
use serde::{Deserialize, Serialize};

use super::decide::{self, DecideError};
use crate::{
    app::App,
    catalog::{PackEdit, PackText, PriceEdit, Texts, files_of},
    mail::texts as text,
};

/// How far back accounts are told of a rise that used what rises, in seconds: 90 days.
const USED: i64 = 90 * 24 * 3600;
/// Most edits of the price tables of a release: each is read again with every change of the catalog.
const MOST_EDITS: usize = 100;
/// Largest icon, in bytes.
pub const MAX_ICON: usize = 64 * 1024;

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum EditError {
    /// It breaks what was promised: each reason with its remedy.
    #[error("{}", .0.join("; "))]
    Refused(Vec<String>),
    /// Its state does not allow it, or storage failed.
    #[error(transparent)]
    Decide(#[from] DecideError),
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The host failed.
    #[error("{0}")]
    Host(String),
}

/// An icon: shown beside the name.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Icon {
    /// `image/png` or `image/webp`.
    #[serde(rename = "type")]
    #[schema(example = "image/png")]
    pub kind: String,
    /// Its bytes in base64, 64 KiB at most.
    pub base64: String,
}

/// Other packs. None may be dearer per credit than what it replaces: that is for a new major version.
pub async fn packs(app: &App, service: &ServiceRow, packs: Vec<PackText>, author: &str) -> Result<(), EditError> {
    let new = packs.iter().cloned().map(Pack::try_from).collect::<Result<Vec<_>, _>>();
    let mut new = new.map_err(|error| EditError::Refused(vec![error]))?;
    new.sort_by_key(|pack| pack.credits);
    let current = app.catalog.service(&service.name);
    let current =
        current.ok_or_else(|| EditError::Refused(vec![format!("{} has no release that serves yet", service.name)]))?;
    let major = current.release.as_ref().map_or(0, |release| release.manifest().service.version.major);
    let differences = pack_edit(&current.packs, &new);
    let refusals: Vec<String> = differences.iter().filter(|one| one.breaks).map(Difference::refusal).collect();
    if !refusals.is_empty() {
        return Err(EditError::Refused(refusals));
    }
    let value =
        serde_json::to_string(&PackEdit { major, packs }).map_err(|error| EditError::Host(error.to_string()))?;
    revise(app, service, "packs", &value, "packs", author, None, Vec::new()).await
}

/// Other texts.
pub async fn texts(app: &App, service: &ServiceRow, texts: &Texts, author: &str) -> Result<(), EditError> {
    let value = serde_json::to_string(texts).map_err(|error| EditError::Host(error.to_string()))?;
    revise(app, service, "texts", &value, "texts", author, None, Vec::new()).await
}

/// Another icon.
pub async fn icon(app: &App, service: &ServiceRow, icon: &Icon, author: &str) -> Result<(), EditError> {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let refused = |why: &str| EditError::Refused(vec![why.to_owned()]);
    let bytes = STANDARD.decode(&icon.base64).map_err(|_| refused("base64: this is not base64"))?;
    if MAX_ICON < bytes.len() {
        return Err(refused("base64: the icon has more than 64 KiB; make it smaller"));
    }
    let is = match icon.kind.as_str() {
        "image/png" => bytes.starts_with(b"\x89PNG\r\n\x1a\n"),
        "image/webp" => bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP"),
        _ => return Err(refused("type: must be \"image/png\" or \"image/webp\"")),
    };
    if !is {
        return Err(EditError::Refused(vec![format!("base64: these bytes are no {}", icon.kind)]));
    }
    let value = serde_json::to_string(icon).map_err(|error| EditError::Host(error.to_string()))?;
    revise(app, service, "icon", &value, "icon", author, None, Vec::new()).await
}

/// What became of an edit of price tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Priced {
    /// From when on it counts.
    pub effective_at: Time,
    /// What changes, in words.
    pub changes: Vec<String>,
    /// Mails that tell customers.
    pub told: usize,
}

/// Other price tables, by file. With `notice` prices may rise: customers who used what rises in the last 90 days are told by
/// mail, and it counts in 14 days.
pub async fn prices(
    app: &App,
    service: &ServiceRow,
    tables: BTreeMap<String, String>,
    notice: bool,
    author: &str,
) -> Result<Priced, EditError> {
    let refused = |why: String| EditError::Refused(vec![why]);
    let current = app.catalog.service(&service.name);
    let release = current.as_ref().and_then(|service| service.release.as_ref());
    let release = release.ok_or_else(|| refused(format!("{} has no release that serves yet", service.name)))?;
    if app.store.releases().of_service(service.id).await?.iter().all(|row| row.id != release.id) {
        return Err(refused(format!("{} came with the host's binary; its prices change with a release", service.name)));
    }
    let host = |error: anyhow::Error| EditError::Host(error.to_string());
    let now = app.store.clock().now();
    let own = &release.code.manifest;
    let known = PriceEdit::of(own, &app.store.revisions().of_service(service.id).await?).map_err(host)?;
    check_tables(&own.price_tables(), tables.keys(), &known, now).map_err(refused)?;
    let mut files = files_of(&app.store, release.id).await.map_err(host)?;
    for (_, edit) in known.iter().filter(|(at, _)| *at <= now) {
        files = edit.on(files, own).map_err(host)?;
    }
    for (path, text) in &tables {
        files = files.with(path, text.as_str()).map_err(|error| refused(error.to_string()))?;
    }
    let edited = Manifest::parse(&files).map_err(|errors| refused(errors.to_string()))?;
    let differences = check_price_edit(release.manifest(), &edited);
    if differences.is_empty() {
        return Err(refused("these tables say what is there already; nothing would change".to_owned()));
    }
    let never: Vec<String> =
        differences.iter().filter(|one| one.breaks && !one.needs_notice()).map(Difference::refusal).collect();
    if !never.is_empty() {
        return Err(EditError::Refused(never));
    }
    let rises: Vec<String> = differences.iter().filter(|one| one.breaks).map(ToString::to_string).collect();
    if !rises.is_empty() && !notice {
        let how = "send \"notice\": true to tell customers by mail and have it count in 14 days".to_owned();
        return Err(EditError::Refused(rises.into_iter().chain([how]).collect()));
    }
    let effective_at = if rises.is_empty() { now } else { now.plus_seconds(NOTICE) };
    let mails = if rises.is_empty() { Vec::new() } else { told(app, service, &edited, &rises, effective_at).await? };
    let edit = PriceEdit { version: edited.service.version.clone(), tables, rises: !rises.is_empty() };
    let value = serde_json::to_string(&edit).map_err(|error| EditError::Host(error.to_string()))?;
    let changes: Vec<String> = differences.into_iter().map(|difference| difference.message).collect();
    let told = mails.len();
    revise(app, service, "prices", &value, &changes.join("; "), author, Some(effective_at), mails).await?;
    Ok(Priced { effective_at, changes, told })
}

/// Whether tables may be edited now. `known` are the edits since the release.
fn check_tables<'t>(
    own: &BTreeSet<&str>,
    edited: impl Iterator<Item = &'t String>,
    known: &[(Time, PriceEdit)],
    now: Time,
) -> Result<(), String> {
    if MOST_EDITS <= known.len() {
        return Err(format!(
            "this release has {MOST_EDITS} edits of its prices; publish the next one with the tables as they are"
        ));
    }
    for path in edited {
        if !own.contains(path.as_str()) {
            let own: Vec<&str> = own.iter().copied().collect();
            let own = if own.is_empty() { "it has none".to_owned() } else { format!("edit one of {}", own.join(", ")) };
            return Err(format!("{path:?} is no price table of the release; {own}"));
        }
        let waits = known.iter().find(|(at, edit)| now < *at && edit.tables.contains_key(path));
        if let Some((at, _)) = waits {
            let at = crate::clock::rfc3339(*at);
            return Err(format!("customers were told that {path:?} changes at {at}; edit it again from then on"));
        }
    }
    Ok(())
}

/// Mails to the admins of all accounts that used an operation with such a table lately.
async fn told(
    app: &App,
    service: &ServiceRow,
    edited: &Manifest,
    rises: &[String],
    effective_at: Time,
) -> Result<Vec<iap_store::Statement>, EditError> {
    let operations: Vec<&str> = edited
        .operations
        .iter()
        .filter(|operation| {
            operation.prices.iter().any(|price| matches!(price.rate, iap_core::manifest::Rate::Table { .. }))
        })
        .map(|operation| operation.name.as_str())
        .collect();
    let operations = serde_json::to_string(&operations).map_err(|error| EditError::Host(error.to_string()))?;
    let since = app.store.clock().now().plus_seconds(-USED);
    let (lines, from) = (rises.join("\n"), crate::clock::rfc3339(effective_at));
    let all = app.store.accounts().that_called(service.id, &operations, since).await?;
    Ok(decide::to_admins(app, service, &all, |outbox, emails, link| {
        let text = text::PriceNotice { service: &service.title, prices: &lines, from: &from, link };
        outbox.put_to_admins(emails, &text)
    }))
}

#[expect(clippy::too_many_arguments, reason = "one for each column, and the mails")]
async fn revise(
    app: &App,
    service: &ServiceRow,
    kind: &str,
    value: &str,
    detail: &str,
    author: &str,
    effective_at: Option<Time>,
    mut with: Vec<iap_store::Statement>,
) -> Result<(), EditError> {
    let now = app.store.clock().now();
    with.push(app.store.revisions().add(service.id, kind, value, author, now, effective_at.unwrap_or(now)));
    let event = format!("{kind}_changed");
    Ok(decide::change(app, service.id, None, &event, detail, author, with).await?)
}
