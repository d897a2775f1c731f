//! A release comes: whose it is, whether it is signed, whether it keeps what earlier ones promised.

use std::sync::Arc;

use ed25519_dalek::{Signature, VerifyingKey};
use iap_core::{hosting::VendorKind, manifest::Manifest, release::ReleaseFiles};
use iap_store::{
    Statement, StoreError,
    repositories::{NewRelease, ReleaseRow, Releases, ServiceRow, VendorState},
};

use super::{decide, inspect::InspectError, promise, report::ReleaseReport};
use crate::{app::App, catalog::digest_of, mail::texts as text};

/// A component that somebody publishes.
#[derive(Debug)]
pub struct Submission {
    /// Wire name of the service that it is for.
    pub service: String,
    /// Its bytes.
    pub component: Vec<u8>,
    /// Who publishes: a vendor with the key and signature of the release, or the operator.
    pub publisher: Publisher,
    /// Who it is, for the history.
    pub author: String,
}

/// On whose behalf a release is published.
#[derive(Clone, Debug)]
pub enum Publisher {
    /// A vendor.
    Vendor {
        /// Its name.
        name: String,
        /// Public key in hexadecimal.
        key: String,
        /// Signature of [`signed_text`].
        signature: Vec<u8>,
    },
    /// The operator, for any vendor.
    Operator,
}

/// What is stored of a release that came.
#[derive(Clone, Debug)]
pub struct Submitted {
    /// The release.
    pub release: ReleaseRow,
    /// What was computed of it.
    pub report: ReleaseReport,
}

/// Why a release is not taken.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// It is not what it should be: each reason with its remedy.
    #[error("{}", .0.join("; "))]
    Refused(Vec<String>),
    /// The service belongs to somebody else.
    #[error("{0}")]
    NotYours(String),
    /// The version is there.
    #[error("{0}")]
    Taken(String),
    /// It could not be looked into now.
    #[error(transparent)]
    Inspect(InspectError),
    /// Storage failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The host failed.
    #[error("{0}")]
    Host(String),
}

/// What a vendor signs: `iap release`, the service, the version and the SHA-256 of the component, a line each.
pub fn signed_text(service: &str, version: &str, digest: &str) -> String {
    format!("iap release\n{service}\n{version}\n{digest}\n")
}

/// What the host signs when a release is approved.
pub fn countersigned_text(service: &str, version: &str, digest: &str) -> String {
    format!("iap release approved\n{service}\n{version}\n{digest}\n")
}

/// Takes a release in. It goes on if who sent it hangs up, so that sending it again does not begin anew.
pub async fn submit(app: &Arc<App>, submission: Submission) -> Result<Submitted, SubmitError> {
    let app = Arc::clone(app);
    let task = tokio::spawn(async move { take_in(&app, submission).await });
    task.await.unwrap_or_else(|error| Err(SubmitError::Host(format!("looking into the release failed: {error}"))))
}

