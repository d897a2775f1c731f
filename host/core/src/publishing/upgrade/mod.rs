//! What a new release changes, and whether it may: semver as a promise to the admins who pay.
//!
//! Within a major nothing may get dearer, reach further or stop working: [`compare`] names each such difference
//! with its numbers. The promise counts from the first release on, for 0.x too. Differences that break nothing
//! are named as well, for the one who approves.

mod access;
mod offers;
mod operations;
mod packs;
mod prices;

use std::collections::BTreeSet;

use semver::Version;
use serde::{Deserialize, Serialize};

use crate::{manifest::Manifest, release::ReleaseFiles, words::worded};

pub use packs::pack_edit;
pub(super) use prices::price_edit;

worded! {
    /// How far a version is from the one before.
    Bump, "kind of bump" {
        /// Another major: what breaks waits for the admin's consent.
        Major = "major",
        /// The same major, another minor.
        Minor = "minor",
        /// The same major and minor.
        Patch = "patch",
        /// No higher version at all.
        NotNewer = "not_newer",
    }
}

impl Bump {
    /// From a version to another; what is built of it does not count.
    pub fn between(old: &Version, new: &Version) -> Self {
        match new.cmp_precedence(old) {
            order if order.is_le() => Self::NotNewer,
            _ if new.major != old.major => Self::Major,
            _ if new.minor != old.minor => Self::Minor,
            _ => Self::Patch,
        }
    }
}

worded! {
    /// What a difference is about.
    Kind, "kind of difference" {
        /// The version itself.
        Version = "version",
        /// Name of the service.
        Service = "service",
        /// Who publishes it.
        Vendor = "vendor",
        /// What one unit of credits is.
        Unit = "unit",
        /// How long credits last, and whose the money is of those that expire.
        Expiry = "expiry",
        /// Trial credits.
        Trial = "trial",
        /// What is sold.
        Pack = "pack",
        /// The number of a price.
        Price = "price",
        /// A priced item, or a row of its table, that comes or goes, or a price that begins to vary.
        Item = "item",
        /// Most credits of one call.
        MaxPerCall = "max_per_call",
        /// An operation, or how it behaves.
        Operation = "operation",
        /// Schema of an input.
        Input = "input",
        /// Schema of an output.
        Output = "output",
        /// Hosts that are called.
        Endpoint = "endpoint",
        /// Hosts that data goes to.
        DataHost = "data_host",
        /// Permissions.
        Permission = "permission",
        /// Limits of a run.
        Limit = "limit",
        /// Values to set.
        Config = "config",
        /// Secrets to set.
        Secret = "secret",
        /// Paths for providers.
        Hook = "hook",
        /// Paths for databases.
        Route = "route",
        /// What the account form shows.
        Information = "information",
        /// Texts that are shown.
        Text = "text",
    }
}

impl Kind {
    /// Whether not even a major may break it.
    pub const fn is_fixed(self) -> bool {
        matches!(self, Self::Version | Self::Service | Self::Vendor)
    }
}

/// One thing that a new release changes. Shown as `place: message`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    /// What it is about.
    pub what: Kind,
    /// Where it stands: a file with a place in it, or a table of `plugin.toml`.
    pub place: String,
    /// What changes, with its numbers.
    pub message: String,
    /// Whether it breaks the promise.
    pub breaks: bool,
}

impl Difference {
    /// Whether an edit of prices may bring it with notice: a price that rises, and nothing that goes.
    pub fn needs_notice(&self) -> bool {
        self.breaks && self.what == Kind::Price
    }

    /// Why it is refused, for whoever publishes it: what breaks, and what may bring it.
    pub fn refusal(&self) -> String {
        if self.what.is_fixed() { self.to_string() } else { format!("{self}; only a new major may") }
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.place, self.message)
    }
}

/// All that a new release changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// How far its version is from the old one.
    pub bump: Bump,
    /// What changes, in the order of the manifest's sections.
    pub differences: Vec<Difference>,
}

impl Comparison {
    /// Why it may not be published under this version: of a major only what [no release may](Kind::is_fixed).
    pub fn refusals(&self) -> impl Iterator<Item = &Difference> {
        let may_break = self.bump == Bump::Major;
        self.differences.iter().filter(move |one| one.breaks && (!may_break || one.what.is_fixed()))
    }
}

/// Compares a new release with the one that its accounts have, which [`predecessor`] finds.
///
/// Where price tables were edited since the old release, `old` has the tables that are in force.
pub fn compare(old: &Manifest, old_files: &ReleaseFiles, new: &Manifest, new_files: &ReleaseFiles) -> Comparison {
    let mut found = Found::default();
    let bump = Bump::between(&old.service.version, &new.service.version);
    offers::service(&mut found, bump, &old.service, &new.service);
    offers::trial(&mut found, old.trial, new.trial);
    packs::packs(&mut found, &old.packs, &new.packs);
    operations::operations(&mut found, operations::Release(old, old_files), operations::Release(new, new_files));
    access::endpoints(&mut found, old, new);
    access::settings(&mut found, old, new);
    access::permissions(&mut found, &old.permissions, &new.permissions);
    access::limits(&mut found, &old.limits, &new.limits);
    access::hooks(&mut found, &old.hooks, &new.hooks);
    access::routes(&mut found, &old.routes, &new.routes);
    offers::information(&mut found, old, new);
    Comparison { bump, differences: found.differences }
}

/// The version that a new one is compared with: the highest of its own major, which a new one must exceed, else
/// the highest of a lower major. Pre-releases promise nothing; give the versions that serve.
pub fn predecessor<'a>(published: impl IntoIterator<Item = &'a Version>, new: &Version) -> Option<&'a Version> {
    let known = published.into_iter().filter(|version| version.pre.is_empty() && version.major <= new.major);
    known.max_by(|a, b| a.cmp_precedence(b))
}

/// Differences as they are found, each once: operations share tables and schemas.
#[derive(Default)]
struct Found {
    seen: BTreeSet<(String, String)>,
    differences: Vec<Difference>,
}

impl Found {
    fn add(&mut self, what: Kind, place: &str, message: String, breaks: bool) {
        if self.seen.insert((place.to_owned(), message.clone())) {
            self.differences.push(Difference { what, place: place.to_owned(), message, breaks });
        }
    }

    /// What breaks the promise.
    fn breaks(&mut self, what: Kind, place: &str, message: impl std::fmt::Display) {
        self.add(what, place, message.to_string(), true);
    }

    /// What is good to know.
    fn notes(&mut self, what: Kind, place: &str, message: impl std::fmt::Display) {
        self.add(what, place, message.to_string(), false);
    }

    /// What breaks, or is good to know.
    fn tell(&mut self, what: Kind, breaks: bool, place: &str, message: impl std::fmt::Display) {
        if breaks { self.breaks(what, place, message) } else { self.notes(what, place, message) }
    }
}

#[cfg(test)]
mod tests;
