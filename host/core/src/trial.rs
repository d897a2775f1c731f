//! Who is given trial credits.
//!
//! This is the database's part of the rule. That a service gives a trial once per database is kept by
//! the store's unique index.

use crate::words::worded;

worded! {
    /// Odoo's edition, as the operator declared.
    Edition, "edition" {
        /// Community.
        Community = "community",
        /// Enterprise.
        Enterprise = "enterprise",
        /// Nobody said.
        Unknown = "unknown",
    }
}

worded! {
    /// What a database is for, as the operator declared.
    Purpose, "purpose" {
        /// Real work.
        Production = "production",
        /// Shows Odoo to a prospect.
        Demo = "demo",
        /// Used in a course.
        Training = "training",
        /// Used by a school.
        Educational = "educational",
        /// Odoo's plan of one application for free.
        OneAppFree = "one_app_free",
    }
}

/// What the operator declared about a database, as far as a trial depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Declared {
    /// Its edition.
    pub edition: Edition,
    /// Whether it has a valid Enterprise subscription.
    pub subscription_valid: bool,
    /// What it is for.
    pub purpose: Purpose,
}

/// Why a database is given no trial, in the order checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotEligible {
    /// Nobody declared the edition.
    #[error(
        "trial credits need a declared Enterprise edition; ask the operator of this host to declare the edition of this database"
    )]
    EditionUnknown,
    /// Community databases get none.
    #[error("trial credits are for Enterprise databases; buy a pack instead")]
    CommunityEdition,
    /// Enterprise, for production, without a subscription.
    #[error("trial credits need a valid subscription; renew it, then ask the operator of this host to declare it")]
    NoValidSubscription,
}

/// Whether a database may be given trial credits: Enterprise, with a valid subscription or for a
/// purpose that needs none.
pub const fn eligible(database: Declared) -> Result<(), NotEligible> {
    match database.edition {
        Edition::Unknown => return Err(NotEligible::EditionUnknown),
        Edition::Community => return Err(NotEligible::CommunityEdition),
        Edition::Enterprise => {}
    }
    match database.purpose {
        Purpose::Demo | Purpose::Training | Purpose::Educational | Purpose::OneAppFree => Ok(()),
        Purpose::Production if database.subscription_valid => Ok(()),
        Purpose::Production => Err(NotEligible::NoValidSubscription),
    }
}

#[cfg(test)]
mod tests {
    use super::{Edition::*, NotEligible::*, Purpose::*, *};

    #[test]
    fn a_trial_is_for_enterprise_with_a_subscription_or_a_purpose_that_needs_none() {
        // (edition, purpose, answer without a subscription, answer with one)
        let table = [
            (Enterprise, Production, Err(NoValidSubscription), Ok(())),
            (Enterprise, Demo, Ok(()), Ok(())),
            (Enterprise, Training, Ok(()), Ok(())),
            (Enterprise, Educational, Ok(()), Ok(())),
            (Enterprise, OneAppFree, Ok(()), Ok(())),
            (Community, Production, Err(CommunityEdition), Err(CommunityEdition)),
            (Community, Demo, Err(CommunityEdition), Err(CommunityEdition)),
            (Community, Training, Err(CommunityEdition), Err(CommunityEdition)),
            (Community, Educational, Err(CommunityEdition), Err(CommunityEdition)),
            (Community, OneAppFree, Err(CommunityEdition), Err(CommunityEdition)),
            (Unknown, Production, Err(EditionUnknown), Err(EditionUnknown)),
            (Unknown, Demo, Err(EditionUnknown), Err(EditionUnknown)),
            (Unknown, Training, Err(EditionUnknown), Err(EditionUnknown)),
            (Unknown, Educational, Err(EditionUnknown), Err(EditionUnknown)),
            (Unknown, OneAppFree, Err(EditionUnknown), Err(EditionUnknown)),
        ];
        assert_eq!(table.len(), Edition::ALL.len() * Purpose::ALL.len(), "every combination");
        for (edition, purpose, without, with) in table {
            let database = Declared { edition, purpose, subscription_valid: false };
            assert_eq!(eligible(database), without, "{database:?}");
            let database = Declared { subscription_valid: true, ..database };
            assert_eq!(eligible(database), with, "{database:?}");
        }
    }

    #[test]
    fn words_are_those_of_the_wire() {
        assert_eq!("one_app_free".parse(), Ok(OneAppFree));
        assert_eq!(
            "test".parse::<Purpose>().unwrap_err().to_string(),
            "\"test\" is no purpose; write one of production, demo, training, educational, one_app_free"
        );
        assert_eq!(
            NoValidSubscription.to_string(),
            "trial credits need a valid subscription; renew it, then ask the operator of this host to declare it"
        );
    }
}