async fn take_in(app: &Arc<App>, submission: Submission) -> Result<Submitted, SubmitError> {
    let Submission { service, component, publisher, author } = submission;
    may_publish(app, &publisher).await?;
    let digest = digest_of(&component);
    let size = component.len();
    let component = Arc::new(component);
    let vendor = match &publisher {
        Publisher::Vendor { name, .. } => name.as_str(),
        Publisher::Operator => "",
    };
    let inspection = app.inspector.inspect_for(vendor, Arc::clone(&component)).await.map_err(|error| match error {
        InspectError::Refused(reasons) => SubmitError::Refused(reasons),
        error => SubmitError::Inspect(error),
    })?;
    let files = inspection
        .files
        .iter()
        .try_fold(ReleaseFiles::default(), |files, (path, text)| files.with(path, text.as_str()));
    let files = files.map_err(|error| SubmitError::Refused(vec![error.to_string()]))?;
    let manifest = Manifest::parse(&files).map_err(|errors| SubmitError::Refused(vec![errors.to_string()]))?;
    let declared = &manifest.service;
    if declared.name != service {
        let why = format!(
            "plugin.toml says service {:?}, and this is published as {service:?}; make them the same",
            declared.name
        );
        return Err(SubmitError::Refused(vec![why]));
    }
    let version = declared.version.to_string();
    signed(app, &publisher, &manifest, &digest).await?;
    let kind = app.config.vendor_kind(&declared.vendor);
    manifest.check_routes_for(kind).map_err(|errors| SubmitError::Refused(vec![errors.to_string()]))?;
    let (row, begins) = own_service(app, &manifest, &author).await?;
    paths_are_free(app, &manifest)?;
    let earlier = app.store.releases().of_service(row.id).await?;
    if let Some(there) = earlier.iter().find(|release| release.version == version) {
        let what = if there.digest == digest {
            format!(
                "{service} {version} has come before, with these very bytes, and is {}; there is nothing to do",
                there.state
            )
        } else {
            format!(
                "{service} {version} was published before and releases are never changed; raise the version in plugin.toml"
            )
        };
        return Err(SubmitError::Taken(what));
    }
    let host = |error: anyhow::Error| SubmitError::Host(error.to_string());
    let comparison = promise::against_earlier(app, &row, &manifest, &files).await.map_err(host)?;
    let refusals = promise::refusals(comparison.as_ref());
    if !refusals.is_empty() {
        return Err(SubmitError::Refused(refusals));
    }
    let report = ReleaseReport::new(inspection, comparison);
    let (public_key, signature) = match publisher {
        Publisher::Vendor { key, signature, .. } => (Some(key), Some(signature)),
        Publisher::Operator => (None, None),
    };
    let texts: std::collections::BTreeMap<&str, &str> = files.iter().collect();
    let json = |error: serde_json::Error| SubmitError::Host(error.to_string());
    let new = NewRelease {
        id: app.store.ids().next(),
        service: row.id,
        version: version.clone(),
        digest,
        files: serde_json::to_string(&texts).map_err(json)?,
        size: i64::try_from(size).unwrap_or(i64::MAX),
        public_key,
        signature,
        report: serde_json::to_string(&report).map_err(json)?,
        author: author.clone(),
    };
    let (id, now) = (new.id, app.store.clock().now());
    let bytes = Arc::try_unwrap(component).unwrap_or_else(|shared| Vec::clone(&shared));
    let mut statements = begins;
    statements.extend(Releases::submit(new, bytes, now));
    statements.extend(app.store.catalog_events().record(row.id, Some(id), "submitted", &version, &author, now));
    // In development nobody waits for an operator.
    if !app.config.dev
        && let Some(email) = vendor_email(app, &declared.vendor).await?
    {
        let text = text::ReleaseSubmitted { service: &service, version: &version };
        statements.push(app.outbox().put(&email, &text));
    }
    match app.store.write(statements).await {
        Err(StoreError::Conflict(conflict)) if conflict.constraint.is_empty() => return Err(not_yours(&manifest)),
        Err(error) if error.is_conflict_on("release") => {
            return Err(SubmitError::Taken(format!(
                "{service} {version} was published just now by somebody else; raise the version"
            )));
        }
        done => drop(done?),
    }
    app.ring_for_mail();
    if app.config.dev {
        decide::approve(app, &row, &version, 100, "host")
            .await
            .map_err(|error| SubmitError::Host(error.to_string()))?;
    }
    let release = app.store.releases().get(row.id, &version).await?;
    let release = release.ok_or_else(|| SubmitError::Host("a release that was just stored is missing".to_owned()))?;
    Ok(Submitted { release, report })
}

/// Where mails to a vendor go, if it has said.
pub(super) async fn vendor_email(app: &App, vendor: &str) -> Result<Option<String>, StoreError> {
    Ok(app.store.vendor_profiles().get(vendor).await?.and_then(|row| row.profile.email))
}

async fn may_publish(app: &App, publisher: &Publisher) -> Result<(), SubmitError> {
    let Publisher::Vendor { name, .. } = publisher else { return Ok(()) };
    match app.store.vendor_profiles().get(name).await?.map(|row| row.state) {
        Some(VendorState::Approved) => Ok(()),
        Some(VendorState::Unconfirmed) => Err(SubmitError::NotYours(format!(
            "the address of {name} is not confirmed yet; type the code that was mailed: `iap vendor confirm`"
        ))),
        Some(VendorState::Waiting) => Err(SubmitError::NotYours(format!(
            "{name} waits for the operator's approval; you are mailed when it comes"
        ))),
        Some(VendorState::Refused) => Err(SubmitError::NotYours(format!(
            "the operator of this host has refused {name}; it publishes nothing here. Write to the operator"
        ))),
        None => {
            Err(SubmitError::NotYours(format!("{name} is no vendor of this host; sign up with `iap vendor sign-up`")))
        }
    }
}

