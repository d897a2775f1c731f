//! Which release of a service answers an account's calls.

use semver::Version;

use super::{Requirement, rollout::reaches};
use crate::{ids::AccountId, words::worded};

worded! {
    /// What became of a release.
    ReleaseState, "state of a release" {
        /// It waits for the operator.
        Submitted = "submitted",
        /// It serves.
        Approved = "approved",
        /// The operator refused it.
        Rejected = "rejected",
        /// The vendor took it back: it serves only those who pinned it.
        Yanked = "yanked",
        /// It failed too often: it serves nobody.
        Stopped = "stopped",
    }
}

/// A release of the service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its id.
    pub id: i64,
    /// Its version.
    pub version: Version,
    /// What became of it.
    pub state: ReleaseState,
    /// Percent of accounts that get it.
    pub rollout: u8,
}

impl Candidate {
    /// Whether it may be given to those who did not ask for this very version.
    fn is_general(&self) -> bool {
        self.state == ReleaseState::Approved && self.version.pre.is_empty()
    }

    /// Whether everybody may have it.
    pub fn is_for_all(&self) -> bool {
        self.is_general() && self.rollout >= 100
    }
}

/// Who asks, and for what.
#[derive(Clone, Copy, Debug)]
pub struct Wish<'a> {
    /// The account.
    pub account: AccountId,
    /// What its admin requires.
    pub requirement: &'a Requirement,
    /// The major that its admin agreed to; `None` until a release served it.
    pub major: Option<u64>,
}

/// What an account gets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Resolved {
    /// The release that answers; `None` if none may.
    pub serves: Option<i64>,
    /// The highest version of a higher major that everybody may have: its admin may agree to it.
    pub offered_major: Option<Version>,
}

/// Chooses the release that answers an account's calls. The order of the candidates does not matter.
///
/// - Approved releases serve. A yanked one serves those whose requirement is that very version; submitted,
///   rejected and stopped ones serve nobody.
/// - `^current` is the highest of the major that the admin agreed to. Where there is no agreement yet, that
///   major is the one of the highest release that everybody has; if everybody has none, the lowest
///   that has reached the account.
/// - Any other requirement is the highest that matches, whatever its major.
/// - A release that is being rolled out serves the accounts that it [`reaches`]; others get the next lower one
///   that fits, or none.
/// - Pre-releases, and releases that have not reached the account, are for those who pinned them exactly.
pub fn resolve(candidates: &[Candidate], wish: &Wish<'_>) -> Resolved {
    let serves = match (wish.requirement.pinned(), wish.requirement) {
        (Some(version), _) => pinned(candidates, &version),
        (None, Requirement::Versions(versions)) => {
            highest(candidates, |candidate| is_for(candidate, wish) && versions.matches(&candidate.version))
        }
        (None, Requirement::Current) => current_major(candidates, wish).and_then(|major| {
            highest(candidates, |candidate| is_for(candidate, wish) && candidate.version.major == major)
        }),
    };
    let has = match (wish.requirement, serves) {
        (Requirement::Current, _) => current_major(candidates, wish),
        (_, Some(serves)) => Some(serves.version.major),
        (_, None) => wish.major,
    };
    let offered = has.and_then(|has| highest(candidates, |one| one.is_for_all() && one.version.major > has));
    Resolved { serves: serves.map(|one| one.id), offered_major: offered.map(|one| one.version.clone()) }
}

fn current_major(candidates: &[Candidate], wish: &Wish<'_>) -> Option<u64> {
    let newest = || {
        let for_all = highest(candidates, Candidate::is_for_all);
        let reached = candidates.iter().filter(|candidate| is_for(candidate, wish));
        for_all.or_else(|| reached.min_by_key(|candidate| candidate.version.major))
    };
    wish.major.or_else(|| newest().map(|candidate| candidate.version.major))
}

fn is_for(candidate: &Candidate, wish: &Wish<'_>) -> bool {
    candidate.is_general() && reaches(candidate.rollout, wish.account, candidate.id)
}

fn pinned<'a>(candidates: &'a [Candidate], version: &Version) -> Option<&'a Candidate> {
    use ReleaseState::{Approved, Yanked};
    highest(candidates, |candidate| {
        matches!(candidate.state, Approved | Yanked) && candidate.version.cmp_precedence(version).is_eq()
    })
}

/// The highest version; of the same version the one that came last, as a host's own release after an upgrade.
fn highest(candidates: &[Candidate], fits: impl Fn(&Candidate) -> bool) -> Option<&Candidate> {
    let fitting = candidates.iter().filter(|candidate| fits(candidate));
    fitting.max_by(|a, b| a.version.cmp_precedence(&b.version).then(a.id.cmp(&b.id)))
}

#[cfg(test)]
mod tests;
