//! A service with all of its releases that may serve, and which of them serves an account.

use std::{collections::HashMap, sync::Arc};

use iap_core::publishing::{Candidate, ReleaseState, Requirement, Resolved, Wish, resolve};
use iap_store::repositories::AccountRow;

use super::service::{Service, Status};

/// A service with its releases.
#[derive(Clone, Debug)]
pub struct Line {
    /// As its newest release serves it that serves all.
    pub usual: Arc<Service>,
    /// All releases that may serve somebody.
    pub candidates: Vec<Candidate>,
    /// The service as each of them serves it, by number.
    pub faces: HashMap<i64, Arc<Service>>,
}

impl Line {
    /// A service with one release, which serves all, or a remote provider.
    pub fn of(service: Service) -> Self {
        let service = Arc::new(service);
        let release = service.release.as_ref();
        let candidates = release.map(|release| Candidate {
            id: release.id,
            version: release.manifest().service.version.clone(),
            state: ReleaseState::Approved,
            rollout: 100,
        });
        let faces = release.map(|release| (release.id, Arc::clone(&service)));
        Self { candidates: candidates.into_iter().collect(), faces: faces.into_iter().collect(), usual: service }
    }

    /// The same with what is said of the service now: it may be suspended though its releases cannot be read anew.
    pub fn with_status(&self, status: &Status) -> Self {
        let with = |service: &Arc<Service>| {
            let status = Status { withdrawn: service.status.withdrawn, ..status.clone() };
            Arc::new(Service { status, ..Service::clone(service) })
        };
        Self {
            usual: with(&self.usual),
            candidates: self.candidates.clone(),
            faces: self.faces.iter().map(|(id, face)| (*id, with(face))).collect(),
        }
    }

    /// The service as it serves an account; as usual where there is no choice. Where no release may serve the account, that
    /// is said of it.
    pub fn serving(&self, account: &AccountRow) -> Arc<Service> {
        let is_only = self.candidates.len() < 2 && self.candidates.iter().all(Candidate::is_for_all);
        if is_only && account.version_requirement == "^current" {
            return Arc::clone(&self.usual);
        }
        if let Some(face) = self.resolve(account).serves.and_then(|id| self.faces.get(&id)) {
            return Arc::clone(face);
        }
        if self.usual.release.is_none() { Arc::clone(&self.usual) } else { self.usual.withdrawn() }
    }

    /// Which release serves an account, and which newer major version it is offered.
    pub fn resolve(&self, account: &AccountRow) -> Resolved {
        // What is stored was checked when it was set.
        let requirement = Requirement::parse(&account.version_requirement).unwrap_or_default();
        resolve(&self.candidates, &Wish { account: account.id, requirement: &requirement, major: account.major })
    }
}