async fn signed(app: &App, publisher: &Publisher, manifest: &Manifest, digest: &str) -> Result<(), SubmitError> {
    let Publisher::Vendor { name, key, signature } = publisher else { return Ok(()) };
    let declared = &manifest.service;
    if declared.vendor != *name {
        return Err(SubmitError::NotYours(format!(
            "plugin.toml says vendor {:?} and the token is of {name:?}; write vendor = {name:?}, or log in for the other",
            declared.vendor
        )));
    }
    let known = app.store.vendor_keys().get(key).await?;
    if !known.is_some_and(|known| known.vendor == *name && known.revoked_at.is_none()) {
        return Err(SubmitError::NotYours(format!(
            "{name} has no signing key {key}, or it was revoked; `iap plugin publish` registers this machine's key"
        )));
    }
    let text = signed_text(&declared.name, &declared.version.to_string(), digest);
    let verifies = || {
        let key: [u8; 32] = hex::decode(key).ok()?.try_into().ok()?;
        let key = VerifyingKey::from_bytes(&key).ok()?;
        key.verify_strict(text.as_bytes(), &Signature::from_slice(signature).ok()?).ok()
    };
    verifies().ok_or_else(|| {
        SubmitError::Refused(vec![
            "the signature is not of this key over this component; publish with `iap plugin publish`, which signs"
                .to_owned(),
        ])
    })
}

/// Names on the wire of services that Odoo's own modules call: they are for first-party vendors, whoever comes first.
const RESERVED: &[&str] = &[
    "sms",
    "snailmail",
    "invoice_ocr",
    "documents_digitization",
    "partner_autocomplete",
    "reveal",
    "lead_enrich",
    "itsme_proxy",
    "sign_itsme",
    "website_crm_iap_reveal",
];

fn not_yours(manifest: &Manifest) -> SubmitError {
    let declared = &manifest.service;
    SubmitError::NotYours(format!(
        "service {:?} belongs to another vendor than {:?}, or is a remote service; choose another name",
        declared.name, declared.vendor
    ))
}

/// The service, and what records it if it is new: in the commit of its first release, so that nobody takes a name without.
async fn own_service(
    app: &App,
    manifest: &Manifest,
    author: &str,
) -> Result<(ServiceRow, Vec<Statement>), SubmitError> {
    let (declared, services, now) = (&manifest.service, app.store.services(), app.store.clock().now());
    let known = services.by_name(&declared.name).await?;
    if let Some(row) = known {
        if row.vendor != declared.vendor || row.kind != "plugin" {
            return Err(not_yours(manifest));
        }
        if row.discontinued_at.is_some() {
            let why = format!("{} is discontinued; nothing can be published for it any more", row.name);
            return Err(SubmitError::Refused(vec![why]));
        }
        return Ok((row, Vec::new()));
    }
    let kind = app.config.vendor_kind(&declared.vendor);
    let mut statements = Vec::new();
    if author == "operator" {
        let title = app.config.vendor_title(&declared.vendor);
        statements.push(services.vendor(&declared.vendor, title, kind.as_str(), now));
    }
    if kind == VendorKind::ThirdParty && RESERVED.contains(&declared.name.as_str()) {
        let why = format!("{:?} is the name of a service of Odoo's own; choose another name", declared.name);
        return Err(SubmitError::NotYours(why));
    }
    let id = app.store.ids().service();
    statements.push(services.plugin(id, &declared.name, &declared.title, &declared.vendor, &declared.unit, now));
    let row = ServiceRow {
        id,
        name: declared.name.clone(),
        title: declared.title.clone(),
        vendor: declared.vendor.clone(),
        vendor_kind: kind.as_str().to_owned(),
        kind: "plugin".to_owned(),
        unit: declared.unit.clone(),
        packs: "[]".to_owned(),
        suspended: None,
        discontinued_at: None,
        ends_at: None,
        ended_at: None,
    };
    Ok((row, statements))
}

/// Odoo paths have one owner each.
fn paths_are_free(app: &App, manifest: &Manifest) -> Result<(), SubmitError> {
    let taken = manifest.routes.iter().filter_map(|route| {
        let owner = app.catalog.route(&route.path)?.service;
        (owner.name != manifest.service.name)
            .then(|| format!("path {} belongs to service {}; one path has one owner", route.path, owner.name))
    });
    let taken: Vec<String> = taken.collect();
    if taken.is_empty() { Ok(()) } else { Err(SubmitError::Refused(taken)) }
}
