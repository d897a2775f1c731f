//! Releases and services change their state: approve, reject, yank, roll out, stop, suspend, discontinue.

use iap_core::{Time, ids::ServiceId};
use iap_store::{
    Statement, StoreError,
    repositories::{ReleaseRow, Releases, ServiceRow, Services},
};

use super::{
    promise,
    submit::{countersigned_text, vendor_email},
};
use crate::{
    app::App,
    mail::{Outbox, texts as text},
};

/// Why a state was not changed.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    /// There is no such release.
    #[error("{0}")]
    Unknown(String),
    /// It is in another state.
    #[error("{0}")]
    WrongState(String),
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The catalog could not be read anew.
    #[error("{0}")]
    Host(String),
}

/// Shortest time that a discontinued service goes on, in seconds: 30 days.
pub const NOTICE_OF_END: i64 = 30 * 24 * 3600;

/// A release may serve, some percent of accounts first if wanted.
pub async fn approve(
    app: &App,
    service: &ServiceRow,
    version: &str,
    rollout: u8,
    author: &str,
) -> Result<ReleaseRow, DecideError> {
    let release = find(app, service, version, "submitted").await?;
    promise::kept(app, service, &release).await?;
    crate::catalog::warm(app, &release).await;
    let now = app.store.clock().now();
    let signature = app.keys.sign(countersigned_text(&service.name, version, &release.digest).as_bytes());
    let mut statements = vec![Releases::approve(release.id, signature.to_vec(), rollout, now)];
    statements.extend(settles_majors(app, service, version));
    statements.extend(to_vendor(app, service, &text::ReleaseApproved { service: &service.name, version }).await?);
    statements.extend(new_major(app, service, version, rollout).await?);
    let detail = format!("{version}, for {rollout} % of accounts");
    change(app, service.id, Some(release.id), "approved", &detail, author, statements).await?;
    get(app, service, version).await
}

/// A release may not serve.
pub async fn reject(
    app: &App,
    service: &ServiceRow,
    version: &str,
    reason: &str,
    author: &str,
) -> Result<ReleaseRow, DecideError> {
    let release = find(app, service, version, "submitted").await?;
    let mut statements =
        vec![Releases::decide(release.id, "submitted", "rejected", Some(reason), app.store.clock().now())];
    let text = text::ReleaseRejected { service: &service.name, version, reasons: reason };
    statements.extend(to_vendor(app, service, &text).await?);
    change(app, service.id, Some(release.id), "rejected", &format!("{version}: {reason}"), author, statements).await?;
    get(app, service, version).await
}

/// A release is taken back: it serves only those who pinned it.
pub async fn yank(
    app: &App,
    service: &ServiceRow,
    version: &str,
    reason: &str,
    author: &str,
) -> Result<ReleaseRow, DecideError> {
    let release = get(app, service, version).await?;
    let from = match release.state.as_str() {
        state @ ("approved" | "submitted") => state,
        "stopped" => {
            let why = format!("{} {version} is stopped and serves nobody; there is nothing to take back", service.name);
            return Err(DecideError::WrongState(why));
        }
        state => {
            return Err(DecideError::WrongState(format!(
                "{} {version} is {state}; there is nothing to take back",
                service.name
            )));
        }
    };
    let statements = vec![Releases::decide(release.id, from, "yanked", Some(reason), app.store.clock().now())];
    change(app, service.id, Some(release.id), "yanked", &format!("{version}: {reason}"), author, statements).await?;
    get(app, service, version).await
}

/// A release failed too often and serves nobody any more. Somebody else may have been faster.
pub async fn stop(
    app: &App,
    service: &ServiceRow,
    version: &str,
    reason: &str,
    instead: &str,
) -> Result<(), DecideError> {
    let release = find(app, service, version, "approved").await?;
    let mut statements =
        vec![Releases::decide(release.id, "approved", "stopped", Some(reason), app.store.clock().now())];
    let text = text::ReleaseStopped { service: &service.name, version, reason, instead };
    statements.extend(to_vendor(app, service, &text).await?);
    change(app, service.id, Some(release.id), "stopped", &format!("{version}: {reason}"), "host", statements).await
}

/// Another part of accounts gets a release.
pub async fn roll_out(
    app: &App,
    service: &ServiceRow,
    version: &str,
    percent: u8,
    author: &str,
) -> Result<ReleaseRow, DecideError> {
    let release = find(app, service, version, "approved").await?;
    if release.rollout < i64::from(percent) {
        promise::kept(app, service, &release).await?;
    }
    let mut statements = vec![Releases::roll_out(release.id, percent)];
    statements.extend(settles_majors(app, service, version));
    if release.rollout < 100 {
        statements.extend(new_major(app, service, version, percent).await?);
    }
    let detail = format!("{version}: from {} % to {percent} % of accounts", release.rollout);
    change(app, service.id, Some(release.id), "rollout", &detail, author, statements).await?;
    get(app, service, version).await
}

