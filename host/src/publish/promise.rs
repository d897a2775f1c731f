//! Whether a release keeps what those before it promised: when it comes, and again when it begins to serve.

use iap_core::{
    manifest::Manifest,
    publishing::{
        Comparison, ReleaseState, compare,
        upgrade::{Difference, predecessor},
    },
    release::ReleaseFiles,
};
use iap_store::repositories::{ReleaseRow, ServiceRow};
use semver::Version;

use super::decide::DecideError;
use crate::{app::App, catalog::files_of};

/// What changes against the release that it follows: the highest below it that serves, with the prices that count.
pub async fn against_earlier(
    app: &App,
    row: &ServiceRow,
    manifest: &Manifest,
    files: &ReleaseFiles,
) -> anyhow::Result<Option<(Version, Comparison)>> {
    compared(app, row, manifest, files, |_| true).await
}

async fn compared(
    app: &App,
    row: &ServiceRow,
    manifest: &Manifest,
    files: &ReleaseFiles,
    counts: impl Fn(&Version) -> bool,
) -> anyhow::Result<Option<(Version, Comparison)>> {
    let Some(line) = app.catalog.line(&row.name) else { return Ok(None) };
    // What serves, or served until it was taken back: it was promised.
    let promised = line
        .candidates
        .iter()
        .filter(|one| matches!(one.state, ReleaseState::Approved | ReleaseState::Yanked) && counts(&one.version));
    let promised: Vec<_> = promised.collect();
    let before = predecessor(promised.iter().map(|one| &one.version), &manifest.service.version);
    let before = promised.iter().find(|one| Some(&one.version) == before);
    let Some(release) = before.and_then(|one| line.faces.get(&one.id)?.release.as_ref()) else { return Ok(None) };
    let old_files = files_of(&app.store, release.id).await?;
    let comparison = compare(release.manifest(), &old_files, manifest, files);
    Ok(Some((release.manifest().service.version.clone(), comparison)))
}

/// Why a release may not be published, each reason with what it would need.
pub fn refusals(comparison: Option<&(Version, Comparison)>) -> Vec<String> {
    let Some((before, comparison)) = comparison else { return Vec::new() };
    let next = Version::new(before.major + 1, 0, 0);
    let told = |why: &Difference| format!("{} (against {before}; it would need version {next})", why.refusal());
    comparison.refusals().map(told).collect()
}

/// Refuses a stored release that broke a promise by serving more accounts now: others were approved since it came, or
/// prices fell.
pub(super) async fn kept(app: &App, service: &ServiceRow, release: &ReleaseRow) -> Result<(), DecideError> {
    let host = |error: anyhow::Error| DecideError::Host(error.to_string());
    let files = files_of(&app.store, release.id).await.map_err(host)?;
    // Of one that serves already: with its own tables as they count.
    let line = app.catalog.line(&service.name);
    let face = line.as_ref().and_then(|line| line.faces.get(&release.id)?.release.as_ref());
    let manifest = match face {
        Some(face) => face.manifest().clone(),
        None => Manifest::parse(&files).map_err(|errors| DecideError::Host(errors.to_string()))?,
    };
    let own = &manifest.service.version;
    let lower = |other: &Version| other.cmp_precedence(own).is_lt();
    let comparison = compared(app, service, &manifest, &files, lower).await.map_err(host)?;
    let refusals = refusals(comparison.as_ref());
    if refusals.is_empty() {
        return Ok(());
    }
    Err(DecideError::WrongState(format!(
        "{} {} would break what is promised by now; publish a new version: {}",
        service.name,
        release.version,
        refusals.join("; ")
    )))
}
