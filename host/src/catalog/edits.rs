//! What of a service was edited without a release, as revisions keep it.

use std::collections::BTreeMap;

use iap_core::{Time, manifest::Manifest, release::ReleaseFiles};
use iap_store::repositories::RevisionRow;
use semver::Version;
use serde::{Deserialize, Serialize};

use super::packs::PackText;

/// Texts of a service that were edited without a release; what is absent is as the release says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Texts {
    /// Shown name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// One sentence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub summary: Option<String>,
    /// Shown category.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
}

/// Packs that were edited without a release.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PackEdit {
    /// The major version whose packs they replace.
    pub major: u64,
    /// What is sold.
    pub packs: Vec<PackText>,
}

/// Price tables that were edited without a release.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PriceEdit {
    /// The release whose tables they replace, and all before it in its major version.
    pub version: Version,
    /// Text of each table, by file.
    pub tables: BTreeMap<String, String>,
    /// Whether some price rises, of which customers were told.
    pub rises: bool,
}

impl PriceEdit {
    /// Those of a release among the revisions of its service, in the order in which they count, each with the moment from which
    /// on it does.
    pub fn of(release: &Manifest, revisions: &[RevisionRow]) -> anyhow::Result<Vec<(Time, Self)>> {
        let mut edits = Vec::new();
        for row in revisions.iter().filter(|row| row.kind == "prices") {
            let edit: Self = serde_json::from_str(&row.value)?;
            if edit.concerns(release) {
                edits.push((row.effective_at, row.id, edit));
            }
        }
        edits.sort_by_key(|(at, id, _)| (*at, *id));
        Ok(edits.into_iter().map(|(at, _, edit)| (at, edit)).collect())
    }

    fn concerns(&self, release: &Manifest) -> bool {
        let version = &release.service.version;
        self.version.major == version.major && *version <= self.version
    }

    /// The files of a release with these tables, as far as they are its price tables.
    pub fn on(&self, mut files: ReleaseFiles, release: &Manifest) -> anyhow::Result<ReleaseFiles> {
        let tables = release.price_tables();
        for (path, text) in self.tables.iter().filter(|(path, _)| tables.contains(path.as_str())) {
            files = files.with(path, text.as_str())?;
        }
        Ok(files)
    }
}
