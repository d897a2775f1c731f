//! Publishing: releases come, are looked into, approved, rolled out, watched and taken back.
//!
//! ```text
//! upload ──► inspect (a process of its own) ──► submit: whose, signed, a promise kept? ──► submitted
//!                                                                                            │ decide
//!          account ──► catalog::Line::serving ◄── approved, for some percent of accounts ◄───┘
//!                                                     │ watch: fails too often ──► stopped
//! ```
//!
//! Releases are immutable and known by the SHA-256 of their component. What changes without one is a revision
//! ([`edit`]), kept for ever.

pub mod decide;
pub mod edit;
mod ends;
mod health;
pub mod inspect;
mod logs;
mod promise;
pub mod report;
pub mod submit;
mod watch;

use std::{sync::Arc, time::Duration};

use iap_core::Time;
use iap_store::repositories::{PluginLogs, ReleaseHealth};

pub use health::Health;
pub use logs::Logs;

use crate::app::App;

/// How often a host looks whether the catalog has changed.
const LOOK: Duration = Duration::from_secs(1);
/// Every how many looks releases are watched, and services end.
const WATCH: u32 = 10;
/// Every how many looks old lines of logs are swept.
const SWEEP: u32 = 30;
/// How long other changes of the catalog wait for a release to be loaded.
const WARM: Duration = Duration::from_secs(10);
/// How long lines of logs are kept, in seconds.
const KEEP_LOGS: i64 = 7 * 24 * 3600;
/// How long counts of calls are kept, in seconds.
const KEEP_HEALTH: i64 = 2 * 24 * 3600;

/// Follows the catalog, stores what was counted and logged, and watches releases, until it is dropped.
pub async fn serve(app: Arc<App>) {
    let mut follows = Follows::default();
    let mut round = 0_u32;
    loop {
        tokio::time::sleep(LOOK).await;
        round = round.wrapping_add(1);
        if let Err(error) = follows.look(&app).await {
            tracing::error!(%error, "The catalog could not be read anew; it is tried again");
        }
        for done in [app.health.flush(&app.store).await, app.logs.flush(&app.store).await] {
            if let Err(error) = done {
                tracing::warn!(%error, "Counts or lines of plugins could not be stored; it is tried again");
            }
        }
        if round.is_multiple_of(WATCH)
            && let Err(error) = watch::watch(&app).await
        {
            tracing::error!(%error, "Releases could not be watched; it is tried again");
        }
        if round.is_multiple_of(WATCH)
            && let Err(error) = ends::end(&app).await
        {
            tracing::error!(%error, "A discontinued service could not be ended; it is tried again");
        }
        if round.is_multiple_of(SWEEP) {
            let now = app.store.clock().now();
            let old = vec![
                PluginLogs::sweep(now.plus_seconds(-KEEP_LOGS), 1_000),
                ReleaseHealth::sweep(now.plus_seconds(-KEEP_HEALTH)),
            ];
            if let Err(error) = app.store.write(old).await {
                tracing::warn!(%error, "Old lines of logs were not swept; it is tried again");
            }
        }
    }
}

/// Loads releases that another host has approved.
async fn warm_up(app: &Arc<App>) -> anyhow::Result<()> {
    let decided = app.store.releases().decided().await?;
    for release in decided.into_iter().filter(|one| one.state == "approved" && app.catalog.known(one.id).is_none()) {
        let app = Arc::clone(app);
        let loads = tokio::spawn(async move { crate::catalog::warm(&app, &release).await });
        // It goes on loading beside what it keeps waiting for too long.
        drop(tokio::time::timeout(WARM, loads).await);
    }
    Ok(())
}

/// What this host has seen of the catalog.
#[derive(Default)]
struct Follows {
    version: Option<i64>,
    next: Option<Time>,
}

impl Follows {
    /// Reads the catalog anew if it has changed, here or at another host, or if something is due.
    async fn look(&mut self, app: &Arc<App>) -> anyhow::Result<()> {
        let version = app.store.catalog_events().version().await?;
        let due = self.next.is_some_and(|next| next <= app.store.clock().now());
        if self.version == Some(version) && !due {
            return Ok(());
        }
        if self.version.is_some() {
            warm_up(app).await?;
        }
        self.next = crate::catalog::refresh(app).await?;
        // Also at the first look: something may have been set since this host read its settings.
        app.reconfigure().await?;
        self.version = Some(version);
        Ok(())
    }
}
