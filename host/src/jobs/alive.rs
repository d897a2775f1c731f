//! Says that this host lives, and takes over what dead ones left.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use iap_store::EngineKind;

use crate::{app::App, calls::recover::recover};

/// How often: a host that is silent for a minute is taken for dead.
const EVERY: Duration = Duration::from_secs(5);

/// How long this host takes nothing over after it could not say so: when the database comes back after a while,
/// everybody seems to be dead at first.
const STEADY: Duration = Duration::from_secs(60);

/// For ever.
pub async fn serve(app: Arc<App>) {
    let mut trusted_from = Instant::now();
    loop {
        match app.store.streams().alive().await {
            Ok(()) => {}
            Err(error) => {
                trusted_from = Instant::now() + STEADY;
                tracing::error!(error = %error, "This host could not say that it lives; others will take its calls over");
            }
        }
        // A SQLite file has one host: what earlier ones left was ended at its start.
        if trusted_from <= Instant::now() && app.store.engine() == EngineKind::Postgres {
            match recover(&app.store, &app.catalog).await {
                Ok(0) => {}
                Ok(calls) => tracing::warn!(calls, "Ended calls of a host that is dead"),
                Err(error) => {
                    tracing::error!(error = %error, "Calls of dead hosts could not be ended; it is tried again")
                }
            }
        }
        tokio::time::sleep(EVERY).await;
    }
}