/// The operator stops a service, or lets it go on.
pub async fn suspend(app: &App, service: &ServiceRow, reason: Option<&str>, author: &str) -> Result<(), DecideError> {
    let mut statements = vec![Services::suspend(service.id, reason)];
    let name = &service.name;
    let (kind, detail) = match reason {
        Some(reason) => {
            statements.extend(to_vendor(app, service, &text::ServiceSuspended { service: name, reason }).await?);
            ("suspended", reason)
        }
        None => {
            statements.extend(to_vendor(app, service, &text::ServiceResumed { service: name }).await?);
            ("resumed", "")
        }
    };
    change(app, service.id, None, kind, detail, author, statements).await
}

/// The vendor gives a service up: nothing is sold from now on, and at its end what was bought and not used is refunded.
pub async fn discontinue(app: &App, service: &ServiceRow, ends_at: Time, author: &str) -> Result<(), DecideError> {
    let now = app.store.clock().now();
    if ends_at < now.plus_seconds(NOTICE_OF_END) {
        let earliest = crate::clock::rfc3339(now.plus_seconds(NOTICE_OF_END));
        return Err(DecideError::WrongState(format!(
            "customers have 30 days at least; the earliest end is {earliest}"
        )));
    }
    if service.ended_at.is_some() {
        return Err(DecideError::WrongState(format!("{} has ended already", service.name)));
    }
    let day = crate::clock::rfc3339(ends_at);
    let mut statements = vec![Services::discontinue(service.id, now, ends_at)];
    let all = app.store.accounts().addresses_of_service(service.id).await?;
    statements.extend(to_admins(app, service, &all, |outbox, emails, link| {
        outbox.put_to_admins(emails, &text::ServiceDiscontinued { service: &service.title, ends_at: &day, link })
    }));
    change(app, service.id, None, "discontinued", &format!("ends at {day}"), author, statements).await
}

/// Stores a change with its event, and has this host see it at once.
pub(super) async fn change(
    app: &App,
    service: ServiceId,
    release: Option<i64>,
    kind: &str,
    detail: &str,
    author: &str,
    mut statements: Vec<Statement>,
) -> Result<(), DecideError> {
    let now = app.store.clock().now();
    statements.extend(app.store.catalog_events().record(service, release, kind, detail, author, now));
    match app.store.write(statements).await {
        Err(StoreError::Conflict(conflict)) if conflict.constraint.is_empty() => {
            return Err(DecideError::WrongState(
                "somebody else has just changed it; look at its state again".to_owned(),
            ));
        }
        done => drop(done?),
    }
    app.ring_for_mail();
    app.catalog_changed().await.map_err(|error| DecideError::Host(format!("{error:#}")))
}

async fn get(app: &App, service: &ServiceRow, version: &str) -> Result<ReleaseRow, DecideError> {
    let unknown = || {
        DecideError::Unknown(format!(
            "{} has no published release {version}; GET /v1/services/{}/releases lists them",
            service.name, service.name
        ))
    };
    app.store.releases().get(service.id, version).await?.ok_or_else(unknown)
}

async fn find(app: &App, service: &ServiceRow, version: &str, state: &str) -> Result<ReleaseRow, DecideError> {
    let release = get(app, service, version).await?;
    if release.state == state {
        return Ok(release);
    }
    Err(DecideError::WrongState(format!("{} {version} is {}, not {state}", service.name, release.state)))
}

async fn to_vendor(app: &App, service: &ServiceRow, text: &impl text::Text) -> Result<Option<Statement>, StoreError> {
    let email = vendor_email(app, &service.vendor).await?;
    Ok(email.map(|email| app.outbox().put(&email, text)))
}

/// Mails to the admins of accounts, each with the link to its account. `accounts`: addresses for warnings (JSON) and SHA-1 of
/// the token.
pub(super) fn to_admins(
    app: &App,
    service: &ServiceRow,
    accounts: &[(String, String)],
    mails: impl Fn(&Outbox<'_>, &str, &str) -> Vec<Statement>,
) -> Vec<Statement> {
    let outbox = app.outbox();
    let of = |(emails, sha1): &(String, String)| mails(&outbox, emails, &outbox.account_link(&service.name, sha1));
    accounts.iter().flat_map(of).collect()
}

/// The major that serves all now, if this release begins a higher one.
fn leaves_major(app: &App, service: &ServiceRow, version: &str) -> Option<i64> {
    let usual = app.catalog.service(&service.name)?;
    let before = usual.release.as_ref()?.manifest().service.version.major;
    let major = semver::Version::parse(version).ok().filter(|version| version.pre.is_empty())?.major;
    (before < major).then(|| i64::try_from(before).unwrap_or(i64::MAX))
}

/// Accounts that never chose a major stay in the one that they have, however few the new one reaches.
fn settles_majors(app: &App, service: &ServiceRow, version: &str) -> Option<Statement> {
    Some(Releases::settle_major(service.id, leaves_major(app, service, version)?))
}

/// Admins hear of a new major, which waits for their consent.
async fn new_major(app: &App, service: &ServiceRow, version: &str, rollout: u8) -> Result<Vec<Statement>, StoreError> {
    if rollout < 100 || leaves_major(app, service, version).is_none() {
        return Ok(Vec::new());
    }
    let all = app.store.accounts().addresses_of_service(service.id).await?;
    Ok(to_admins(app, service, &all, |outbox, emails, link| {
        outbox.put_to_admins(emails, &text::NewMajor { service: &service.title, version, link })
    }))
}
