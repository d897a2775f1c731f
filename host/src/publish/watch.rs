//! Releases that fail too often are stopped, and what served before serves again.

use iap_core::publishing::{
    Candidate,
    rollout::{Health, Verdict, judge},
};
use iap_store::StoreError;

use super::decide;
use crate::{app::App, catalog::Line};

/// How long a release is watched from its approval, and from each step of its rollout, in seconds.
const WATCHED: i64 = 24 * 3600;
/// Over which time failures are counted, in seconds.
const WINDOW: i64 = 15 * 60;

/// Looks at all releases that came lately.
pub async fn watch(app: &App) -> anyhow::Result<()> {
    let now = app.store.clock().now();
    for (row, since) in app.store.releases().grown_since(now.plus_seconds(-WATCHED)).await? {
        let Some(service) = app.catalog.by_id(row.service) else { continue };
        let Some(line) = app.catalog.line(&service.name) else { continue };
        // What nobody can fall back to is not stopped: its callers pay nothing for what fails.
        let Some(before) = falls_back(&line, row.id) else { continue };
        let from = since.max(now.plus_seconds(-WINDOW));
        let new = health(app, row.id, from).await?;
        let old = health(app, before.id, now.plus_seconds(-WATCHED)).await?;
        let Verdict::Stop { reason } = judge(new, old) else { continue };
        tracing::warn!(service = service.name, version = row.version, reason, "A release is stopped");
        let Some(stored) = app.store.services().by_name(&service.name).await? else { continue };
        let instead = format!("{} {} serves again, for all accounts that had it.", service.name, before.version);
        match decide::stop(app, &stored, &row.version, &reason, &instead).await {
            Ok(()) | Err(decide::DecideError::WrongState(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// What serves its accounts when a release is stopped: the next lower one of its major that serves all.
fn falls_back(line: &Line, release: i64) -> Option<&Candidate> {
    let new = line.candidates.iter().find(|candidate| candidate.id == release)?;
    let lower = line
        .candidates
        .iter()
        .filter(|one| one.is_for_all() && one.version.major == new.version.major && one.version < new.version);
    lower.max_by(|a, b| a.version.cmp(&b.version))
}

async fn health(app: &App, release: i64, since: iap_core::Time) -> Result<Health, StoreError> {
    let (calls, failures) = app.store.release_health().since(release, since).await?;
    Ok(Health { calls: u64::try_from(calls).unwrap_or(0), failures: u64::try_from(failures).unwrap_or(0) })
}
