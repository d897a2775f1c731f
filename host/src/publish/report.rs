//! What is computed of a release when it comes, for whoever approves it.

use iap_core::publishing::{Bump, Comparison};
use semver::Version;
use serde::{Deserialize, Serialize};

use super::inspect::Inspection;

/// What a release is, does and costs, and what it changes.
#[derive(Clone, Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ReleaseReport {
    /// What was found in its component.
    #[serde(flatten)]
    pub inspection: Inspection,
    /// The version that it was compared with; absent for the first release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compared_with: Option<String>,
    /// `major`, `minor` or `patch`; absent for the first release.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bump: Option<String>,
    /// What it changes.
    #[serde(default)]
    pub differences: Vec<ReportedDifference>,
}

/// Something that a release changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
pub struct ReportedDifference {
    /// Where, as `prices/sms.csv`.
    pub place: String,
    /// In words, with the numbers.
    pub message: String,
    /// Only a new major version may.
    pub breaks: bool,
}

impl ReleaseReport {
    /// Joins what was found with what it changes.
    pub fn new(inspection: Inspection, comparison: Option<(Version, Comparison)>) -> Self {
        let Some((before, comparison)) = comparison else {
            return Self { inspection, compared_with: None, bump: None, differences: Vec::new() };
        };
        let bump = match comparison.bump {
            Bump::Major => "major",
            Bump::Minor => "minor",
            Bump::Patch => "patch",
            Bump::NotNewer => "not newer",
        };
        let shown = comparison.differences.into_iter().map(|difference| ReportedDifference {
            place: difference.place,
            message: difference.message,
            breaks: difference.breaks,
        });
        Self {
            inspection,
            compared_with: Some(before.to_string()),
            bump: Some(bump.to_owned()),
            differences: shown.collect(),
        }
    }
}
